"""Point-guided proposals of images: masks for the COCO file and a ledger row for every point."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wssis.config.mask_stages import ProposalsSettings
from wssis.engine.predictor import PredictedBatch, Segmentor, predict
from wssis.formats.coco import encode_mask, mask_box
from wssis.formats.images_table import ImageRow
from wssis.formats.ledger import LedgerRow
from wssis.models.point_guidance import SOFT_LEVELS, Guidance, point_guided
from wssis.models.point_records import PointProposals

DIGITS = 6


@dataclass(frozen=True, slots=True)
class PointedObject:
    """One object of an image: annotation id, category and point [x, y] in px of the image."""

    id: int
    category_id: int
    point: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One record: the ledger row and, unless a filter dropped it, the annotation; ids are given at the end."""

    row: LedgerRow
    annotation: dict[str, Any] | None


def propose(
    segmentor: Segmentor,
    name: str,
    images: Sequence[ImageRow],
    objects: Mapping[int, Sequence[PointedObject]],
    folder: Path,
    settings: ProposalsSettings,
) -> Iterator[tuple[int, list[Proposal]]]:
    """Image id and records, one per object, in the order of the objects; images without objects are passed over.

    name: of the predictor, as the records give it; objects: image id -> its objects.
    """
    pointed = [image for image in images if objects[image.image_id]]
    for batch in predict(segmentor, pointed, folder, settings.inference, f"propose, {name}", settings.flip):
        yield from propose_batch(batch, segmentor.categories, name, objects, settings)


def propose_batch(
    batch: PredictedBatch,
    categories: Sequence[Mapping[str, Any]],
    name: str,
    objects: Mapping[int, Sequence[PointedObject]],
    settings: ProposalsSettings,
) -> Iterator[tuple[int, list[Proposal]]]:
    """As `propose`, for the images of one batch; `categories` in class-index order."""
    classes = {category["id"]: index for index, category in enumerate(categories)}
    for index, row in enumerate(batch.rows):
        found = _guided(batch, index, objects[row.image_id], classes, settings)
        yield row.image_id, records(found, objects[row.image_id], row.image_id, name)


@torch.inference_mode()
def _guided(
    batch: PredictedBatch,
    index: int,
    objects: Sequence[PointedObject],
    classes: Mapping[int, int],
    settings: ProposalsSettings,
) -> PointProposals:
    """Point guidance on one image of a batch."""
    image_size, original_size = batch.image_sizes[index], batch.original_sizes[index]
    points, labels = network_points(objects, classes, original_size, image_size)
    device = batch.outputs.mask_features.device
    return point_guided(
        batch.outputs.image(index),
        points.to(device),
        labels.to(device),
        image_size,
        original_size,
        guidance_of(settings),
        None if batch.mirrored is None else batch.mirrored.image(index),
    )


def guidance_of(settings: ProposalsSettings) -> Guidance:
    """What the settings say of point guidance."""
    return Guidance(
        settings.filter,
        settings.selection,
        settings.own_point_inside,
        settings.overlap,
        settings.inference.mask_threshold,
        settings.inference.nms_iou,
        settings.rough == "soft",
    )


