"""The root of config.yaml: one study, what it runs, and the sections of its stages."""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from wssis.config.box_points import BoxPointsSection
from wssis.config.data_stages import GenerateSettings, PointsSection, PrepareSettings, SplitSection
from wssis.config.half_labelled import HalfLabelledDataset
from wssis.config.mask_stages import CropsSection, ProposalsSection, PseudoSection, QualitySettings, RefinerSection
from wssis.config.maskrcnn import BoxStudentSection
from wssis.config.merging import merged
from wssis.config.mixes import NAMED, Mix
from wssis.config.report import ReportSettings
from wssis.config.section import Section
from wssis.config.segmentor_stages import EvaluateSection, SemiSection, StudentSection, TeacherSection
from wssis.config.training import InferenceSection

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
SeedName = Annotated[str, Field(pattern=r"^s(0|[1-9]\d*)$")]
MixName = Annotated[str, Field(pattern=NAMED)]
VariantName = Annotated[str, Field(pattern=NAMED)]
Overrides = dict[str, dict[str, Any]]
BASE = "base"
VARIABLE = (
    "seeds", "inference", "split", "points", "box_points", "teacher", "proposals", "crops", "refiner", "pseudo",
    "semi", "student", "box_student", "evaluate",
)  # fmt: skip
"""Sections that a variant may change: those of the stages of a run."""


class RunSection(Section):
    """What the study runs: every data set x mix x seed x arm x variant. Lists, which a study file replaces."""

    datasets: tuple[Name, ...] = Field(min_length=1, description="Data sets, each defined under `datasets`.")
    mixes: tuple[str, ...] = Field(
        min_length=1,
        description="Mixes: 10pct is short for 10 % masks and points on the rest; or names from `mixes`; or given, for"
        " half-labelled data sets alone.",
    )
    seeds: tuple[SeedName, ...] = Field(min_length=1, description="Seeds: s0, s1, ...")
    arms: tuple[str, ...] = Field(min_length=1, description="Arms: the modules of wssis/arms, by name.")
    variants: tuple[str, ...] = Field(
        ("base",), min_length=1, description="Variants of the settings: base, and names from `variants`."
    )


class CocoDataset(Section):
    """A data set in COCO format."""

    kind: Literal["coco"] = Field(description="coco: image folders and COCO annotation files.")
    train_annotations: str = Field(description="COCO file of the training images.")
    val_annotations: str = Field(description="COCO file of the validation images.")
    train_images: str = Field(description="Folder of the training images; a location, may move without a rerun.")
    val_images: str = Field(description="Folder of the validation images.")

    @model_validator(mode="after")
    def _other_images_validate(self) -> Self:
        if Path(self.train_annotations) == Path(self.val_annotations):
            raise ValueError(
                f"train_annotations and val_annotations are the same file, {self.val_annotations}: an AP on images that"
                " were trained on says nothing; hold some images out, in a file of their own"
            )
        return self


class ShapesDataset(GenerateSettings):
    """The embedded data set, drawn by the study itself."""

    kind: Literal["shapes"] = Field(description="shapes: the embedded data set.")


Dataset = Annotated[CocoDataset | ShapesDataset | HalfLabelledDataset, Field(discriminator="kind")]


class SeedsSection(Section):
    """Seed sN sets split and training alike; a number here holds one of them still."""

    split: int | None = Field(None, ge=0, description="Seed of split and points; null: N of sN.")
    training: int | None = Field(None, ge=0, description="Seed of all trainings; null: N of sN.")


class ByMix(Section):
    """What may differ between mixes: published schedules depend on how many images have masks."""

    by_mix: Overrides = Field({}, description="Other values at single mixes, as {1pct: {key: value}}.")


class SplitKeys(ByMix, SplitSection):
    """Which images have masks, which have points."""


class TeacherKeys(ByMix, TeacherSection):
    """The teacher: SOLOv2 on the fully labelled images. Fold teachers share these keys."""


class CropsKeys(CropsSection):
    """Windows around proposals, as tensors."""

    temporary: bool = Field(
        False,
        description="Delete the weak images' crops as soon as nothing waits for them; what needs them again makes them"
        " again.",
    )


class RefinerKeys(ByMix, RefinerSection):
    """MaskRefineNet, and where its training pairs come from."""

    pairs: Literal["crossfit", "snapshots", "corrupt"] = Field(
        "corrupt",
        description="Pairs of true masks and the same shifted, dilated, eroded, holed or merged with a neighbour, which"
        " takes no teacher; from fold teachers on images they have not seen; or from two snapshots (published).",
    )
    folds: int = Field(2, ge=2, le=20, description="Number of folds K (pairs: crossfit).")
    second_round: Literal["reuse", "retrain"] = Field(
        "reuse",
        description="The refiner of wssis-2: the first round's, or trained again on the student's own proposals on the "
        "full images, which that student has been trained on.",
    )


class Study(Section):
    """One study."""

    study: Name = Field(description="Name of the study, and of its folder in results/.")
    run: RunSection
    datasets: dict[Name, Dataset] = Field(
        min_length=1,
        description="Data sets a study may run: kind shapes (embedded), coco (folders and files) or half-labelled"
        " (masks on some images, clicks on others).",
    )
    mixes: dict[MixName, Mix] = Field(
        {},
        description="Named mixes: percent of the training images that have masks (full), points (point), boxes with"
        " points (points10) or nothing (unlabelled), 100 together; 10pct needs no definition.",
    )
    variants: dict[VariantName, Overrides] = Field(
        {},
        description="Named variants {section: {key: value}}: what is different from base. Only what the differences "
        "reach is made again. Where a key has a value in by_mix, that value stays.",
    )
    seeds: SeedsSection = SeedsSection()
    threads: int = Field(
        2, ge=1, description="Compute threads of every stage on a CPU; part of the last bits of a result."
    )
    inference: InferenceSection = InferenceSection()
    prepare: PrepareSettings = PrepareSettings()
    split: SplitKeys = SplitKeys()
    points: PointsSection = PointsSection()
    box_points: BoxPointsSection = BoxPointsSection()
    teacher: TeacherKeys = TeacherKeys()
    proposals: ProposalsSection = ProposalsSection()
    crops: CropsKeys = CropsKeys()
    refiner: RefinerKeys = RefinerKeys()
    pseudo: PseudoSection = PseudoSection()
    semi: SemiSection = SemiSection()
    student: StudentSection = StudentSection()
    box_student: BoxStudentSection = BoxStudentSection()
    evaluate: EvaluateSection = EvaluateSection()
    quality: QualitySettings = QualitySettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _soft_masks_need_probabilities(self) -> Self:
        if self.proposals.rough == "soft" and self.refiner.pairs == "corrupt":
            raise ValueError("proposals.rough soft needs refiner.pairs crossfit or snapshots: true masks are not soft")
        return self

    def of_variant(self, name: str) -> "Study":
        """The study with a variant's settings in the place of base's.

        Raises:
            ValueError: there is no such variant, or (pydantic's subclass) its settings are illegal.
        """
        if name == BASE:
            return self
        if name not in self.variants:
            raise ValueError(f"unknown variant {name!r}; defined under variants: {', '.join(self.variants) or 'none'}")
        if name not in self._variants:
            raw = merged(self.model_dump(mode="json"), self.variants[name])
            self._variants[name] = Study.model_validate_json(json.dumps(raw), strict=True)
        return self._variants[name]

    @cached_property
    def _variants(self) -> dict[str, "Study"]:
        """The variants asked for so far."""
        return {}
