"""Released checkpoints under this project's names, and the architecture that their shapes tell.

SOLOv2: AdelaiDet's and PointWSSIS's names over Detectron2's backbone. MaskRefineNet: PointWSSIS's names.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from wssis.config.network import BackboneSettings, RefineNetSettings, SOLOv2Settings
from wssis.errors import InputError
from wssis.models.refinenet.import_names import import_refiner

RESNET_STAGES = {"res2": "layer1", "res3": "layer2", "res4": "layer3", "res5": "layer4"}
DEPTH_OF_THIRD_LAYER = {6: "resnet50", 23: "resnet101"}
# Constants of the published networks, which are settings here.
SETTINGS_TENSORS = ("pixel_mean", "pixel_std")
COUNTER = "num_batches_tracked"
SOLOV2_RULES = (
    (r"^backbone\.fpn_(lateral|output)([2-5])\.", lambda m: f"fpn.{m[1]}.{int(m[2]) - 2}."),
    (r"^ins_head\.cate_tower\.(\d+)\.", lambda m: f"instance_head.category_tower.{_place(m[1])}."),
    (r"^ins_head\.kernel_tower\.(\d+)\.", lambda m: f"instance_head.kernel_tower.{_place(m[1])}."),
    (r"^ins_head\.cate_pred\.", lambda m: "instance_head.category."),
    (r"^ins_head\.kernel_pred\.", lambda m: "instance_head.kernel."),
    (r"^mask_head\.convs_all_levels\.(\d)\.conv(\d)\.", lambda m: f"mask_head.levels.{m[1]}.{m[2]}."),
    (r"^mask_head\.conv_pred\.", lambda m: "mask_head.output."),
)


def _place(index: str) -> str:
    """Place in a flat tower of conv, norm, ReLU -> place in ours: 4 -> 1.1."""
    return f"{int(index) // 3}.{int(index) % 3}"


def resnet_name(name: str) -> str:
    """A tensor of a ResNet, Detectron2's or torchvision's name -> torchvision's name.

    >>> resnet_name("backbone.bottom_up.res2.0.shortcut.norm.running_mean")
    'layer1.0.downsample.1.running_mean'
    """
    name = name.removeprefix("backbone.bottom_up.").removeprefix("stem.")
    name = re.sub(r"^res[2-5]", lambda match: RESNET_STAGES[match[0]], name)
    name = re.sub(r"\bconv(\d)\.norm\.", r"bn\1.", name)
    return re.sub(r"\bshortcut\.norm\.", "downsample.1.", name).replace(".shortcut.", ".downsample.0.")


def solov2_name(name: str) -> str:
    """A tensor of a released SOLOv2 -> our name; a name that no rule knows comes back as it is.

    >>> solov2_name("ins_head.cate_tower.4.bias"), solov2_name("backbone.fpn_lateral3.weight")
    ('instance_head.category_tower.1.1.bias', 'fpn.lateral.1.weight')
    """
    name = name.removeprefix("module.")
    if name.startswith("backbone.bottom_up."):
        return "backbone.body." + resnet_name(name)
    for pattern, replacement in SOLOV2_RULES:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name)
    return name


def kind_of(state: Mapping[str, Tensor]) -> str:
    """solov2 or maskrefinenet, by the names. Raises InputError for anything else."""
    names = [name.removeprefix("module.") for name in state]
    if any(name.startswith("ins_head.") for name in names):
        return "solov2"
    if any(name.startswith("aspp.") for name in names):
        return "maskrefinenet"
    raise InputError(
        "neither SOLOv2 (AdelaiDet, PointWSSIS: names in ins_head.) nor MaskRefineNet (PointWSSIS: names in aspp.); "
        f"the first names are {', '.join(names[:5]) or 'none'}"
    )


def rename_solov2(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released SOLOv2 under our names; constants that are settings here are left out."""
    return {solov2_name(n): t for n, t in state.items() if n.removeprefix("module.") not in SETTINGS_TENSORS}


