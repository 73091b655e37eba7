"""Which measure of the pseudo masks follows the AP of the students trained on them, over the variants of a study.

`python -m benchmarks.mask_measures results/ablations results/clicks` reads the quality/ARM.csv and the scores.json of
every run that has both, and takes the mean over the variants of one data set, mix, seed and arm off both sides. Where
a student of the hidden masks (`oracle-mask`) was trained on the same points, it says how much AP was left to gain.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from wssis.formats.scores import read_scores

THRESHOLDS = np.arange(0.5, 0.96, 0.05)
"""IoU at which COCO's AP is averaged."""
SHARE = "mean share at IoU .5 ... .95"
MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "mean IoU": lambda iou: float(iou.mean()),
    "share at IoU .5": lambda iou: float((iou >= 0.5).mean()),
    "share at IoU .75": lambda iou: float((iou >= 0.75).mean()),
    "share at IoU .85": lambda iou: float((iou >= 0.85).mean()),
    SHARE: lambda iou: float((iou[:, None] >= THRESHOLDS).mean()),
}
CEILING = "oracle-mask"
SPLIT = ["dataset", "mix", "seed"]
SAME = ["study", *SPLIT, "arm"]
"""What runs have in common that are compared."""


def rows(folder: Path) -> Iterator[dict[str, object]]:
    """AP of a student, and every measure of the masks it was trained on, for every run of a study; a point without a
    mask counts as IoU 0.
    """
    for table in sorted(folder.glob("*/*/s*/*/quality/*.csv")):
        run, arm = table.parents[1], table.stem
        scores = run / "students" / arm / "scores.json"
        if scores.exists():
            names = dict(zip(SPLIT, run.relative_to(folder).parts, strict=False))
            iou = pd.read_csv(table).iou_pseudo.fillna(0).to_numpy()
            values = {name: measure(iou) for name, measure in MEASURES.items()}
            ap = read_scores(scores)["AP"]
            yield {"study": folder.name, **names, "arm": arm, "variant": run.name, "AP": ap} | values


def ceilings(folder: Path) -> Iterator[dict[str, object]]:
    """AP of the students of hidden masks, of every split that has one."""
    for scores in sorted(folder.glob(f"*/*/s*/*/students/{CEILING}/scores.json")):
        yield dict(zip(SPLIT, scores.relative_to(folder).parts, strict=False)) | {"hidden": read_scores(scores)["AP"]}


def with_ceilings(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The runs with the AP of their split's hidden masks, and what +.01 of the share is worth on the way there.

    Hidden masks have the share 1. Runs whose split has no such student are left out.
    """
    joined = table.merge(found.groupby(SPLIT, as_index=False).hidden.mean(), on=SPLIT)
    return joined.assign(**{"AP per .01 left": (joined.hidden - joined.AP) / (1 - joined[SHARE]) / 100})


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Of every measure: its correlation with AP, and the standard deviation of AP that a straight line by it leaves."""
    columns = ["AP", *MEASURES]
    centred = table[columns] - table.groupby(SAME)[columns].transform("mean")
    free = len(table) - table.groupby(SAME).ngroups - 1
    found = {}
    for name in MEASURES:
        slope = (centred[name] * centred.AP).sum() / (centred[name] ** 2).sum()
        left = ((centred.AP - slope * centred[name]) ** 2).sum()
        correlation = centred[name].corr(centred.AP)
        found[name] = {"correlation": correlation, "left": (left / free) ** 0.5, "AP per .01": slope / 100}
    return pd.DataFrame(found).T


def main() -> None:
    """Print the runs, and the measures by correlation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mask_measures", description=__doc__)
    parser.add_argument("studies", nargs="+", type=Path, metavar="FOLDER", help="results/NAME of a study")
    parser.add_argument("--at-least", type=float, default=0.0, help="leave out students with less AP than that")
    arguments = parser.parse_args()
    table = pd.DataFrame([row for folder in arguments.studies for row in rows(folder)])
    if table.empty:
        parser.error("no run there has both quality/ARM.csv and students/ARM/scores.json")
    table = table[table.AP >= arguments.at_least]
    alone = table.groupby(SAME).AP.transform("size") == 1
    print(table[~alone].round(3).to_string(index=False))
    print(f"{(~alone).sum()} runs")
    print(correlations(table[~alone]).round(2).to_string())
    found = pd.DataFrame([row for folder in arguments.studies for row in ceilings(folder)])
    if not found.empty:
        columns = [*SAME, "variant", SHARE, "AP", "hidden", "AP per .01 left"]
        print(with_ceilings(table, found).sort_values(SHARE)[columns].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
