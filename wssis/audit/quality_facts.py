"""What an audit needs to know of a table of pseudo-mask quality, and what its manifest must say of it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wssis.engine.pseudo_quality import BOUNDS, COLUMNS
from wssis.errors import InputError


@dataclass(frozen=True)
class QualityFacts:
    """Facts of quality/{arm}.csv of P weak points.

    weak_id: (P,). statuses: how often each occurs. measured: what the manifest counts of touching objects and IoU, by
    its names there. problems: what is wrong with single rows, in words.
    """

    weak_id: NDArray[np.int64]
    statuses: Counter[str]
    measured: dict[str, int | float]
    problems: list[str]


def quality_facts(path: Path) -> QualityFacts:
    """Facts of a table of quality.

    Raises:
        InputError: it has another header.
    """
    frame = pd.read_csv(path)
    if list(frame) != list(COLUMNS):
        raise InputError(f"{path}: its first line must be {','.join(COLUMNS)}; run its stage again")
    statuses = Counter(frame["status"].value_counts().to_dict())
    return QualityFacts(frame["weak_id"].to_numpy(np.int64), statuses, _measured(frame), _problems(frame))


def _measured(frame: pd.DataFrame) -> dict[str, int | float]:
    """As `summarise_quality` has it, of whole columns: a table may have a million rows."""
    groups = {"": frame, "_touching": frame[frame["touching"] == 1]}
    found: dict[str, int | float] = {"touching": len(groups["_touching"])}
    for suffix, group in groups.items():
        for kind in ("rough", "pseudo"):
            values = group[f"iou_{kind}"].dropna().to_numpy(np.float64)
            if len(values):
                found[f"mean_iou_{kind}{suffix}"] = round(float(values.mean()), 6)
                for name, bound in BOUNDS.items():
                    found[f"above_{name}_{kind}{suffix}"] = round(float((values >= bound).mean()), 6)
    return found


def _problems(frame: pd.DataFrame) -> list[str]:
    problems = []
    for name in ("iou_rough", "iou_pseudo"):
        values = frame[name].dropna()
        odd = frame["weak_id"][values[(values < 0) | (values > 1)].index]
        problems += [f"point {number} has an {name} that is not within 0 ... 1" for number in odd]
    odd = frame["weak_id"][(frame["status"] != "masked") & (frame["iou_pseudo"] != 0)]
    return problems + [f"point {number} has no mask, and an IoU above 0" for number in odd]
