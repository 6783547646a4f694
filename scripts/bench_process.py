"""Processes that are timed from start to end, and what belongs into a file of results."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(command, stdout=subprocess.DEVNULL, environment=None):
    """Runs a command alone; seconds from start to end, peak memory in bytes, exit status."""
    environment = {**os.environ, **(environment or {})}
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=errors, cwd=ROOT, env=environment)
        text = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "status": process.returncode, "memory": usage.ru_maxrss * unit, "text": text,
            "failed": f"exit status {process.returncode}: {lines[-1][:120] if lines else ''}"}


def run_json(command):
    limit = [shutil.which("timeout"), "120"] if shutil.which("timeout") else []
    answer = run(limit + command, stdout=subprocess.PIPE)
    if answer["status"] == 124:
        return {"failed": "over 120 s"}
    if answer["status"] != 0:
        return {"failed": answer["failed"]}
    return {**json.loads(answer["text"].splitlines()[-1]), "memory": answer["memory"]}


def sha256(path):
    # In pieces: a child's peak memory is counted from that of its parent, which so stays small.
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return digest.hexdigest()


def output(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def machine():
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        name = names[0] if names else name
    return {"processor": name, "cores": os.cpu_count(), "system": platform.system() + " " + platform.machine()}


def versions():
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ["gigatoken", "tiktoken", "tokenizers", "fastokens", "quicktok-v1", "rs-bpe"]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found


def say(text):
    print(text, file=sys.stderr, flush=True)