def rename_refiner(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released MaskRefineNet under our names, without its surplus class channel."""
    return import_refiner(dict(state), refiner_classes(state))


def refiner_classes(state: Mapping[str, Tensor]) -> int:
    """Number of classes C of a released MaskRefineNet: its input has 3 + (C + 1) + 1 channels."""
    stems = [tensor for name, tensor in state.items() if name.removeprefix("module.") == "layer0.0.weight"]
    if not stems:
        raise InputError("a MaskRefineNet without its first convolution (layer0.0.weight)")
    shape = tuple(stems[0].shape)
    if len(shape) != 4 or shape[1] < 6:
        raise InputError(f"layer0.0.weight has shape {shape}: not a MaskRefineNet's, which takes 6 channels or more")
    return shape[1] - 5


def check_names(state: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str) -> None:
    """Every tensor is accounted for: raises InputError naming those missing, left over, or of another shape.

    Only counters of batches may be missing: frozen batch norms of other libraries have none.
    """
    missing = [name for name in own if name not in state and not name.endswith(COUNTER)]
    surplus = [name for name in state if name not in own]
    misshapen = [
        f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in state
        if name in own and state[name].shape != own[name].shape
    ]
    problems = {"missing": missing, "not matched": surplus, "of another shape": misshapen}
    if any(problems.values()):
        listed = "; ".join(f"{title}: {', '.join(names)}" for title, names in problems.items() if names)
        raise InputError(f"{source} does not fit: {listed}")


def solov2_settings(
    state: Mapping[str, Tensor], grids: tuple[int, ...], scale_ranges: tuple[tuple[float, float], ...]
) -> tuple[SOLOv2Settings, int]:
    """Architecture and number of classes that renamed weights tell; grids and scale ranges leave no trace in them.

    Raises InputError where a tensor that is needed for this is missing or has an impossible shape, or the backbone is
    not ResNet-50 or -101.
    """

    def size(name: str, least: int = 8) -> int:
        if name not in state:
            raise InputError(f"a SOLOv2 without {name}; its names match no release this import knows")
        shape = tuple(state[name].shape)
        if not shape or shape[0] < least:
            raise InputError(f"{name} has shape {shape}: not a SOLOv2's, which has {least} output channels or more")
        return shape[0]

    blocks = _count(state, r"backbone\.body\.layer3\.(\d+)\.")
    if blocks not in DEPTH_OF_THIRD_LAYER:
        raise InputError(f"the backbone is neither ResNet-50 nor ResNet-101: its res4 has {blocks} blocks")
    settings = SOLOv2Settings(
        backbone=BackboneSettings(name=DEPTH_OF_THIRD_LAYER[blocks], style="msra", frozen_stages=2),
        fpn_channels=size("fpn.lateral.0.weight"),
        instance_channels=size("instance_head.category_tower.0.0.weight"),
        instance_convs=_count(state, r"instance_head\.category_tower\.(\d+)\."),
        mask_channels=size("mask_head.levels.0.0.0.weight"),
        kernel_channels=size("instance_head.kernel.weight"),
        grids=grids,
        scale_ranges=scale_ranges,
    )
    return settings, size("instance_head.category.weight", least=1)


def refiner_settings(state: Mapping[str, Tensor]) -> RefineNetSettings:
    """Architecture that renamed MaskRefineNet weights tell; all releases are ResNet-101 with the published decoder."""
    blocks = _count(state, r"backbone\.body\.layer3\.(\d+)\.")
    if blocks not in DEPTH_OF_THIRD_LAYER:
        raise InputError(f"the backbone is neither ResNet-50 nor ResNet-101: its layer3 has {blocks} blocks")
    backbone = BackboneSettings(name=DEPTH_OF_THIRD_LAYER[blocks], norm="batch")
    return RefineNetSettings(backbone=backbone, stem="random")


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for name in state if (match := re.match(pattern, name))})
