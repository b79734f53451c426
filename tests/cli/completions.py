"""Types into three shells, each under a terminal of its own, presses Tab, and looks at the line that comes of it.

usage: completions.py TENON SCRATCH_FOLDER
"""

import os
import pty
import re
import select
import subprocess
import sys
import time

TENON, SCRATCH = sys.argv[1], sys.argv[2]

# What is typed, and the word that must come of it after one Tab. Each has exactly one completion.
SINGLE = [
    ("tenon conv", "convert"),
    ("tenon convert --max-s", "--max-shard-size"),
    ("tenon convert --no-s", "--no-sync"),
    ("tenon convert --to orig", "original"),
    ("tenon convert --hash sha", "sha256"),
    ("tenon convert --fuse patch_emb", "patch_embeddings"),
    ("tenon convert --rules qwen3_om", "qwen3_omni_moe"),
    ("tenon convert check", "checkpoint-folder"),
    ("tenon parity --backend cu", "cuda"),
    ("tenon lint --format sar", "sarif"),
    ("tenon rules sca", "scaffold"),
    ("tenon rules show mixtr", "mixtral"),
    ("tenon rules show --rules-d", "--rules-dir"),
    ("tenon completions fi", "fish"),
    ("tenon -q pari", "parity"),
]
# Nothing may be offered: the command has no such option.
NONE = [("tenon diff --max-s", "--max-shard-size"), ("tenon plan --no-s", "--no-sync")]

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}; PS1='READY> '; bind 'set enable-bracketed-paste off'\n", "bash"),
    "zsh": (["zsh", "-f", "-i"], "PS1='READY> '; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste\n", "zsh"),
    "fish": (["fish", "--no-config", "-i"], "function fish_prompt; echo -n 'READY> '; end; source {script}\n", "fish"),
}


def plain(shown):
    """Without the terminal's control sequences."""
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>]|\][^\x07\x1b]*(\x07|\x1b\\))", "", shown.decode(errors="replace"))


class Shell:
    """A shell that is typed into. `after` gives all that it showed until it is quiet, or until it showed what is waited for: a machine that is
    busy may be quiet for longer than any pause."""

    def __init__(self, name):
        folder = os.path.join(SCRATCH, name)
        os.makedirs(os.path.join(folder, "work", "checkpoint-folder"), exist_ok=True)
        script = os.path.join(folder, "_tenon")
        with open(script, "w", encoding="utf-8") as out:
            subprocess.run([TENON, "completions", name], stdout=out, check=True)
        environment = dict(os.environ, TERM="dumb" if name != "fish" else "xterm", HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder,
                           PATH=os.path.dirname(os.path.abspath(TENON)) + ":" + os.environ["PATH"], COLUMNS="200", LINES="50", fish_greeting="")
        command, start, _ = SHELLS[name]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(os.path.join(folder, "work"))
            os.execvpe(command[0], command, environment)
        self.after("", 1.0)
        self.after(start.format(script=script, folder=folder), 1.5)

    def after(self, typed, quiet, until=None):
        os.write(self.terminal, typed.encode())
        shown = b""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            ready = select.select([self.terminal], [], [], quiet)[0]
            if ready:
                try:
                    shown += os.read(self.terminal, 65536)
                except OSError:
                    break
            if until(plain(shown)) if until else not ready:
                break
        return plain(shown)

    def completed(self, line, until=None):
        """What the shell shows when Tab is pressed after this line, which is then cleared."""
        self.after(line, 0.15)
        shown = self.after("\t", 0.7, until)
        self.after("\x15", 0.15)
        return shown

    def close(self):
        os.close(self.terminal)
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def check(name):
    shell = Shell(name)
    failures = []
    try:
        for line, word in SINGLE:
            typed = line.rsplit(" ", 1)[1]
            rest = word[len(typed):]

            def there(shown):
                return rest in shown.replace("\r", "").replace("\n", "") or word in shown

            shown = shell.completed(line, there)
            if not there(shown):
                failures.append(f"{name}: '{line}' and Tab give {shown!r}, not {word}")
        for line, word in NONE:
            shown = shell.completed(line)
            if word in shown or word[len(line.rsplit(' ', 1)[1]):] in shown:
                failures.append(f"{name}: '{line}' and Tab offer {word}: {shown!r}")
    finally:
        shell.close()
    return failures


def main():
    failures = [failure for name in SHELLS for failure in check(name)]
    for failure in failures:
        print(failure)
    count = len(SHELLS) * (len(SINGLE) + len(NONE))
    print(f"{count - len(failures)} passed, {len(failures)} failed, 0 skipped")
    return 1 if failures else 0


sys.exit(main())
