"""Training pairs of the refiner without a teacher: every true mask, corrupted, as the proposal of its own object."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wssis.engine.proposing import PointedObject, Proposal, bare_row, measured_row, proposal_annotation
from wssis.engine.streams import stream
from wssis.formats.coco import decode_mask
from wssis.geometry.corruption import Neighbour, corrupted

PREDICTOR = "corrupt"
CORRUPT_STREAM = 11


def corrupt_proposals(
    images: Sequence[Any], annotations: Mapping[int, Sequence[Mapping[str, Any]]],
    objects: Mapping[int, Sequence[PointedObject]], seed: int,
) -> Iterator[tuple[int, list[Proposal]]]:  # fmt: skip
    """Image id and one record per object, in the order of the objects; images without objects are passed over.

    What happens to a mask follows from seed and annotation id alone. Level and scores stay empty: nothing scored it.

    Args:
        images: with image_id, height and width.
        annotations: image id -> its annotations with masks, crowd regions among them, which are nobody's neighbour.
        objects: image id -> its objects with their points.
    """
    for image in images:
        masks = {
            one["id"]: decode_mask(one, image.height, image.width)
            for one in annotations[image.image_id]
            if not one.get("iscrowd", 0)
        }
        if masks:
            pointed = objects[image.image_id]
            near = {number: Neighbour.of(mask) for number, mask in masks.items() if mask.any()}
            yield image.image_id, [_record(one, image.image_id, masks[one.id], near, pointed, seed) for one in pointed]


def _record(
    one: PointedObject, image_id: int, true: np.ndarray, near: Mapping[int, Neighbour],
    pointed: Sequence[PointedObject], seed: int,
) -> Proposal:  # fmt: skip
    others = [neighbour for number, neighbour in near.items() if number != one.id]
    mask = corrupted(true, others, stream(CORRUPT_STREAM, seed, one.id))
    row = measured_row(bare_row(one, image_id, PREDICTOR, "corrupted"), mask, pointed)
    return Proposal(row, proposal_annotation(row, mask))
