"""What the training loop needs to know of the segmentor, teacher and student alike."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wssis.config.segmentor_stages import SegmentorSettings
from wssis.engine.initial_weights import read_initial_weights
from wssis.engine.predictor import KIND
from wssis.engine.reproducible import seed_everything
from wssis.engine.sampler import EpochOrder, Order, SharedOrder
from wssis.engine.segmentor_data import SegmentorBatch, SegmentorSample, SegmentorSamples, collate
from wssis.engine.state import state_folder
from wssis.engine.trainer import TrainSummary, train
from wssis.models.solov2.loss import loss_counts, loss_divisors, target_loss
from wssis.models.solov2.network import SOLOv2
from wssis.provenance import code_digest


def categories_of(coco: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Categories as {id, name}, in class-index order."""
    return [{"id": one["id"], "name": one["name"]} for one in sorted(coco["categories"], key=lambda one: one["id"])]


def segmentor_metadata(settings: SegmentorSettings, categories: list[dict[str, Any]]) -> dict[str, str]:
    """Metadata of a segmentor's checkpoint; the step is added where it is written."""
    return {
        "kind": KIND,
        "network": settings.network.model_dump_json(),
        "categories": json.dumps(categories, ensure_ascii=False),
    }


def groups_by_truth(coco: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Places of the images of which all labels are true, empty images among them, and of those with pseudo labels."""
    guessed = {one["image_id"] for one in coco["annotations"] if one.get("source") == "pseudo"}
    places: tuple[list[int], list[int]] = [], []
    for place, image in enumerate(coco["images"]):
        places[image["id"] in guessed].append(place)
    return places


class SegmentorTask:
    """SOLOv2 on a COCO training set. The network's initial weights follow from the seed and its settings alone.

    full_share: share of every batch for images with true labels; None, or a set of one kind alone: as they come.
    """

    def __init__(
        self, settings: SegmentorSettings, coco: Mapping[str, Any], images_table: Path, image_dir: Path,
        full_share: float | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.dataset = SegmentorSamples(coco, images_table, image_dir, settings.augmentation)
        initial = read_initial_weights(settings.network.backbone)
        seed_everything(settings.seed)
        self.model = SOLOv2(settings.network, len(coco["categories"]), initial)
        self._full_share = full_share
        self._groups = groups_by_truth(coco)

    def order(self, batch: int, seed: int) -> Order:
        """Every image once per epoch; with `full_share`, the two kinds of images each at a pace of their own."""
        true, rest = self._groups
        if self._full_share is None or not (true and rest):
            return EpochOrder(len(self.dataset), seed)
        return SharedOrder(true, rest, self._full_share, batch, seed)

    def collate(self, samples: Sequence[SegmentorSample]) -> SegmentorBatch:
        """Samples side by side, with their targets."""
        return collate(samples, self.settings.network, self.model.num_classes)

    def to_device(self, batch: SegmentorBatch, device: torch.device) -> SegmentorBatch:
        """The batch on the device."""
        return batch.to(device)

    def losses(self, model: nn.Module, batch: SegmentorBatch) -> dict[str, Tensor]:
        """Dice and focal loss; `model` is the network or what wraps it."""
        images = self.model.batch(batch.images).contiguous(memory_format=torch.channels_last)
        return target_loss(model(images), batch.targets, self.settings.dice_weight)

    def counts(self, batch: SegmentorBatch) -> Tensor:
        """Positive pairs and positive cells."""
        return loss_counts(batch.targets)

    def divisors(self, counts: Tensor) -> Tensor:
        """Those of the two losses."""
        return loss_divisors(counts)

    def image_ids(self, batch: SegmentorBatch) -> list[int]:
        """Ids of the images."""
        return batch.image_ids


def train_segmentor(
    stage: str, settings: SegmentorSettings, coco: Mapping[str, Any], inputs: Mapping[str, Path], image_dir: Path,
    state_root: Path, out: Path, snapshots: Mapping[int, str] | None = None, workers: int = 0,
    tensorboard: bool = False, full_share: float | None = None,
) -> TrainSummary:  # fmt: skip
    """Train SOLOv2 on `coco` into the folder `out`.

    Args:
        stage: names the resume state.
        inputs: what the manifest lists; `images_table` among them.
        snapshots: step -> file name.
        workers, tensorboard: see `train`.
        full_share: see `SegmentorTask`.
    """
    task = SegmentorTask(settings, coco, inputs["images_table"], image_dir, full_share)
    return train_task(task, stage, settings, coco, inputs, state_root, out, snapshots, workers, tensorboard)


def train_task(
    task: SegmentorTask, stage: str, settings: SegmentorSettings, coco: Mapping[str, Any], inputs: Mapping[str, Path],
    state_root: Path, out: Path, snapshots: Mapping[int, str] | None = None, workers: int = 0,
    tensorboard: bool = False,
) -> TrainSummary:  # fmt: skip
    """`train_segmentor` with a task of another kind; of `coco`, the categories count."""
    return train(
        task, settings.schedule, settings.optimizer, settings.seed, out,
        state_folder(state_root, stage, settings, inputs, code_digest(stage), out),
        segmentor_metadata(settings, categories_of(coco)), snapshots, workers, tensorboard,
    )  # fmt: skip
