"""Every mutating system call of a small conversion, made to fail in every way, one at a time.

Afterwards the destination is as it was or complete, the source is untouched, the message is in order, and `--resume` finishes it to the
same bytes. What a call is, the kernel says (interposer.c): none is missed. At the end the judge is tried on calls that lie.
"""

import concurrent.futures
import errno
import os
import shutil
import signal
import sys
import time

from harness import Bench, content_of, make_folder, make_library, make_source

WRITES = {"write", "pwrite64", "sendfile", "copy_file_range"}
# What may fail without harm: tidying up, hints to the disk; letting go of the lock, as well.
HARMLESS = {"unlink", "unlinkat", "rmdir", "sync_file_range"}
KILLS = ["kill-before", "kill-after"]
KINDS = [*KILLS, "ENOSPC", "EIO", "EINTR", "short", "signal", "cut", "touch"]
BEHIND = "model-00002-of-00002.safetensors"  # the source's file that `cut` and `touch` change


class Scenario:
    def __init__(self, name, flags=(), always="", kinds=KINDS, from_old=False, from_half=False, may_be_aside=False):
        self.name, self.flags, self.always, self.kinds = name, list(flags), always, kinds
        self.from_old, self.from_half, self.may_be_aside = from_old, from_half, may_be_aside


SCENARIOS = [
    Scenario("fresh"),
    Scenario("overwrite", ["--overwrite"], from_old=True),
    Scenario("resume", ["--resume"], from_half=True),
    # File systems that cannot swap folders; that cannot rename them, nor reserve space.
    Scenario("overwrite in two steps", ["--overwrite"], f"renameat2={errno.EINVAL}", [*KILLS, "EIO", "EINTR"], from_old=True, may_be_aside=True),
    # Two threads: which call is number K varies, that it fails does not.
    Scenario("two threads", ["--threads", "2"], kinds=["kill-before", "EIO"]),
    Scenario("files moved one by one", [], f"rename-folder={errno.EXDEV},fallocate={errno.EOPNOTSUPP}", [*KILLS, "EIO", "EINTR"], may_be_aside=True),
]


def argument_of(kind):
    return str(getattr(errno, kind)) if kind.startswith("E") else kind


def is_harmless(call):
    return call.name in HARMLESS or (call.name == "close" and "tenon.lock" in call.path)


def applies(kind, call):
    return kind != "short" or call.name in WRITES


class Templates:
    """What scenarios start from, and what they should end with."""

    def __init__(self, folder):
        bench = Bench(os.path.join(folder, "made"))
        self.calls = {}
        counted = bench.run()
        self.expect_success(counted)
        self.new = content_of(bench.destination)
        self.half = os.path.join(folder, "half")
        records = [call for call in counted.calls if call.name == "write" and call.path.endswith("/journal")]
        bench.reset()
        bench.run(fault=f"{records[0].number + 1}:kill-before")
        shutil.copytree(bench.work, os.path.join(self.half, ".dst.tenon-work"))
        self.old = os.path.join(folder, "old")
        bench.reset()
        shutil.rmtree(bench.source)
        make_source(bench.source, 2)
        self.expect_success(bench.run())
        shutil.copytree(bench.destination, os.path.join(self.old, "dst"))
        self.old_content = content_of(bench.destination)
        assert self.old_content != self.new

    @staticmethod
    def expect_success(outcome):
        if outcome.status != 0:
            sys.exit(f"the conversion itself fails: {outcome.status}\n{outcome.messages}")


