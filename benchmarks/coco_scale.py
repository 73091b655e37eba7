"""Annotation check, split and points on a set of COCO's size: seconds and memory of each stage.

`python -m benchmarks.coco_scale` makes the annotation file in a temporary folder (or --folder, which is kept), runs the
three commands as the workflow does, and prints a table. Wanted: 90 s and 6 GB altogether, on two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.synthetic_coco import IMAGES, write_annotations

VAL_IMAGES = 5_000
WANTED_SECONDS, WANTED_GIGABYTES = 90, 6
BETWEEN_LOOKS = 0.1
"""Seconds from one look at the processes' memory to the next."""


def commands(folder: Path, percent: float, workers: int) -> dict[str, list[str]]:
    """The command lines of the three stages, settings as in studies/coco.yaml."""
    out, run = folder / "out", folder / "out" / "run"
    many = ["--workers", str(workers)]
    annotations = ["--train-annotations", str(folder / "train.json"), "--val-annotations", str(folder / "val.json")]
    split = ["--train", str(out / "train.json"), "--out", str(run)]
    points = ["--split", str(run / "split.csv"), "--full", str(run / "full.json"), *many]
    return {
        "prepare": [*annotations, "--out", str(out), "--settings", json.dumps({"zero_area": "drop"})],
        "split": [*split, "--settings", json.dumps({"full_percent": percent})],
        "points": [*split, *points, "--settings", "{}"],
    }


def measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds, and the largest memory of the process and its children together, GB (10^9 bytes)."""
    before = os.times()
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    largest = 0
    while process.poll() is None:
        largest = max(largest, sum(map(_resident, _family(process.pid))))
        time.sleep(BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - begun, cpu, largest / 1e9


def _family(process: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # It has ended since the look.
            continue
        for child in children:
            yield from _family(int(child))


def _resident(process: int) -> int:
    """Resident bytes of a process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def benchmark(folder: Path, images: int, percent: float, workers: int, only: list[str]) -> None:
    """Make what is missing in the folder, run the stages, print a line for each and the sum."""
    begun = time.perf_counter()
    for name, count in (("train", images), ("val", max(10, VAL_IMAGES * images // IMAGES))):
        if not (folder / f"{name}.json").exists():
            write_annotations(folder / f"{name}.json", count)
    size = (folder / "train.json").stat().st_size / 1e6
    print(f"{images:,} images, train.json {size:,.0f} MB, made in {time.perf_counter() - begun:.0f} s")
    print(f"{'stage':10} {'seconds':>8} {'CPU s':>8} {'GB':>6}")
    found = []
    for name, options in commands(folder, percent, workers).items():
        if name in only:
            found.append(measured([sys.executable, "-m", "wssis", name, *options]))
            print("{:10} {:8.1f} {:8.1f} {:6.2f}".format(name, *found[-1]), flush=True)
    seconds, cpu, memory = sum(f[0] for f in found), sum(f[1] for f in found), max(f[2] for f in found)
    print(f"{'all':10} {seconds:8.1f} {cpu:8.1f} {memory:6.2f}   wanted {WANTED_SECONDS} s, {WANTED_GIGABYTES} GB")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES, help="training images; objects at COCO's rate")
    parser.add_argument("--percent", type=float, default=10.0, help="share of images with masks")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the stages that take them")
    parser.add_argument("--folder", type=Path, help="where to work; kept, and its annotation files used again")
    parser.add_argument("--only", nargs="+", default=["prepare", "split", "points"], help="stages to run")
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        benchmark(given.folder, given.images, given.percent, given.workers, given.only)
        return
    with tempfile.TemporaryDirectory() as folder:
        benchmark(Path(folder), given.images, given.percent, given.workers, given.only)


if __name__ == "__main__":
    main()
