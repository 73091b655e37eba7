"""Settings of the stages from a point to a pseudo mask: proposals, crops, refiner, training set, quality."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from wssis.config.network import RefineNetSettings
from wssis.config.section import Range, Section, added_field
from wssis.config.shared_fields import FoldGroups, Seed
from wssis.config.training import (
    InferenceSettings,
    OptimizerSection,
    OptimizerSettings,
    ScheduleSettings,
    Threads,
)


class ProposalsSection(Section):
    """Point-guided proposals."""

    filter: Literal["ours", "published"] = Field(
        "ours", description="ours: no point is dropped; published: area, NMS, top 100."
    )
    selection: Literal["published", "consistent", "vote"] = added_field(
        "published",
        description="The mask of the point's cell on the level of highest maskness x category score; consistent: a"
        " mask that holds other points of its class, or (unless points are centroids) misses its own, scores less;"
        " vote: the mean mask of the 3 x 3 cells around the point on all levels, by how well each agrees with all"
        " points.",
    )
    overlap: Literal["keep", "exclusive"] = added_field(
        "keep", description="exclusive: pixels that several masks of a class claim go to the likeliest."
    )
    flip: bool = added_field(False, description="Average the predictions over the image and its mirror image.")
    rough: Literal["binary", "soft"] = added_field(
        "binary",
        description="What the refiner is shown of a proposal: its mask; soft: how likely each pixel is, in five steps"
        " (with refiner.pairs crossfit or snapshots).",
    )

    @model_validator(mode="after")
    def _published_as_it_is(self) -> Self:
        named = (self.selection, self.overlap, self.flip, self.rough)
        if self.filter == "published" and named != ("published", "keep", False, "binary"):
            raise ValueError(
                "filter published goes with selection published, overlap keep, flip false and rough binary only"
            )
        return self


class ProposalsSettings(ProposalsSection):
    """The proposals of one side, full or weak."""

    inference: InferenceSettings = InferenceSettings()
    pairs: Literal["crossfit", "snapshots", "corrupt", "student"] = Field(
        "crossfit", description="Predictors of the refiner's training pairs."
    )
    folds: int = Field(2, ge=2, le=20, description="Number of folds K (crossfit).")
    fold_seed: int = Field(0, ge=0, description="Seed of the folds, as the fold teachers have it.")
    group_key: str | None = FoldGroups
    own_point_inside: bool = added_field(
        False, description="Points lie in their objects: they are no centroids (selection: consistent)."
    )
    corrupt_seed: int = added_field(0, ge=0, description="Seed of corrupted masks (corrupt).")


class CropsSection(Section):
    """Windows around proposals, as tensors."""

    size: int = Field(256, ge=32, description="Side of a crop, px; a multiple of 32.")
    scale: float = Field(2.0, ge=1, description="Window over the rough mask's box.")
    min_side: int = Field(1, ge=1, description="Least side of a window around a rough mask, px; 1: published.")
    antialias: bool = Field(False, description="Smooth images that are shrunk to the crop (published: no).")
    shard_megabytes: int = Field(256, ge=1, le=256, description="Largest raw size of a shard.")

    @field_validator("size")
    @classmethod
    def _multiple_of_32(cls, size: int) -> int:
        if size % 32:
            raise ValueError(f"crop size must be a multiple of 32 (32, 64, 96, ...), not {size}")
        return size


class CropsSettings(CropsSection):
    """The crops of one mix and seed, with the refiner's heat map for the reader's eye."""

    heatmap_sigma: float = Field(6.0, gt=0, description="Sigma of the stored heat map, px, as the refiner has it.")
    heatmap_radius: int = Field(19, ge=1, description="Radius of the stored heat map, px, as the refiner has it.")
    rough: Literal["binary", "soft"] = added_field("binary", description="Rough masks, as the proposals have them.")


class CropAugmentationSettings(Section):
    """Augmentation of crops; the heat map is drawn afterwards, from the moved point."""

    aspect: float = Field(0.0, ge=0, lt=1, description="Largest change of width over height: 0.2 is 0.8 to 1.25.")
    zoom: Range = Field((0.7, 1.4), description="Random scale.")
    shift: float = Field(0.1, ge=0, le=0.5, description="Largest shift over the crop's side.")
    rotate: float = Field(0.0, ge=0, le=180, description="Largest rotation, degrees.")
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    jitter: float = Field(0.2, ge=0, le=1, description="Strength of colour jitter.")
    rough_noise: float = Field(
        0.0, ge=0, le=1, description="Probability that the rough mask is deformed (dilated, eroded, shifted)."
    )


class RefinerSection(Section):
    """MaskRefineNet on the crops of fully labelled images."""

    network: RefineNetSettings = RefineNetSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    optimizer: OptimizerSection = OptimizerSection(name="adam", lr=1e-4)
    augmentation: CropAugmentationSettings = CropAugmentationSettings()
    dice: Literal["pixels", "columns"] = Field(
        "pixels", description="Soft Dice over all pixels, or the mean over pixel columns (what the published code has)."
    )
    cross_entropy: float = Field(0.0, ge=0, description="Weight of a cross entropy beside the Dice loss; 0: published.")
    checkpoint: str | None = Field(None, description="An imported checkpoint instead of training.")


class RefinerSettings(RefinerSection):
    """The refiner of one mix and seed."""

    optimizer: OptimizerSettings = OptimizerSettings(name="adam", lr=1e-4)
    seed: int = Seed


class PseudoSection(Section):
    """How the training set of an arm is put together."""

    flip: bool = Field(False, description="Average the refiner over the crop and its mirror image.")
    ignore_band: float = added_field(
        0.0,
        ge=0,
        lt=0.5,
        description="Pixels whose refined probability is less than this from one half are left out of the student's "
        "mask loss; 0: none.",
    )
    batch: int = Field(32, ge=1, description="Crops per forward pass.")


class PseudoSettings(PseudoSection):
    """The pseudo masks of one arm."""

    masks: Literal["rough", "refined"] = Field("refined", description="Which masks weak images get.")
    threads: int = Threads


class OracleMaskSettings(Section):
    """The training set of oracle-mask: there is nothing to set."""


class QualitySettings(Section):
    """Pseudo masks against hidden truth; nothing trains on the outcome."""

    shown: int = Field(6, ge=0, description="Weak images shown in the report, chosen by a fair rule.")
    gallery: int = Field(
        60, ge=0, description="Further weak images for the gallery: points without a mask, fallen back, worst, best."
    )
