"""Which masks need a person most: scores of masks, of images, and what to say of them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

UNMASKED_SCORE = 0.0
"""A point without mask counts as a mask of this score: it needs a person most."""
QUANTILES = {"least": 0.0, "10 %": 0.1, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "90 %": 0.9, "greatest": 1.0}
Rank = tuple[float, ...]
"""An image's scores in rising order, then infinity: the lower, the worse. Equal lowest scores: the next ones decide,
and of two images the one with more such masks is worse."""


def score_of(annotation: Mapping[str, Any]) -> float | None:
    """Score of a mask, or of a point without mask; None for a mask that a person drew."""
    return UNMASKED_SCORE if annotation["segmentation"] is None else annotation.get("score")


def image_ranks(annotations: Iterable[Mapping[str, Any]]) -> dict[int, Rank]:
    """image_id -> rank, the worst image first; images without a score are not among them.

    >>> mask = {"segmentation": [], "image_id": 1, "score": 0.5}
    >>> image_ranks([mask, {"segmentation": None, "image_id": 2}])
    {2: (0.0, inf), 1: (0.5, inf)}
    """
    scores: dict[int, list[float]] = {}
    for one in annotations:
        score = score_of(one)
        if score is not None:
            scores.setdefault(one["image_id"], []).append(score)
    ranks = {image: (*sorted(own), math.inf) for image, own in scores.items()}
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def quantiles(scores: Sequence[float]) -> str:
    """Quantiles of scores in words."""
    values = np.quantile(scores, list(QUANTILES.values()))
    return ", ".join(f"{name} {value:.3f}" for name, value in zip(QUANTILES, values, strict=True))
