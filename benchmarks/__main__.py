"""`python -m benchmarks [NAME ...]` measures and prints one table; `--help` lists the names."""

import argparse
import sys

import torch

from benchmarks import (
    crop_bytes,
    crop_reading,
    evaluation,
    inference,
    point_guidance,
    point_training,
    refining,
    training_step,
)
from benchmarks.measuring import Conditions, Result, Row, measure
from benchmarks.profiling import profiles
from benchmarks.table import table

BENCHMARKS = {
    "point_guidance": point_guidance.rows,
    "training_step": training_step.rows,
    "point_training": point_training.rows,
    "inference": inference.rows,
    "crop_bytes": crop_bytes.rows,
    "crop_reading": crop_reading.rows,
    "refining": refining.rows,
    "evaluation": evaluation.rows,
}


def main() -> None:
    """Measure the rows that were asked for, one after the other, and print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    conditions = Conditions(
        device, arguments.threads, arguments.pairs, arguments.seconds, arguments.images, arguments.clock
    )
    rows = [row for name in arguments.names or BENCHMARKS for row in BENCHMARKS[name](conditions)]
    rows = [row for row in rows if arguments.only in row.what]
    machine = torch.cuda.get_device_name(device) if conditions.cuda else "CPU"
    print(f"torch {torch.__version__}, {machine}, {arguments.threads} thread(s), {arguments.clock} time")
    if arguments.profile:
        print("\n".join(profiles(row, conditions) for row in rows))
    else:
        print(table([_measured(row, conditions) for row in rows]))


def _measured(row: Row, conditions: Conditions) -> Result:
    print(row.what, file=sys.stderr)
    return measure(row, conditions)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print one table of ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(BENCHMARKS)}")
    parser.add_argument("--only", default="", help="of these, only rows whose text holds this, e.g. '50 objects'")
    parser.add_argument(
        "--device", default="cpu", help="cpu, or cuda: the training step then runs in bfloat16 autocast"
    )
    parser.add_argument("--threads", type=int, default=1, help="compute threads, the same for both sides")
    parser.add_argument("--pairs", type=int, default=7, help="measurements of each side, in turn")
    parser.add_argument("--seconds", type=float, default=60.0, help="begin no further pair of a row after that")
    parser.add_argument("--images", type=int, default=5000, help="images of the evaluation row")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: processor time, on a busy machine"
    )
    parser.add_argument("--profile", action="store_true", help="instead of the table: where the time goes")
    arguments = parser.parse_args()
    if arguments.clock == "cpu" and (arguments.threads > 1 or arguments.device != "cpu"):
        parser.error("--clock cpu needs --threads 1 and --device cpu")
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    main()
