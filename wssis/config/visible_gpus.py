"""How many GPUs this machine has for jobs, asked without PyTorch, which Snakemake's environment may lack."""

import os
import subprocess


def visible_gpus() -> int:
    """Those of CUDA_VISIBLE_DEVICES, else those that nvidia-smi lists; 0 where neither tells of any."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return sum(bool(one.strip()) and one.strip() != "-1" for one in chosen.split(","))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
