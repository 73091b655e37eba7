"""Names of released MaskRefineNet checkpoints (PointWSSIS, ResNet-101) -> ours."""

import re
from typing import Literal

from torch import Tensor

STEM = "backbone.body.conv1.weight"
RULES = (
    (r"^layer0\.0\.", "backbone.body.conv1."),
    (r"^layer0\.1\.", "backbone.body.bn1."),
    (r"^layer1\.1\.", "backbone.body.layer1."),
    (r"^layer([234])\.", r"backbone.body.layer\1."),
    (r"^aspp\.convs\.0\.1\.", "aspp.pool."),
    (r"^aspp\.convs\.1\.", "aspp.point."),
    (r"^aspp\.convs\.2\.", "aspp.dilated.0."),
    (r"^aspp\.convs\.3\.", "aspp.dilated.1."),
    (r"^aspp\.convs\.4\.", "aspp.dilated.2."),
    (r"^decoder_3\.", "decoder.0."),
    (r"^decoder_2\.", "decoder.1."),
    (r"^decoder_1\.", "decoder.2."),
    (r"^decoder_0\.", "decoder.3."),
    (r"^(decoder\.\d)\.conv\.0\.", r"\1.mix."),
    (r"^(decoder\.\d)\.conv\.1\.", r"\1.refine."),
)


def our_name(name: str) -> str:
    """Our name of a tensor of the published state dict.

    >>> our_name("layer1.1.0.conv1.weight"), our_name("module.decoder_3.conv.1.0.weight")
    ('backbone.body.layer1.0.conv1.weight', 'decoder.0.refine.0.weight')
    """
    name = name.removeprefix("module.")
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def import_refiner(
    state: dict[str, Tensor], num_classes: int, class_channels: Literal["evaluation", "training"] = "evaluation"
) -> dict[str, Tensor]:
    """A published state dict under our names, without the extra class channel (published: C + 1, ours: C).

    The published evaluation lights channel c + 1 for class c, its training lit channel c (`method.md`, Mistakes, 1).
    `evaluation` drops the first class channel and so reproduces the published evaluation; `training` drops the last.
    """
    ours = {our_name(name): tensor for name, tensor in state.items()}
    dropped = 3 if class_channels == "evaluation" else 3 + num_classes
    stem = ours[STEM]
    ours[STEM] = stem[:, [i for i in range(stem.shape[1]) if i != dropped]].contiguous()
    return ours
