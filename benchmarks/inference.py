"""Rows: SOLOv2 inference, R50, student grids, 100 detections, against torchvision's Mask R-CNN R50 on the same images.

Weights are random, so score thresholds are set such that both sides have a full load: 500 candidates into SOLOv2's
matrix NMS, 1000 regions and 1000 candidate boxes in Mask R-CNN, and 100 detections in each image on either side. Both
end with 100 binary masks at the size of the image. float32 on every device, as the stages infer.
"""

import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn

from benchmarks.measuring import Conditions, Row, Work
from benchmarks.scenes import TRAINING_SIZE, random_images, random_segmentor, resnet50
from wssis.config.training import InferenceSettings
from wssis.models.solov2.inference import Detections, detect
from wssis.models.solov2.nms import point_nms

DETECTIONS = 100
CANDIDATES = 500
CANDIDATE_BOXES = 1000
COCO_CLASSES = 91
MASK_THRESHOLD = 0.5


def rows(conditions: Conditions) -> list[Row]:
    """Batches of 1 and 8 images."""
    return [
        Row(f"inference, batch {batch}", lambda batch=batch: _sides(batch, conditions), 1.0, str(conditions.device))
        for batch in (1, 8)
    ]


def _sides(batch: int, conditions: Conditions) -> tuple[Work, Work]:
    images = random_images(batch, TRAINING_SIZE, conditions.device)
    ours, reference = Ours(images), Reference(images)
    no_gradients = torch.inference_mode()
    return no_gradients(ours.detect), no_gradients(reference.detect)


class Ours:
    """SOLOv2 from uint8 images to 100 detections each."""

    @torch.inference_mode()
    def __init__(self, images: list[Tensor]) -> None:
        self.images = images
        self.model = random_segmentor(resnet50(), images[0].device)
        outputs = self.model(self.model.batch(images[:1]))
        scores = torch.cat([point_nms(category.sigmoid()).flatten() for category in outputs.category])
        threshold = float(scores.topk(CANDIDATES + 1).values[-1])
        self.settings = InferenceSettings(score_threshold=threshold, update_threshold=0.0, candidates=CANDIDATES)

    def detect(self) -> list[Detections]:
        """Detections of every image."""
        sizes = [(image.shape[-2], image.shape[-1]) for image in self.images]
        found = detect(self.model(self.model.batch(self.images)), sizes, sizes, self.settings, DETECTIONS)
        _check_full([one.scores for one in found])
        return found


class Reference:
    """torchvision's Mask R-CNN, its own resizing switched off, from uint8 images to 100 detections each."""

    @torch.inference_mode()
    def __init__(self, images: list[Tensor]) -> None:
        self.images = images
        side = min(images[0].shape[-2:])
        torch.manual_seed(1)
        self.model: MaskRCNN = maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, min_size=side, max_size=max(images[0].shape[-2:]),
            num_classes=COCO_CLASSES, box_detections_per_img=DETECTIONS, box_score_thresh=1.0,
        ).to(images[0].device).eval()  # fmt: skip
        self.model.roi_heads.score_thresh = self._threshold()

    def _threshold(self) -> float:
        """Score that `CANDIDATE_BOXES` boxes of the first image exceed."""
        seen: list[Tensor] = []
        hook = self.model.roi_heads.box_predictor.register_forward_hook(lambda _, __, output: seen.append(output[0]))
        self.model(self._floats()[:1])
        hook.remove()
        scores = seen[0].softmax(1)[:, 1:].flatten()
        return float(scores.topk(CANDIDATE_BOXES + 1).values[-1])

    def _floats(self) -> list[Tensor]:
        return [image.float() / 255 for image in self.images]

    def detect(self) -> list[Tensor]:
        """Binary masks, bool (100, H, W), of every image."""
        found = self.model(self._floats())
        _check_full([one["scores"] for one in found])
        return [one["masks"][:, 0] > MASK_THRESHOLD for one in found]


def _check_full(scores: list[Tensor]) -> None:
    """RuntimeError where an image has not exactly 100 detections: the sides would not do the same work."""
    if any(len(one) != DETECTIONS for one in scores):
        raise RuntimeError(f"{[len(one) for one in scores]} detections instead of {DETECTIONS} in each image")
