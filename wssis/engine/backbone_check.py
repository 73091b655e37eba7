"""Whether backbones can be built and their first weights be had, tried before anything is trained."""

from collections.abc import Mapping

from wssis.config.network import BackboneSettings
from wssis.engine.initial_weights import read_initial_weights
from wssis.errors import InputError
from wssis.models.backbone_weights import fill
from wssis.models.backbones import build_backbone


def backbone_problems(backbones: Mapping[str, BackboneSettings]) -> list[str]:
    """One line per backbone that is unknown, or whose weights are missing, damaged or another network's.

    backbones: each under the sections of the configuration that ask for it. ImageNet's weights are fetched where they
    are not at hand: where the jobs run, there may be no network.
    """
    problems = []
    for sections, settings in backbones.items():
        try:
            backbone = build_backbone(settings)
            if (initial := read_initial_weights(settings)) is not None:
                fill(backbone.body, initial)
        except InputError as error:
            problems.append(f"{sections}: {error}")
    return problems
