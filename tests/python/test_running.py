"""What happens while a conversion runs: callbacks, threads, Ctrl-C, memory, the program."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import tenon


def test_progress_and_notes_come_in_the_calling_thread(large, tmp_path):
    calls, notes, threads = [], [], set()

    def progress(stage, done, total):
        threads.add(threading.get_ident())
        calls.append((stage, done, total))

    done = tenon.convert(large, tmp_path / "out", verify=True, progress=progress, note=notes.append)
    assert threads == {threading.get_ident()}
    for stage in ("converting", "verifying"):
        of_stage = [(d, t) for s, d, t in calls if s == stage]
        assert of_stage and all(d <= t for d, t in of_stage) and of_stage == sorted(of_stage)
        assert of_stage[-1][0] == of_stage[-1][1], stage
    assert [t for s, d, t in calls if s == "converting"][-1] == done.bytes
    assert any(note.id == "plan-rules" for note in notes)


class Enough(Exception):
    pass


def test_an_exception_in_the_callback_stops_cleanly(large, tmp_path):
    def progress(stage, done, total):
        raise Enough(stage)

    with pytest.raises(Enough):
        tenon.convert(large, tmp_path / "out", progress=progress)
    assert not (tmp_path / "out").exists()

    def note(diagnostic):
        raise Enough(diagnostic.id)

    with pytest.raises(Enough):
        tenon.convert(large, tmp_path / "out", note=note, overwrite=True)
    assert not (tmp_path / "out").exists()
    # The next run goes on, and what it makes is whole.
    tenon.convert(large, tmp_path / "out", resume=True)
    assert tenon.verify(tmp_path / "out", against=large).holds


def test_ctrl_c_stops_cleanly(large, tmp_path):
    script = f"""
import os, signal, sys, tenon
def progress(stage, done, total):
    os.kill(os.getpid(), signal.SIGINT)
try:
    tenon.convert({str(large)!r}, {str(tmp_path / "out")!r}, progress=progress)
except KeyboardInterrupt:
    sys.exit(42)
"""
    restore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    assert subprocess.run([sys.executable, "-c", script], **restore, check=False).returncode == 42
    assert not (tmp_path / "out").exists()


def test_others_run_meanwhile(large, tmp_path):
    """The interpreter's lock is free: a thread of Python counts on while a conversion runs."""
    ticks, stop = 0, False

    def count():
        nonlocal ticks
        while not stop:
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begin = time.monotonic()
    tenon.convert(large, tmp_path / "out", verify=True, hash="sha256")
    seconds = time.monotonic() - begin
    stop = True
    thread.join()
    assert ticks > seconds * 20, (ticks, seconds)


def test_two_conversions_in_two_threads(large, tmp_path):
    failures = []

    def run(name):
        try:
            tenon.convert(large, tmp_path / name)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert tenon.diff(tmp_path / "one", tmp_path / "two").same


def test_memory_does_not_grow(moe, tmp_path):
    """Conversions, with plans, arrays and errors between: the resident size after the first fifth is that after all.

    A thousand of them in the suite `large`, else as many as tell a leak of a plan or an array."""
    rounds, every = (1000, 10) if os.environ.get("TENON_LARGE") else (150, 1)
    script = f"""
import shutil, sys, tenon
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
def once(i):
    tenon.convert({str(moe)!r}, {str(tmp_path / "out")!r}, sync=False, hash="none", overwrite=True, threads=1)
    if i % {every}:
        return
    plan = tenon.plan({str(moe)!r})
    plan["model.layers.0.mlp.experts.gate_up_proj"]
    try:
        tenon.plan("nowhere")
    except tenon.UserError:
        pass
for i in range({rounds}):
    once(i)
    if i == {rounds // 5 - 1}:
        before = resident()
print(resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4_000_000, done.stdout


def test_an_array_outlives_its_plan(moe):
    array = tenon.plan(moe)["model.layers.0.mlp.experts.down_proj"]
    copy = array.copy()
    for _ in range(20):
        tenon.plan(moe)["model.layers.1.mlp.experts.down_proj"]
    assert (array.view("uint8") == copy.view("uint8")).all()


def test_the_program_is_the_package(moe, tmp_path):
    run = [sys.executable, "-m", "tenon"]
    done = subprocess.run([*run, "convert", moe, tmp_path / "out"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "21 tensors" in done.stdout and "plan-rules" in done.stderr
    assert subprocess.run([*run, "verify", tmp_path / "out", "--against", moe], capture_output=True, check=False).returncode == 0
    refused = subprocess.run([*run, "plan", tmp_path / "nowhere"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "error[file-absent]" in refused.stderr
    assert tenon.__version__ in subprocess.run([*run, "--version"], capture_output=True, text=True, check=True).stdout


def test_progress_by_tqdm_is_asked_for_by_name(moe, tmp_path):
    try:
        import tqdm  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="tqdm"):
            tenon.convert(moe, tmp_path / "out", progress=True)
    else:
        tenon.convert(moe, tmp_path / "out", progress=True)
        assert (tmp_path / "out").exists()
