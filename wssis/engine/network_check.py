"""Whether networks can be built and their first weights be had, tried before anything is trained."""

from collections.abc import Iterator
from typing import Any

from wssis.config.networks import NetworksSettings
from wssis.engine.initial_weights import read_initial_weights
from wssis.errors import InputError
from wssis.models.backbones import build_backbone
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.network import SOLOv2

BUILT = {"solov2": SOLOv2, "refiner": MaskRefineNet, "box_student": MaskRCNN}
CLASSES = 2
"""Of the networks that are built to try them; any number does."""


def network_problems(networks: NetworksSettings) -> Iterator[str]:
    """One line per network that cannot be built: its backbone is unknown or lacks features at a stride, or its weights
    are missing, damaged or another network's.

    ImageNet's weights are fetched where they are not at hand: where the jobs run, there may be no way to them.
    """
    for kind, build in BUILT.items():
        for sections, wanted in getattr(networks, kind).items():
            for settings in wanted:
                try:
                    _try(build, settings)
                except InputError as error:
                    yield f"{sections}: {error}"


def _try(build: Any, settings: Any) -> None:
    build(settings, CLASSES)  # Before the weights: of an unknown backbone it says so.
    initial = read_initial_weights(settings.backbone)
    if initial is not None:
        build_backbone(settings.backbone, initial)
