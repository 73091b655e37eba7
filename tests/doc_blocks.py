"""Runs the shell blocks of documents as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

from dag_runs import REPOSITORY


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def shell_blocks(document: Path) -> list[str]:
    """The blocks marked `sh`."""
    return blocks(document, "sh")


def run_block(block: str, folder: Path) -> str:
    """Run a block in a folder by bash, which stops at the first error; what it printed.

    `wssis` and `snakemake` are this environment's and this repository's, installed or not.
    """
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    for name in ("wssis", "snakemake"):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {name} "$@"\n')
        (programs / name).chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(REPOSITORY),
    }
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
