"""What the training loop needs to know of the refiner."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from wssis.config.mask_stages import RefinerSettings
from wssis.engine.crop_data import CropBatch, CropDataset, CropSample, collate
from wssis.engine.initial_weights import read_initial_weights
from wssis.engine.reproducible import seed_everything
from wssis.engine.task import MeansOverSamples
from wssis.errors import InputError
from wssis.formats.crop_store import CropStore
from wssis.models.refinenet.inputs import trained_target
from wssis.models.refinenet.loss import refiner_loss
from wssis.models.refinenet.network import MaskRefineNet


class RefinerTask(MeansOverSamples):
    """MaskRefineNet on the pairs of a crop store with targets; its initial weights follow from seed and settings.

    The cross entropy is a mean over crops. The soft Dice is not: it is a ratio of two sums over the batch, and both
    hold predictions. Its gradient needs the sums of the whole batch before the first backward pass, so every crop would
    have to go through the network twice, and trained batch norms would still see one pass at a time. A step of several
    passes or processes therefore takes the mean of their Dice losses by their number of crops, which is not quite the
    Dice loss of one large batch.
    """

    def __init__(self, store: CropStore, settings: RefinerSettings) -> None:
        self.settings = settings
        initial = read_initial_weights(settings.network.backbone)
        seed_everything(settings.seed)
        self.model = MaskRefineNet(settings.network, len(store.layout.categories), initial)
        self.dataset = CropDataset(store, settings.augmentation)

    def collate(self, samples: Sequence[CropSample]) -> CropBatch:
        """Samples side by side, as stored; they are changed on the device."""
        return collate(samples)

    def to_device(self, batch: CropBatch, device: torch.device) -> CropBatch:
        """The batch on the device, with its random changes applied there."""
        return batch.to(device).changed()

    def losses(self, model: nn.Module, batch: CropBatch) -> dict[str, Tensor]:
        """Soft Dice and, if its weight is set, cross entropy; `model` is the network or what wraps it."""
        if len(batch.images) == 1 and self.settings.network.norm == "batch" and not dist.is_initialized():
            raise InputError(
                "a batch norm needs two crops in a pass, and this one has one: give refiner.optimizer a larger batch or"
                " micro_batch, or set refiner.network.norm to group"
            )
        x = self.model.input(batch.images, batch.rough, batch.points, batch.labels, batch.others, training=True)
        logits = model(x.contiguous(memory_format=torch.channels_last))
        target = trained_target(batch.target, batch.labels, self.settings.network)
        losses = {"dice": refiner_loss(logits, target, self.settings.dice)}
        if self.settings.cross_entropy:
            entropy = F.cross_entropy(logits.float(), target.long())
            losses["cross_entropy"] = self.settings.cross_entropy * entropy
        return losses

    def image_ids(self, batch: CropBatch) -> list[int]:
        """Image of each crop."""
        return batch.image_ids
