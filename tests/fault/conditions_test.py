"""What a conversion meets besides failing calls: other file systems, other runs, Ctrl-C, a source that changes, another umask."""

import errno
import json
import os
import shutil
import signal
import stat
import sys
import tempfile
import time

from harness import Bench, content_of, make_folder, make_library, make_source, write_file

MESSAGES_OF_FILE_SYSTEMS = [
    # what the file system does not know, flags, what tenon says
    ({"renameat2": "EINVAL"}, ["--overwrite"], ["cannot swap folders"]),
    ({"renameat2": "ENOSYS"}, ["--overwrite"], ["cannot swap folders"]),
    ({"rename-folder": "EXDEV"}, [], ["cannot rename folders"]),
    ({"rename-folder": "EBUSY"}, [], ["cannot rename folders"]),
    ({"fallocate": "EOPNOTSUPP"}, [], ["cannot reserve space"]),
    ({"fallocate": "ENOSYS"}, [], ["cannot reserve space"]),
    ({"fsync-folder": "EINVAL"}, [], ["cannot sync folders"]),
    ({"flock": "ENOLCK"}, [], ["cannot lock files"]),
    ({"sync_file_range": "ENOSYS"}, [], []),
    ({"rename-folder": "EOPNOTSUPP", "fallocate": "EINVAL", "fsync-folder": "EINVAL", "flock": "ENOSYS", "sync_file_range": "ENOSYS"}, [],
     ["cannot rename folders", "cannot reserve space", "cannot sync folders", "cannot lock files"]),
]


def expect(condition, what, outcome=None):
    if not condition:
        raise AssertionError(what + (f"\nstatus {outcome.status}: {outcome.messages}" if outcome else ""))


def first(calls, name, path):
    return next(call for call in calls if call.name == name and path in call.path)


