"""Runs the commands of a Markdown page's ```console blocks, in order, and compares what they print with what the page shows.

usage: walkthrough.py PAGE.md

A block that opens with ```yaml NAME.yaml is written to that file of the current folder first.

A line `$ COMMAND` is run by bash in the current folder; the lines up to the next one are its output (both streams). A
line `...` stands for any lines, `[..]` in a line for any text; times and rates may be any. A command with nothing shown may
print anything. It must exit with 0, or with N where it ends in the comment `# exit status N`.
"""

import re
import subprocess
import sys


def commands(page):
    """(line number, command, shown lines) of every `$ ` line in a console block."""
    found, inside = [], False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append((number, line[2:], []))
        elif inside and found:
            found[-1][2].append(line)
    return found


def write_files(page):
    """Writes the page's named YAML blocks."""
    for name, text in re.findall(r"^```yaml (\S+\.yaml)\n(.*?)^```$", page, re.M | re.S):
        with open(name, "w") as file:
            file.write(text)


def matches(shown, printed):
    """Do the printed lines look as the page shows them?"""
    if not shown or not printed:
        return all(line == "..." for line in shown) and not printed
    if shown[0] == "...":
        return matches(shown[1:], printed) or matches(shown, printed[1:])
    line = re.escape(shown[0]).replace(re.escape("[..]"), ".*")
    return re.fullmatch(line, printed[0]) is not None and matches(shown[1:], printed[1:])


def without_times(line):
    return re.sub(r"\d+(\.\d+)? [kMG]?B/s", "RATE", re.sub(r"\d+\.\d\d(?= s|  \S)", "TIME", line.rstrip()))


def lines_of(text):
    return [without_times(line) for line in text.strip("\n").splitlines()]


def main(path):
    failed = 0
    with open(path) as file:
        page = file.read()
    write_files(page)
    steps = commands(page)
    for number, command, shown in steps:
        status = re.search(r"# exit status (\d)$", command)
        run = subprocess.run(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wrong_status = run.returncode != (int(status[1]) if status else 0)
        shown = lines_of("\n".join(shown))
        if wrong_status or (shown and not matches(shown, lines_of(run.stdout))):
            failed += 1
            print(
                f"{path}:{number}: $ {command}\nexit status {run.returncode}, printed:\n{run.stdout}\n",
                file=sys.stderr,
            )
    print(f"{len(steps) - failed} passed, {failed} failed")
    return 1 if failed or not steps else 0


sys.exit(main(sys.argv[1]))
