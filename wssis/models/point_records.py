"""What point guidance gives: a record for every point, or the reason why there is none."""

from dataclasses import dataclass

from torch import Tensor

# What became of a point.
KEPT = "kept"
FALLBACK = "fallback"
EMPTY = "empty"
CELL_TAKEN = "cell_taken"
SMALL = "small"
SUPPRESSED = "suppressed"
BEYOND_TOP = "beyond_top"


@dataclass(frozen=True)
class PointProposals:
    """Records of one image's points; M records, in the order of the points (ours) or of falling score (published).

    index: int64 (M,), which point; masks: bool (M, H0, W0); level: int64 (M,); score, maskness, category_score:
    float32 (M,), where score is the product (less for a mask that is not consistent) or the maskness (by vote, and with
    the published filter); fallback: bool (M,), what ranked higher was empty; fate: one word per given point, N in all,
    also for those without a record; soft: uint8 (M, H0, W0), how many of SOFT_LEVELS the probability of each pixel
    exceeds, of empty masks 0, or None unless asked for.
    """

    index: Tensor
    masks: Tensor
    level: Tensor
    score: Tensor
    maskness: Tensor
    category_score: Tensor
    fallback: Tensor
    fate: list[str]
    soft: Tensor | None = None