class Tests:
    """Every method that begins with `test_` is one. `bench` is a fresh folder with a source, `new` what its conversion gives."""

    def __init__(self, bench):
        self.bench = bench
        counted = bench.run()
        expect(counted.status == 0, "the conversion itself fails", counted)
        self.calls, self.new = counted.calls, content_of(bench.destination)
        bench.reset()

    def expect_made(self, outcome):
        expect(outcome.status == 0, "it should have succeeded", outcome)
        expect(content_of(self.bench.destination) == self.new, "the destination is not complete", outcome)
        expect(self.bench.beside() == ["dst"], f"left beside: {self.bench.beside()}", outcome)

    def leave_half(self):
        """A killed run that finished one shard."""
        record = first(self.calls, "write", "/journal")
        self.bench.run(fault=f"{record.number + 1}:kill-before")
        expect(os.path.exists(os.path.join(self.bench.work, "journal")), "no journal was left")

    def test_file_systems_that_know_less(self):
        for unknown, flags, words in MESSAGES_OF_FILE_SYSTEMS:
            self.bench.reset()
            if "--overwrite" in flags:
                self.expect_made(self.bench.run_plain())
            always = ",".join(f"{name}={getattr(errno, code)}" for name, code in unknown.items())
            outcome = self.bench.run(flags, always=always)
            expect(any(call.fate == "unknown here" for call in outcome.calls), f"{always} was never met", outcome)
            self.expect_made(outcome)
            for word in words:
                expect(word in outcome.messages, f"{unknown}: it does not say: {word}", outcome)

    def test_modes_follow_the_umask(self):
        for mask, file_mode, folder_mode in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)):
            for always in ("", f"rename-folder={errno.EXDEV}"):
                self.bench.reset()
                before = os.umask(mask)
                try:
                    self.expect_made(self.bench.run(always=always))
                finally:
                    os.umask(before)
                for where, folders, files in os.walk(self.bench.destination):
                    for name in files:
                        mode = stat.S_IMODE(os.stat(os.path.join(where, name)).st_mode)
                        expect(mode == file_mode, f"umask {mask:03o}: {name} has {mode:03o}")
                    mode = stat.S_IMODE(os.stat(where).st_mode)
                    expect(mode == folder_mode, f"umask {mask:03o}: {where} has {mode:03o}")

    def test_a_second_run_says_so_and_stops(self):
        for call in (first(self.calls, "openat", "/journal.new"), first(self.calls, "fsync", "/output/model"), first(self.calls, "rename", "/output")):
            self.bench.reset()
            with tempfile.TemporaryFile("w+") as log:
                running = self.bench.start([], f"{call.number}:stop", log=log)
                os.waitid(os.P_PID, running.pid, os.WSTOPPED)
                for flags in ([], ["--resume"], ["--overwrite"]):
                    second = self.bench.run_plain(flags)
                    expect(second.status == 2 and f"another run is writing to it (process {running.pid})" in second.messages,
                           f"the second run, beside one at {call}", second)
                running.send_signal(signal.SIGCONT)
                _, messages = running.communicate(timeout=60)
            expect(running.returncode == 0, f"the first run, stopped at {call}: {messages}")
            expect(content_of(self.bench.destination) == self.new, "the destination is not complete")

    def test_resume_refuses_another_conversion_and_names_what_differs(self):
        other_rules = os.environ["TENON_RULES"] + ".other"
        shutil.copytree(os.environ["TENON_RULES"], other_rules, dirs_exist_ok=True)
        with open(os.path.join(other_rules, "models/small.yaml"), "a") as file:
            file.write("# another file\n")

        def change_source():
            os.utime(os.path.join(self.bench.source, "model-00001-of-00002.safetensors"))

        def change_version():
            journal = os.path.join(self.bench.work, "journal")
            with open(journal) as file:
                lines = file.read().splitlines()
            head = json.loads(lines[0])
            head["tenon_version"] = "0.0.9"
            write_file(journal, "\n".join([json.dumps(head), *lines[1:], ""]).encode())

        nothing = lambda: None  # noqa: E731
        for change, flags, words in [
            (change_source, [], ["the source's model-00001-of-00002.safetensors"]),
            (change_version, [], ["tenon (was 0.0.9"]),
            (nothing, ["--rules-dir", other_rules], ["the rules small"]),
            (nothing, ["--hash", "sha256"], ["the option --hash (was xxh3, now sha256)"]),
            (nothing, ["--max-shard-size", "70kB"], ["the option --max-shard-size (was 60kB, now 70kB)"]),
        ]:
            self.bench.reset()
            self.leave_half()
            before = content_of(self.bench.work)
            change()
            before = content_of(self.bench.work) if change is change_version else before
            outcome = self.bench.run_plain([*flags, "--resume"])
            self.bench.restore_source()
            expect(outcome.status == 2, f"{words}: it should have refused", outcome)
            for word in ["cannot resume", *words]:
                expect(word in outcome.messages, f"it does not say: {word}", outcome)
            expect({**content_of(self.bench.work), "tenon.lock": b""} == {**before, "tenon.lock": b""}, "it touched what was finished")
            if not flags and change is change_source:
                self.expect_made(self.bench.run_plain(["--resume"]))
        shutil.rmtree(other_rules)

    def test_a_plain_run_names_what_an_interrupted_one_finished(self):
        self.leave_half()
        outcome = self.bench.run_plain()
        expect(outcome.status == 2 and "--resume" in outcome.messages and ".dst.tenon-work" in outcome.messages, "it should name it", outcome)
        self.expect_made(self.bench.run_plain(["--resume"]))

    def test_damage_to_finished_shards_is_found_and_mended(self):
        self.leave_half()
        output = os.path.join(self.bench.work, "output")
        with open(os.path.join(self.bench.work, "journal")) as file:
            shard = json.loads(file.read().splitlines()[1])["shard"]
        with open(os.path.join(output, shard), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        outcome = self.bench.run_plain(["--resume"])
        self.expect_made(outcome)
        expect("going on: 0 of" in outcome.messages, "it took the damaged shard for finished", outcome)

    def test_verify_sees_writes_that_did_not_happen(self):
        writes = [call for call in self.calls if call.name == "pwrite64" and "/output/model-" in call.path]
        expect(len(writes) >= 4, "too few writes")
        for call in writes:
            self.bench.reset()
            outcome = self.bench.run(["--verify"], f"{call.number}:lie")
            expect(any(found.fate == "lie" for found in outcome.calls), f"{call} was not met")
            expect(outcome.status == 1 and not os.path.exists(self.bench.destination), f"{call} was not made, and --verify does not see it", outcome)

    def test_space_is_asked_for_before_anything_is_written(self):
        huge = os.path.join(self.bench.folder, "huge")
        size = 8 << 40
        header = json.dumps({"turn.bias": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
        write_file(os.path.join(huge, "model.safetensors"), len(header).to_bytes(8, "little") + header)
        write_file(os.path.join(huge, "config.json"), b'{"model_type": "small"}')
        try:
            os.truncate(os.path.join(huge, "model.safetensors"), 8 + len(header) + size)
        except OSError:
            print("skipped: no file of 8 TB can be made here")
            return
        os.rename(self.bench.source, self.bench.source + ".aside")
        os.rename(huge, self.bench.source)
        outcome = self.bench.run()
        shutil.rmtree(self.bench.source)
        os.rename(self.bench.source + ".aside", self.bench.source)
        expect(outcome.status == 3, "it should have failed", outcome)
        expect("It takes 8.80 TB" in outcome.messages and "are free there" in outcome.messages, "needed and free", outcome)
        expect(not any("/output/" in call.path for call in outcome.calls), "it wrote before it asked", outcome)
        expect(self.bench.beside() in ([], ["kept"]), f"it left {self.bench.beside()}", outcome)


class BigTests:
    """A source of 3 x 51 MB in a folder on the disk, long enough to be met under way."""

    SHARDS = [{f"layers.{layer}.{name}.weight": (800, 4000) for name in ("one", "two", "three", "turn")} for layer in range(3)]

    def __init__(self, folder):
        self.folder = folder
        self.bench = Bench(folder)
        shutil.rmtree(self.bench.source)
        make_source(self.bench.source, 1, self.SHARDS)
        self.command = ["--max-shard-size", "100MB", "--threads", "2"]
        outcome = self.bench.run_plain(self.command)
        expect(outcome.status == 0, "the conversion itself fails", outcome)
        self.new = content_of(self.bench.destination)
        self.bench.reset()

    def start(self, *flags):
        return self.bench.start([*self.command, *flags])

    def test_ctrl_c_ends_within_a_second_in_a_clean_state(self):
        longest, met = 0, 0
        for flags in ([], ["--hash", "sha256"], ["--verify"]):
            for delay in (0.03, 0.1, 0.2, 0.35, 0.6):
                self.bench.reset()
                running = self.start(*flags)
                time.sleep(delay)
                running.send_signal(signal.SIGINT)
                sent = time.monotonic()
                _, messages = running.communicate(timeout=60)
                longest = max(longest, time.monotonic() - sent)
                if running.returncode == 0:
                    continue
                expect(running.returncode in (130, -signal.SIGINT), f"status {running.returncode}: {messages}")
                expect(not os.path.exists(self.bench.destination), "it made a destination")
                met += os.path.exists(self.bench.work)
                expect(not os.path.exists(self.bench.work) or "--resume goes on" in messages, f"it does not say what it left: {messages}")
                outcome = self.bench.run_plain([*self.command, *flags, "--resume"])
                expect(outcome.status == 0, "the next run failed", outcome)
                if not flags:
                    expect(content_of(self.bench.destination) == self.new, "the next run's bytes differ")
        expect(met > 0, "no run was met under way")
        expect(longest < 1, f"Ctrl-C took {longest:.2f} s")
        print(f"the longest Ctrl-C took {longest * 1000:.0f} ms; {met} runs had finished a shard")

    def test_a_source_cut_short_under_way_is_an_error_that_names_it(self):
        name = "model-00002-of-00003.safetensors"
        path = os.path.join(self.bench.source, name)
        kept = os.path.join(self.folder, "kept")
        os.rename(path, kept)
        met = 0
        for flags in ([], ["--hash", "none"], ["--verify"]):
            for delay in (0.01, 0.03, 0.06, 0.1, 0.15):
                self.bench.reset()
                if os.path.exists(path):
                    os.remove(path)
                shutil.copy2(kept, path)
                running = self.start(*flags)
                time.sleep(delay)
                os.truncate(path, 5_000_000)
                _, messages = running.communicate(timeout=60)
                if running.returncode == 0:
                    expect({**content_of(self.bench.destination), "tenon-manifest.json": b""} == {**self.new, "tenon-manifest.json": b""},
                           "it made a wrong file")
                    continue
                met += "changed while it was being read" in messages
                expect(running.returncode == 2 and name in messages, f"status {running.returncode}: {messages}")
                expect(self.bench.beside() in ([], ["kept"]), f"it left {self.bench.beside()}")
        os.replace(kept, path)
        expect(met > 1, "no run was met under way")
        print(f"{met} of 15 runs were met while they read")


def main():
    folder = make_folder()
    on_disk = tempfile.mkdtemp(prefix="tenon-fault.")
    failed = 0
    try:
        make_library(os.path.join(folder, "rules"))
        for tests in (Tests(Bench(os.path.join(folder, "bench"))), BigTests(os.path.join(on_disk, "bench"))):
            for name in (name for name in dir(tests) if name.startswith("test_")):
                tests.bench.reset()
                begun = time.monotonic()
                try:
                    getattr(tests, name)()
                    print(f"passed  {name[5:].replace('_', ' ')} ({time.monotonic() - begun:.1f} s)", flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"FAILED  {name[5:].replace('_', ' ')}: {error}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(on_disk, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
