"""Snakemake without the 1.5 s that its imports take: one process has done them, and forks for every call.

As a script it is that process: it reads one call a line, and answers with the exit status.
"""

import atexit
import gc
import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

# What Snakemake imports when it first needs it, which is in every call.
LATE = ("requests", "smart_open", "snakemake.report.html_reporter", "yte")


def run_snakemake(arguments: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What `python -m snakemake` with these arguments does in a folder, and prints."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with TemporaryDirectory() as outputs:
        files = [str(Path(outputs) / name) for name in ("out", "err")]
        call = {"arguments": arguments, "folder": str(folder), "environment": environment, "files": files}
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "the process that forks Snakemake has died"
        out, err = (Path(name).read_text() for name in files)
    return subprocess.CompletedProcess(["snakemake", *arguments], int(answer), out, err)


@cache
def _server() -> subprocess.Popen[str]:
    """The process of this test worker; it ends with its standard input."""
    server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    from snakemake.cli import main

    for name in LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # No call looks through these modules for garbage.
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
            main()
            sys.exit()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    """Take on what a new process would have got from its parent."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(files, start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.path[:1] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    sys.argv = ["snakemake", *arguments]


if __name__ == "__main__":
    _serve()
