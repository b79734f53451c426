"""Lays out what the site is made of: the pages of docs/, others that they lead to, and the reference, by the program itself.

usage: site_pages.py TENON FOLDER
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Pages outside docs/ that pages of the site lead to.
OTHERS = {"SECURITY.md": "project/security.md", "CONTRIBUTING.md": "project/contributing.md", "samples/README.md": "project/samples.md"}
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")


def run(tenon, *words):
    return subprocess.run([tenon, *words], check=True, capture_output=True, text=True, env={"NO_COLOR": "1", "COLUMNS": "96"}).stdout


def commands(tenon):
    """Every command's help on one page."""
    names = [line.split()[0] for line in run(tenon, "--help").splitlines() if re.match(r"  [a-z][a-z-]* {2,}\S", line)]
    groups = {"rules": ["rules list", "rules show", "rules scaffold"]}
    out = ["# Commands\n", "As `tenon COMMAND --help` prints them; `man tenon-COMMAND` says more of some options.\n"]
    for name in names:
        for full in groups.get(name, [name]):
            text = run(tenon, *full.split(), "--help").rstrip()
            out.append(f"## {full}\n\n```text\n{text}\n```\n")
    return "\n".join(out)


def library(tenon):
    """Models, layouts and families that rules are there for."""
    rules = json.loads(run(tenon, "rules", "list", "--json"))
    out = ["# The rule library\n", "What `tenon rules list` shows; `tenon rules show NAME` prints one.\n"]
    for kind, title in (("families", "Fusion families"), ("models", "Models and layouts")):
        out.append(f"## {title}\n\n| name | what it is for |\n|---|---|")
        for one in rules.get(kind, []):
            out.append(f"| `{one['name']}` | {one.get('about', '').replace('|', chr(92) + '|')} |")
        out.append("")
    return "\n".join(out)


def with_site_links(text, page):
    """A page as the site has it: links that leave docs/ lead to where the pages stand in the site."""
    here = pathlib.PurePosixPath(page).parent

    def changed(match):
        target = match[2]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        parts = []
        for part in ("docs" / here / target).parts:
            if part == "..":
                if parts:
                    parts.pop()
            elif part != ".":
                parts.append(part)
        staged = OTHERS.get("/".join(parts))
        if staged is None:
            return match[0]
        up = "../" * len(here.parts)
        return f"{match[1]}{up}{staged}{match[3] or ''}{match[4]}"

    # A block that is a file has its name as title.
    text = re.sub(r"^```yaml (\S+\.yaml)$", r'```yaml title="\1"', text, flags=re.M)
    return LINK.sub(changed, text)


def lay_out(tenon, folder):
    pages = folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    keep = shutil.ignore_patterns("*.log", "*.json", "*.html", "*.xml")
    shutil.copytree(ROOT / "docs", pages, ignore=keep)
    for path in pages.rglob("*.md"):
        path.write_text(with_site_links(path.read_text(), path.relative_to(pages).as_posix()))
    for source, staged in OTHERS.items():
        target = pages / staged
        target.parent.mkdir(exist_ok=True)
        text = (ROOT / source).read_text()
        here = pathlib.PurePosixPath(source).parent
        # From where it stood to where it stands.
        text = LINK.sub(lambda m: m[0] if "://" in m[2] else link_from(m, here, staged), text)
        target.write_text(text)
    reference = pages / "reference"
    reference.mkdir(exist_ok=True)
    (reference / "commands.md").write_text(commands(tenon))
    (reference / "library-of-rules.md").write_text(library(tenon))
    shutil.copy(ROOT / "docs" / "mkdocs.yml", folder / "mkdocs.yml")
    (pages / "mkdocs.yml").unlink()


def link_from(match, here, staged):
    path = (here / match[2]).as_posix()
    parts = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ".."):
            parts.append(part)
    path = "/".join(parts)
    up = "../" * (len(pathlib.PurePosixPath(staged).parts) - 1)
    target = OTHERS.get(path) or (path[len("docs/") :] if path.startswith("docs/") else None)
    # What is no page of the site is named and not linked.
    return f"{match[1]}{up}{target}{match[3] or ''}{match[4]}" if target else "] (" + path + ")"


if __name__ == "__main__":
    lay_out(sys.argv[1], pathlib.Path(sys.argv[2]))
