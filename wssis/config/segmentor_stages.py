"""Settings of the stages that train and run a segmentor: teacher, folds, student, detections, evaluation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from wssis.config.network import SOLOv2Settings
from wssis.config.point_supervision import PointSupervision
from wssis.config.section import Section, added_field
from wssis.config.shared_fields import FoldGroups, Seed
from wssis.config.training import (
    AugmentationSettings,
    InferenceSettings,
    OptimizerSection,
    OptimizerSettings,
    ScheduleSettings,
)


class SegmentorSection(Section):
    """What teacher and student have in common; each has its own copy of it."""

    network: SOLOv2Settings = SOLOv2Settings()
    schedule: ScheduleSettings = ScheduleSettings()
    optimizer: OptimizerSection = OptimizerSection()
    augmentation: AugmentationSettings = AugmentationSettings()
    dice_weight: float = added_field(
        3.0,
        gt=0,
        description="Weight of the Dice loss of masks, where the focal loss of categories has 1; 3: published.",
    )


class SegmentorSettings(SegmentorSection):
    """What every training of a segmentor is given."""

    optimizer: OptimizerSettings = OptimizerSettings()
    seed: int = Seed


class TeacherSection(SegmentorSection):
    """SOLOv2 on the fully labelled images."""

    snapshots: tuple[int, int] | None = Field(
        None,
        description="Steps of the two snapshots, which refiner.pairs: snapshots asks for; null: after three fifths of"
        " the training and at its end.",
    )
    checkpoint: str | None = Field(None, description="An imported checkpoint instead of training.")

    @property
    def snapshot_steps(self) -> tuple[int, int]:
        """Steps of the two snapshots, given or not."""
        last = self.schedule.iterations
        return self.snapshots or (max(1, 3 * last // 5), last)

    @model_validator(mode="after")
    def _snapshots_inside(self) -> Self:
        last = self.schedule.iterations
        if any(not 0 < step <= last for step in self.snapshot_steps):
            raise ValueError(f"snapshots {list(self.snapshot_steps)} must lie in 1 ... iterations ({last})")
        if self.snapshot_steps[0] == self.snapshot_steps[1]:
            raise ValueError(f"snapshots {list(self.snapshot_steps)} must be two different steps")
        return self


class TeacherSettings(SegmentorSettings, TeacherSection):
    """The teacher of one mix and seed."""


class FoldSettings(SegmentorSettings):
    """A cross-fitting teacher: the teacher's settings, trained without fold k."""

    folds: int = Field(2, ge=2, le=20, description="Number of folds K.")
    fold: int = Field(0, ge=0, description="The fold that is left out.")
    group_key: str | None = FoldGroups


class StudentSection(SegmentorSection):
    """SOLOv2 on an arm's training set."""

    mask_weight: Literal["none", "quality"] = added_field(
        "none",
        description="quality: the mask loss of a pseudo mask is weighed by its score (0 to 1); true masks weigh 1.",
    )
    full_share: float | None = added_field(
        None,
        gt=0,
        lt=1,
        description="Share of every batch for images with true labels; null: as they come. Without effect where a "
        "training set has but one kind.",
    )
    supervision: PointSupervision = PointSupervision()


class StudentSettings(SegmentorSettings, StudentSection):
    """The student of one arm, mix and seed; supervision: None without boxes with points."""

    supervision: PointSupervision | None = added_field(None)


class DetectionLimit(Section):
    """What all prompt-free detection shares."""

    max_detections: int = Field(
        100, ge=1, description="Detections per image: the network's top-k and the evaluator's limit."
    )


class EvaluateSection(DetectionLimit):
    """Prompt-free evaluation."""

    evaluator: Literal["pycocotools", "hotcoco"] = Field(
        "pycocotools", description="What matches detections with truth; hotcoco: ten times as quick."
    )


class DetectionSettings(DetectionLimit):
    """Whatever detects objects without prompts."""

    inference: InferenceSettings = InferenceSettings()


class EvaluateSettings(EvaluateSection, DetectionSettings):
    """The evaluation of one network."""


class SemiSection(Section):
    """The arm semi. Its student's augmentation is as strong as this at least, the others' stays as it is."""

    jitter: float = Field(0.6, ge=0, le=1, description="Strength of colour jitter, at least.")
    hue: float = Field(0.1, ge=0, le=0.5, description="Largest change of hue, at least.")
    greyscale: float = Field(0.2, ge=0, le=1, description="Probability of a grey image, at least.")


class ScoreThresholdsSettings(DetectionSettings):
    """The thresholds of semi, from out-of-fold detections."""

    folds: int = Field(2, ge=2, le=20, description="Number of folds K.")
    fold_seed: int = Field(0, ge=0, description="Seed of the folds, as the fold teachers have it.")
    group_key: str | None = FoldGroups


class ConfidentLabelsSettings(DetectionSettings):
    """The training set of semi."""
