"""The networks that trainings will build: one that cannot be built is found before the first job of a study."""

import json
from collections.abc import Iterable

from pydantic import Field

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.config.network import RefineNetSettings, SOLOv2Settings
from wssis.config.section import Section


class NetworksSettings(Section):
    """Networks to try, under the sections that ask for them."""

    solov2: dict[str, tuple[SOLOv2Settings, ...]] = Field({}, description="Of teachers, fold teachers and students.")
    refiner: dict[str, tuple[RefineNetSettings, ...]] = Field({}, description="MaskRefineNets.")
    box_student: dict[str, tuple[MaskRCNNSettings, ...]] = Field({}, description="Of students that learn from boxes.")


KINDS = {"teacher": "solov2", "fold": "solov2", "student": "solov2", "refiner": "refiner", "box_student": "box_student"}
"""Stage of a training -> the kind of its network here."""


def networks_of(trainings: Iterable[tuple[str, str]]) -> NetworksSettings:
    """The networks of some trainings, each once. A training that takes over a checkpoint has none to build.

    trainings: stage, and its settings as JSON.
    """
    asked: dict[str, dict[str, dict[str, None]]] = {kind: {} for kind in KINDS.values()}
    for stage, text in trainings:
        settings = json.loads(text)
        if settings.get("checkpoint") is None:
            # Fold teachers have the teacher's settings.
            section = "teacher" if stage == "fold" else stage
            asked[KINDS[stage]].setdefault(json.dumps(settings["network"]), {})[section] = None
    named: dict[str, dict[str, list[object]]] = {kind: {} for kind in asked}
    for kind, networks in asked.items():
        for network, sections in networks.items():  # Variants may each have one of the same section.
            named[kind].setdefault(", ".join(sections), []).append(json.loads(network))
    return NetworksSettings.model_validate(named)
