# A batch of twenty of which two are bad: eighteen are done, two are told, status 1. Stopped half-way, by Ctrl-C or killed, and
# run again: the same bytes, and what was finished is not touched.
. "$(dirname "$0")/lib.sh"

python3 - "$TENON" "$root/tools/make-checkpoint" <<'PY'
import hashlib, json, os, shutil, signal, subprocess, sys, time

tenon, make = sys.argv[1:]


def fail(text):
    sys.exit(f"FAILED batch_of_twenty: {text}")


for n in range(18):
    model = ("mixtral", "qwen3_moe", "qwen2_vl")[n % 3]
    subprocess.run([sys.executable, make, f"models/m{n:02}", "--model", model, "--seed", str(n), "--shard-size", "200kB"], check=True, stdout=subprocess.DEVNULL)
os.makedirs("models/m18")
open("models/m18/model.safetensors", "w").write("<html>not found</html>")
open("models/m18/config.json", "w").write("{}")
with open("jobs.yaml", "w") as out:
    out.write("defaults: {max_shard_size: 100kB, threads: 1, hash: sha256}\njobs:\n")
    for n in range(20):  # 18 is no checkpoint, 19 is not there
        out.write(f"  - {{source: models/m{n:02}, destination: TOP/m{n:02}}}\n")


def jobs(top):
    open(f"{top}.yaml", "w").write(open("jobs.yaml").read().replace("TOP", top))
    return [tenon, "batch", f"{top}.yaml", "--json"]


def folder(top):
    return sorted(n for n in os.listdir(top) if not n.startswith(".")) if os.path.isdir(top) else []


def digests(top):
    out = {}
    for path, _, names in os.walk(top):
        for name in names:
            with open(os.path.join(path, name), "rb") as f:
                out[os.path.relpath(os.path.join(path, name), top)] = hashlib.sha256(f.read()).hexdigest()
    return out


def stats(top, names):
    return {os.path.join(p, f): (os.stat(os.path.join(p, f)).st_ino, os.stat(os.path.join(p, f)).st_mtime_ns) for n in names for p, _, fs in os.walk(f"{top}/{n}") for f in fs}


def check_done(top, p, before=None):
    if p.returncode != 1:
        fail(f"{top}: exit status {p.returncode}: {p.stderr[-600:]}")
    states = [job["result"] for job in json.loads(p.stdout)["jobs"]]
    good = sum(s in ("done", "done before") for s in states)
    if good != 18 or states[18:] != ["failed", "failed"]:
        fail(f"{top}: {states}")
    if before is not None and sum(s == "done before" for s in states) != before:
        fail(f"{top}: {states.count('done before')} were left alone, not {before}")
    for word in ("models/m18", "models/m19"):
        if word not in p.stderr + p.stdout:
            fail(f"{word} is not told")


p = subprocess.run(jobs("whole"), capture_output=True, text=True)
check_done("whole", p, 0)
wanted = digests("whole")
if len(folder("whole")) != 18:
    fail(f"{folder('whole')}")

for name, how in (("interrupted", signal.SIGINT), ("killed", signal.SIGKILL)):
    for at in (4, 11):
        shutil.rmtree(name, ignore_errors=True)
        p = subprocess.Popen(jobs(name), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        while p.poll() is None and len(folder(name)) < at:
            time.sleep(0.0005)
        p.send_signal(how)
        stdout, stderr = p.communicate()
        if p.returncode == 1:
            continue  # it was faster
        if p.returncode != {signal.SIGINT: 130, signal.SIGKILL: -9}[how]:
            fail(f"{name}: exit status {p.returncode}: {stderr[-300:]}")
        if how == signal.SIGINT and not any(job["result"] == "interrupted" or job["result"] == "not run" for job in json.loads(stdout)["jobs"]):
            fail("no summary after Ctrl-C")
        finished = folder(name)
        if not at <= len(finished) < 18:
            fail(f"{name}: {len(finished)} were finished")
        times = stats(name, finished)
        again = subprocess.run(jobs(name), capture_output=True, text=True)
        check_done(name, again, len(finished))
        if stats(name, finished) != times:
            fail(f"{name}: a finished job was touched")
        found = digests(name)
        if found != wanted:
            fail(f"{name}: other bytes: {sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))[:9]}")
        print(f"{name} after {len(finished)}: the same bytes")
PY
