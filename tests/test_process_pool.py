"""Processes that share work end with the one that started them, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import os, sys, time
from wssis.process_pool import process_pool

def begun():
    print(os.getpid(), flush=True)

if __name__ == "__main__":
    with process_pool(2, begun) as pool:
        print(sum(pool.map(abs, range(-3, 0))), flush=True)
        time.sleep(300)
"""


def _alive(number: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{number}/status").read_text()
    except FileNotFoundError:
        return False


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    here = Path(__file__).resolve().parents[1]
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(here)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = [int(process.stdout.readline()) for _ in range(3)]
        workers = [number for number in lines if number != 6]
        assert len(workers) == 2 and all(map(_alive, workers))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    end = time.monotonic() + 30
    while any(map(_alive, workers)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(_alive, workers))
