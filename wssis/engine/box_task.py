"""What the training loop needs to know of the box networks, Mask R-CNN and Implicit PointRend."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wssis.config.maskrcnn import BoxStudentSettings
from wssis.engine.box_data import BoxBatch, BoxSample, BoxSamples, collate
from wssis.engine.initial_weights import read_initial_weights
from wssis.engine.reproducible import seed_everything
from wssis.engine.segmentor_task import categories_of
from wssis.engine.state import state_folder
from wssis.engine.task import MeansOverSamples
from wssis.engine.trainer import TrainSummary, train
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.provenance import code_digest


class BoxTask(MeansOverSamples):
    """A box network on a COCO training set; its initial weights follow from the seed and its settings alone.

    The losses of anchors and proposals are means over as many of them in every image, so they are means over images.
    That of the masks is a mean over the proposals that show objects, which are known only after the forward pass: a
    step of several passes or processes takes the mean of their mask losses by their number of images, as published for
    several processes, which is not quite the mean over the proposals of one large batch.
    """

    dataset: BoxSamples

    def __init__(
        self, settings: BoxStudentSettings, coco: Mapping[str, Any], images_table: Path, image_dir: Path
    ) -> None:
        self.settings = settings
        share = settings.supervision.point_share
        self.dataset = BoxSamples(coco, images_table, image_dir, settings.augmentation, share)
        initial = read_initial_weights(settings.network.backbone)
        seed_everything(settings.seed)
        self.model = MaskRCNN(settings.network, len(coco["categories"]), initial)

    def collate(self, samples: Sequence[BoxSample]) -> BoxBatch:
        """Samples side by side."""
        return collate(samples)

    def to_device(self, batch: BoxBatch, device: torch.device) -> BoxBatch:
        """The batch on the device."""
        return batch.to(device)

    def losses(self, model: nn.Module, batch: BoxBatch) -> dict[str, Tensor]:
        """Losses of anchors, proposals and masks; `model` is the network or what wraps it."""
        images = self.model.batch(batch.images).contiguous(memory_format=torch.channels_last)
        return model(images, batch.sizes, batch.targets, self.settings.supervision)

    def image_ids(self, batch: BoxBatch) -> list[int]:
        """Ids of the images."""
        return batch.image_ids


def box_metadata(settings: BoxStudentSettings, categories: list[dict[str, Any]]) -> dict[str, str]:
    """Metadata of a box network's checkpoint; the step is added where it is written."""
    return {
        "kind": settings.network.kind,
        "network": settings.network.model_dump_json(),
        "categories": json.dumps(categories, ensure_ascii=False),
    }


def train_box_network(
    stage: str, settings: BoxStudentSettings, coco: Mapping[str, Any], inputs: Mapping[str, Path], image_dir: Path,
    state_root: Path, out: Path, workers: int = 0, tensorboard: bool = False,
) -> TrainSummary:  # fmt: skip
    """Train a box network on `coco` into the folder `out`.

    Args:
        stage: names the resume state.
        inputs: what the manifest lists; `images_table` among them.
        workers, tensorboard: see `train`.
    """
    task = BoxTask(settings, coco, inputs["images_table"], image_dir)
    return train(
        task, settings.schedule, settings.optimizer, settings.seed, out,
        state_folder(state_root, stage, settings, inputs, code_digest(stage), out),
        box_metadata(settings, categories_of(coco)), None, workers, tensorboard,
    )  # fmt: skip
