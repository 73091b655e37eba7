"""Names of released checkpoints (AdelaiDet, PointWSSIS, Detectron2, torchvision) as this project's names."""

import re

RESNET_STAGES = {"res2": "layer1", "res3": "layer2", "res4": "layer3", "res5": "layer4"}


def resnet_name(name: str) -> str:
    """A tensor of a ResNet, Detectron2's or torchvision's name -> torchvision's name.

    >>> resnet_name("backbone.bottom_up.res2.0.shortcut.norm.running_mean")
    'layer1.0.downsample.1.running_mean'
    """
    name = name.removeprefix("backbone.bottom_up.").removeprefix("stem.")
    name = re.sub(r"^res[2-5]", lambda match: RESNET_STAGES[match[0]], name)
    name = re.sub(r"\bconv(\d)\.norm\.", r"bn\1.", name)
    return re.sub(r"\bshortcut\.norm\.", "downsample.1.", name).replace(".shortcut.", ".downsample.0.")
