"""What an annotation must and may hold in each kind of COCO file of a study."""

import math
from collections.abc import Mapping
from typing import Any

from wssis.formats.box_points import KEYS

WEAK_KEYS = {"id", "image_id", "category_id", "point"}
"""All that an annotation of weak.json may hold: no mask, no box, no area."""
BOX_KEYS = set(KEYS)
"""All that an annotation of box_points.json may hold: a box and points, but no mask and no area."""
PSEUDO_KEYS = {"outcome", "score", "segmentation", "point", "point_id"}
PROPOSAL_KEYS = {"point_id", "point", "score", "predictor", "status"}
CONFIDENT = "confident"
"""Outcome of a label that comes without a point."""
CONFIDENT_KEYS = {"outcome", "score", "segmentation"}
POINT_KEYS = {"point", "point_id"}
NOTHING: frozenset[str] = frozenset()
EXTRAS = ("soft", "uncertain")
"""Further masks of an annotation: a proposal's soft levels, and the band of which the refiner was not sure."""


def annotation_problem(item: Mapping[str, Any], kind: str) -> str | None:
    """What is wrong with one annotation by itself, in words; None for nothing.

    kind: of `coco_facts.kind_of`.

    Raises:
        KeyError, TypeError, ValueError, OverflowError, AttributeError: it is no annotation at all.
    """
    keys = item.keys()
    if kind == "weak":
        if keys == WEAK_KEYS:
            return None
        return f"holds {', '.join(sorted(keys))}; in weak.json it may hold {', '.join(sorted(WEAK_KEYS))} alone"
    if kind == "boxes":
        return _box_problem(item)
    if kind == "train" and keys == WEAK_KEYS:  # A click of half-labelled data.
        return None
    if kind == "unlabelled":
        return "is on an image that nobody looked at"
    source = item.get("source")
    pseudo = kind == "pseudo" and source == "pseudo"
    confident = pseudo and item.get("outcome") == CONFIDENT
    pointed = PSEUDO_KEYS if pseudo else PROPOSAL_KEYS if kind == "proposals" else NOTHING
    needed = CONFIDENT_KEYS if confident else pointed
    if not needed <= keys:
        return f"lacks {', '.join(sorted(needed - keys))}"
    if confident and keys & POINT_KEYS:
        return f"is a label that comes without a point, but holds {', '.join(sorted(keys & POINT_KEYS))}"
    if kind == "pseudo" and source not in ("full", "pseudo"):
        return f"has source {source!r}, neither full nor pseudo"
    if not item.get("segmentation"):
        return None if pseudo and not confident else "has no segmentation"
    if problem := _extra_problem(item):
        return problem
    box = item.get("bbox")
    if type(box) is not list or len(box) != 4 or not math.isfinite(math.fsum(box)):
        return f"has bbox {box!r}, not four finite numbers"
    return None


def _box_problem(item: Mapping[str, Any]) -> str | None:
    """What is wrong with a box and its points; or that it holds more than these."""
    if item.keys() != BOX_KEYS:
        keys, legal = (", ".join(sorted(keys)) for keys in (item.keys(), BOX_KEYS))
        return f"holds {keys}; in box_points.json it may hold {legal} alone"
    coords, labels = item["point_coords"], item["point_labels"]
    if len(coords) != len(labels) or not set(labels) <= {0, 1}:
        return f"has {len(coords)} points and the labels {labels!r}; each point needs one, 0 or 1"
    x, y, width, height = item["bbox"]
    outside = [p for p in coords if not (-1 <= p[0] - x <= width + 1 and -1 <= p[1] - y <= height + 1)]
    return f"has points outside of its box, such as {outside[0]}" if outside else None


def _extra_problem(item: Mapping[str, Any]) -> str | None:
    """Further masks of another size than the mask itself."""
    for name in EXTRAS:
        if name not in item:
            continue
        masks = item[name]
        for one in [masks] if isinstance(masks, Mapping) else masks:
            if one["size"] != item["segmentation"]["size"]:
                return f"has a mask in {name} of another size than its segmentation"
    return None