def network_points(
    objects: Sequence[PointedObject], classes: Mapping[int, int], original: tuple[int, int], network: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points [x, y] float64 (N, 2) in px of the network's input, and class indices int64 (N,).

    Pixel indices are scaled as they are, without half a pixel: so the cell look-up of the published code does.
    """
    scale = torch.tensor([network[1] / original[1], network[0] / original[0]], dtype=torch.float64)
    points = torch.tensor([one.point for one in objects], dtype=torch.float64).view(-1, 2) * scale
    return points, torch.tensor([classes[one.category_id] for one in objects], dtype=torch.int64)


def records(found: PointProposals, objects: Sequence[PointedObject], image_id: int, predictor: str) -> list[Proposal]:
    """One record per object, in the order of the objects."""
    place = {point: i for i, point in enumerate(found.index.tolist())}
    masks = found.masks.cpu().numpy()
    made = []
    for index, one in enumerate(objects):
        row = bare_row(one, image_id, predictor, found.fate[index])
        if index not in place:
            made.append(Proposal(row, None))
            continue
        row = _filled_row(row, found, place[index], masks[place[index]], objects)
        annotation = proposal_annotation(row, masks[place[index]])
        if found.soft is not None:
            annotation["soft"] = level_sets(found.soft[place[index]].cpu().numpy())
        made.append(Proposal(row, annotation))
    return made


def level_sets(steps: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """A soft mask (H, W) of 0 ... 5 steps as five masks (RLE), of the pixels with at least 1, 2, ... 5 of them."""
    return [encode_mask(steps >= step) for step in range(1, len(SOFT_LEVELS) + 1)]


def bare_row(one: PointedObject, image_id: int, predictor: str, status: str) -> LedgerRow:
    """A row that says no more than whose it is and what became of it."""
    x, y = one.point
    return LedgerRow(
        image_id=image_id,
        point_id=one.id,
        category_id=one.category_id,
        x=x,
        y=y,
        predictor=predictor,
        proposal_id=None,
        status=status,
        level=None,
        score=None,
        maskness=None,
        category_score=None,
        area=None,
        own_point_inside=None,
        foreign_points=None,
        same_class_points=None,
        fallback=None,
        shares_mask_with="",
    )


def _filled_row(
    row: LedgerRow, found: PointProposals, place: int, mask: NDArray[np.bool_], objects: Sequence[PointedObject]
) -> LedgerRow:
    return replace(
        measured_row(row, mask, objects),
        level=int(found.level[place]),
        score=round(float(found.score[place]), DIGITS),
        maskness=round(float(found.maskness[place]), DIGITS),
        category_score=round(float(found.category_score[place]), DIGITS),
        fallback=bool(found.fallback[place]),
    )


def measured_row(row: LedgerRow, mask: NDArray[np.bool_], objects: Sequence[PointedObject]) -> LedgerRow:
    """The row with what a mask (H, W) tells by itself: its area, and which points of the image's objects it holds."""
    inside = [one for one in objects if one.id != row.point_id and _holds(mask, one.point)]
    return replace(
        row,
        area=int(mask.sum()),
        own_point_inside=_holds(mask, (row.x, row.y)),
        foreign_points=len(inside),
        same_class_points=sum(one.category_id == row.category_id for one in inside),
    )


def _holds(mask: NDArray[np.bool_], point: tuple[float, float]) -> bool:
    """Whether the pixel under a point is in the mask (H, W)."""
    column, row = (int(np.clip(np.floor(v + 0.5), 0, n - 1)) for v, n in zip(point, mask.shape[::-1], strict=True))
    return bool(mask[row, column])


def proposal_annotation(row: LedgerRow, mask: NDArray[np.bool_]) -> dict[str, Any]:
    """The COCO annotation of a record; its id is set later."""
    return {
        "id": 0,
        "image_id": row.image_id,
        "category_id": row.category_id,
        "point_id": row.point_id,
        "point": [row.x, row.y],
        "segmentation": encode_mask(mask),
        "bbox": mask_box(mask),
        "area": row.area,
        "iscrowd": 0,
        "score": row.score,
        "maskness": row.maskness,
        "category_score": row.category_score,
        "level": row.level,
        "predictor": row.predictor,
        "status": row.status,
    }


def numbered(proposals: Sequence[Proposal], first: int) -> tuple[list[dict[str, Any]], list[LedgerRow]]:
    """Annotations of one image with ids from `first` on, and its rows of the ledger, with these ids and with the ids of
    the proposals that share a mask.
    """
    annotations: list[dict[str, Any]] = []
    same: dict[tuple[str, str], list[int]] = {}
    rows: list[LedgerRow] = []
    for proposal in proposals:
        row, annotation = proposal.row, proposal.annotation
        if annotation is not None:
            row = replace(row, proposal_id=first + len(annotations))
            annotations.append({**annotation, "id": row.proposal_id})
            if row.area:
                same.setdefault(_mask_key(annotation), []).append(row.proposal_id)
        rows.append(row)
    return annotations, [_sharing(row, annotations, first, same) for row in rows]


def _mask_key(annotation: Mapping[str, Any]) -> tuple[str, str]:
    return annotation["predictor"], annotation["segmentation"]["counts"]


def _sharing(
    row: LedgerRow, annotations: Sequence[Mapping[str, Any]], first: int, same: Mapping[tuple[str, str], list[int]]
) -> LedgerRow:
    if row.proposal_id is None or not row.area:
        return row
    others = [i for i in same[_mask_key(annotations[row.proposal_id - first])] if i != row.proposal_id]
    return replace(row, shares_mask_with=" ".join(map(str, others)))


class Tally:
    """What the manifest says of the records: how many, by status, by predictor, and oddities."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._predictors: Counter[str] = Counter()
        self._kinds = Counter(masks=0, own_point_outside=0, with_foreign_points=0, sharing_a_mask=0)

    def count(self, row: LedgerRow) -> None:
        """One more record."""
        self._statuses[row.status] += 1
        self._predictors[row.predictor] += 1
        self._kinds["masks"] += bool(row.area)
        self._kinds["own_point_outside"] += row.own_point_inside is False
        self._kinds["with_foreign_points"] += bool(row.foreign_points)
        self._kinds["sharing_a_mask"] += bool(row.shares_mask_with)

    def counts(self) -> dict[str, int]:
        """The counts, in the manifest's order."""
        kinds = dict(self._kinds)
        return {
            "records": self._statuses.total(),
            "masks": kinds.pop("masks"),
            **{f"status_{word}": n for word, n in sorted(self._statuses.items())},
            **{f"predictor_{name}": n for name, n in sorted(self._predictors.items())},
            **kinds,
        }