class Judge:
    """Runs cases of one scenario in a folder of its own, and says what is wrong."""

    def __init__(self, folder, scenario, templates):
        self.bench, self.scenario, self.templates = Bench(folder), scenario, templates
        self.before = templates.old_content if scenario.from_old else None

    def prepare(self):
        self.bench.reset(*([self.templates.old] if self.scenario.from_old else []), *([self.templates.half] if self.scenario.from_half else []))

    def count(self):
        self.prepare()
        outcome = self.bench.run(self.scenario.flags, always=self.scenario.always)
        Templates.expect_success(outcome)
        wrong = self.judge_success()
        if wrong:
            sys.exit(f"{self.scenario.name}: without a fault: {wrong}\n{outcome.messages}")
        return outcome.calls

    def run(self, call, kind):
        """None, or what is wrong."""
        try:
            return self.run_case(call, kind)
        finally:
            if kind in ("cut", "touch"):
                self.bench.restore_source()

    def run_case(self, call, kind):
        self.prepare()
        outcome = self.bench.run(self.scenario.flags, f"{call.number}:{argument_of(kind)}", self.scenario.always)
        hit = [found for found in outcome.calls if found.fate == argument_of(kind)]
        if len(hit) != 1 or (hit[0].name != call.name and "--threads" not in self.scenario.flags):
            return f"the fault was not met: {[str(found) for found in hit]}\n{outcome.messages}"
        wrong = self.judge(outcome, hit[0], kind) or self.judge_source(kind) or self.judge_next_run()
        return wrong and f"{wrong}\nstatus {outcome.status}: {outcome.messages}"

    def judge(self, outcome, call, kind):
        found = content_of(self.bench.destination)
        complete = found == self.templates.new
        if not complete and found != self.before and not (self.scenario.may_be_aside and kind in KILLS):
            return f"the destination is neither as it was nor complete: {sorted(found or [])}"
        if kind in KILLS:
            return None if outcome.status == -signal.SIGKILL else "it was not killed"
        if outcome.status == 0:
            wrong = self.judge_success(tidy=not is_harmless(call) or kind == "EINTR")
            if wrong or kind in ("EINTR", "short", "signal", "cut", "touch") or is_harmless(call):
                return wrong
            return "the failure went unnoticed"
        if kind in ("EINTR", "short"):
            return "it should have gone on"
        return self.judge_failure(outcome, call, kind)

    def judge_failure(self, outcome, call, kind):
        said = outcome.messages
        wanted = {"signal": ({130, -signal.SIGINT}, []), "cut": ({2}, [BEHIND, "changed while"]), "touch": ({2}, [BEHIND, "changed while"])}
        statuses, words = wanted.get(kind, ({3}, [os.strerror(getattr(errno, kind, 0)), self.bench.folder]))
        if outcome.status not in statuses:
            return f"the exit status should be one of {statuses}"
        missing = [word for word in words if word not in said]
        if kind == "ENOSPC" and call.name in ("openat", "fallocate", *WRITES):
            missing += [] if " free" in said else ["how much is free"]
        begun = any(found.path.endswith("/journal.new") for found in outcome.calls if found.number < call.number)
        kept = os.path.exists(os.path.join(self.bench.work, "journal"))
        if content_of(self.bench.destination) == self.templates.new:
            missing += [] if "is complete" in said else ["that it is complete"]
        elif begun and kept and "--resume" not in said:
            missing.append("--resume")
        return f"the message lacks {missing}" if missing else None

    def judge_success(self, tidy=True):
        if content_of(self.bench.destination) != self.templates.new:
            return "it said that all went well, and the destination is not complete"
        if tidy and self.bench.beside() != ["dst"]:
            return f"it left {self.bench.beside()}"
        return None

    def judge_source(self, kind):
        if kind in ("cut", "touch"):
            self.bench.restore_source()
        return None if content_of(self.bench.source) == self.bench.source_content else "the source was changed"

    def judge_next_run(self):
        was_complete = content_of(self.bench.destination) == self.templates.new
        if was_complete and self.bench.beside() == ["dst"] and not self.scenario.from_old:
            return None
        outcome = self.bench.run_plain([*self.scenario.flags, *(["--resume"] if "--resume" not in self.scenario.flags else [])])
        refused = was_complete and outcome.status == 2 and "the destination exists" in outcome.messages
        wrong = None if outcome.status == 0 or refused else f"status {outcome.status}"
        wrong = wrong or self.judge_success()
        return wrong and f"the next run: {wrong}\n{outcome.messages}(that was the next run)"


def check_order(scenario, calls):
    """Every file is on the disk before its folder is renamed, and the renaming is before the run ends."""
    publish = next(call.number for call in calls if call.path.endswith(".dst.tenon-work/output") and call.to.endswith("/dst"))
    wrong = []
    for path in {call.path for call in calls if call.name == "openat" and "/output/" in call.path}:
        last_write = max([call.number for call in calls if call.path == path and call.name in WRITES] or [0])
        if not any(last_write < call.number < publish for call in calls if call.name == "fsync" and call.path == path):
            wrong.append(f"{path} is renamed before it is on the disk")
    folders = [os.path.dirname(call.path) for call in calls if call.name == "openat" and "/output/" in call.path]
    for folder in set(folders):
        last = max(call.number for call in calls if call.name == "openat" and os.path.dirname(call.path) == folder)
        if not any(last < call.number < publish for call in calls if call.name == "fsync" and call.path == folder):
            wrong.append(f"the entries of {folder} are renamed before they are on the disk")
    parent = os.path.dirname(calls[0].path)
    if not any(call.number > publish and call.name == "fsync" and call.path == parent for call in calls):
        wrong.append("the renaming is not made durable")
    return [f"{scenario.name}: {text}" for text in wrong]


def try_the_judge(judge, calls):
    """Calls that lie: a judge that calls this complete would see nothing."""
    data = [call for call in calls if call.name == "pwrite64" and "/output/" in call.path]
    renames = [call for call in calls if call.name == "rename" and call.to.endswith("/dst")]
    blind = []
    for call in data + renames:
        judge.prepare()
        outcome = judge.bench.run(judge.scenario.flags, f"{call.number}:lie")
        if judge.judge(outcome, call, "lie") is None:
            blind.append(f"the judge does not see that {call} was not made")
    return len(data) + len(renames), blind


def main():
    begun = time.monotonic()
    folder = make_folder()
    wrong, cases, counts = [], 0, []
    try:
        make_library(os.path.join(folder, "rules"))
        templates = Templates(folder)
        workers = min(4, len(os.sched_getaffinity(0)))
        for number, scenario in enumerate(SCENARIOS):
            judges = [Judge(os.path.join(folder, f"{number}.{worker}"), scenario, templates) for worker in range(workers)]
            calls = judges[0].count()
            if not scenario.always:
                wrong += check_order(scenario, calls)
            todo = [(call, kind) for kind in scenario.kinds for call in calls if applies(kind, call)]

            def work(worker):
                return [(call, kind, judges[worker].run(call, kind)) for call, kind in todo[worker::workers]]

            with concurrent.futures.ThreadPoolExecutor(workers) as pool:
                done = [result for part in pool.map(work, range(workers)) for result in part]
            assert len(done) == len(todo) > 50
            found = [f"{scenario.name}: {call}, {kind}: {text}" for call, kind, text in done if text]
            wrong += found
            cases += len(done)
            print(f"{scenario.name}: {len(calls)} calls x {len(scenario.kinds)} kinds = {len(done)} cases, {len(found)} violations "
                  f"({time.monotonic() - begun:.0f} s)", flush=True)
            if number == 0:
                lies, blind = try_the_judge(judges[0], calls)
                wrong += blind
                print(f"the judge saw {lies - len(blind)} of {lies} lies")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for text in wrong[:int(os.environ.get("TENON_FAULT_SHOWN", "20"))]:
        print(text)
    print(f"{cases} cases, {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
