"""What an audit needs to know of a ledger, gathered part by part."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wssis.formats.ledger_stream import ledger_parts

NONE = -1
CORRUPTED = "corrupted"
"""Status of a true mask, corrupted, in the place of a proposal."""
WITH_MASK = ("kept", "fallback", "empty", CORRUPTED)
"""Statuses of records that are in the COCO file, `empty` ones with an empty mask."""
DROPPED = ("cell_taken", "small", "suppressed", "beyond_top")
"""Statuses of records that the published filter dropped."""


@dataclass
class LedgerFacts:
    """Facts of one ledger of R records.

    point_id, image_id, category_id, proposal_id: (R,), NONE where there is no proposal. point: float64 (R, 2), [x, y]
    in px of the image. score: float64 (R,), NaN where there is none. pairs: how many different (point, predictor) there
    are. predicted: predictor -> ids of the images it predicted. statuses, predictors: how often each occurs. wrong:
    status -> records with a proposal although dropped, or without one although not.
    """

    point_id: NDArray[np.int64]
    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    proposal_id: NDArray[np.int64]
    point: NDArray[np.float64]
    score: NDArray[np.float64]
    pairs: int = 0
    predicted: dict[str, set[int]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    predictors: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


def ledger_facts(path: Path) -> LedgerFacts:
    """Facts of a ledger, read in parts.

    Raises:
        InputError: it is no ledger.
    """
    names = ("point_id", "image_id", "category_id", "proposal_id")
    columns: dict[str, list[NDArray[np.int64]]] = {name: [np.zeros(0, np.int64)] for name in names}
    places, scores = [np.zeros((0, 2))], [np.zeros(0)]
    seen: dict[str, list[NDArray[np.int64]]] = {}
    predicted: dict[str, set[int]] = {}
    statuses: Counter[str] = Counter()
    predictors: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for part in ledger_parts(path):
        for name in names:
            columns[name].append(part[name].fillna(NONE).to_numpy(np.int64))
        places.append(part[["x", "y"]].to_numpy(np.float64))
        scores.append(part["score"].to_numpy(np.float64, na_value=np.nan))
        statuses.update(part["status"].value_counts().to_dict())
        predictors.update(part["predictor"].value_counts().to_dict())
        for predictor, rows in part.groupby("predictor"):
            seen.setdefault(str(predictor), []).append(rows["point_id"].to_numpy(np.int64))
            predicted.setdefault(str(predictor), set()).update(rows["image_id"].unique().tolist())
        expected = part["status"].isin(WITH_MASK)
        wrong.update(part["status"][part["proposal_id"].notna() != expected].value_counts().to_dict())
    whole = {name: np.concatenate(values) for name, values in columns.items()}
    pairs = sum(len(pd.unique(np.concatenate(points))) for points in seen.values())
    counted = {"predicted": predicted, "statuses": statuses, "predictors": predictors, "wrong": wrong}
    parts = {"point": np.concatenate(places), "score": np.concatenate(scores)}
    return LedgerFacts(**whole, **parts, pairs=pairs, **counted)
