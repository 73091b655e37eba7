"""The backbones that a study is still going to train: one that cannot be built is found before the first job."""

from pathlib import Path

from pydantic import Field

from wssis.config.jobs import TRAININGS, jobs_of
from wssis.config.network import BackboneSettings
from wssis.config.section import Section
from wssis.config.study import Study


class BackbonesSettings(Section):
    """Backbones to look at."""

    backbones: dict[str, BackboneSettings] = Field(description="Each under the sections that ask for it.")


def backbones_to_train(study: Study) -> BackbonesSettings:
    """The backbone of every training whose manifest is not there, each once.

    A training that takes over a checkpoint has none to build.
    """
    asked: dict[BackboneSettings, dict[str, None]] = {}
    for job in jobs_of(study):
        if job.rule not in TRAININGS or Path(job.manifest).exists():
            continue
        settings = job.settings(study)
        if getattr(settings, "checkpoint", None) is None:
            # Fold teachers have the teacher's settings.
            section = "teacher" if job.stage == "fold" else job.stage
            asked.setdefault(settings.network.backbone, {})[section] = None
    return BackbonesSettings(backbones={", ".join(sections): backbone for backbone, sections in asked.items()})
