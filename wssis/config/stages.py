"""The sections of config.yaml and the settings of the stages.

`XSection` is what a user writes under `x:` in config.yaml. `XSettings` is exactly what stage x is given: the section,
and what the resolver adds (seed, fold, threads, masks of the arm). A new key belongs in the section, unless the
resolver sets it.
"""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from wssis.config.label_cost import CostSettings
from wssis.config.network import RefineNetSettings, SOLOv2Settings
from wssis.config.point_supervision import PointSupervision
from wssis.config.section import Counts, Range, Section, added_field
from wssis.config.training import (
    AugmentationSettings,
    InferenceSettings,
    OptimizerSection,
    OptimizerSettings,
    ScheduleSettings,
    Threads,
)

Seed = Field(0, ge=0, description="Random seed, from sN.")
FOLD_GROUPS = "Image key whose equal values stay in one fold, as in the split (split.method group)."


class PrepareSettings(Section):
    """The check of the annotation files, which are inputs."""

    zero_area: Literal["refuse", "drop"] = Field(
        "refuse",
        description="Annotations whose mask has no pixel (well-known sets have a few): refuse, or drop and count.",
    )


class DataWarningsSettings(Section):
    """The warnings about a data set."""

    short_side: int = Field(800, ge=1, description="Largest short side in training, px, beside which images are large.")
    long_side: int = Field(1333, ge=1, description="Largest long side in training, px.")
    folds: int = Field(0, ge=0, description="Fold teachers that make the pairs of the refiner; 0: none do.")
    max_detections: int = Field(100, ge=1, description="Most detections of an image, beside which objects are many.")
    candidates: int | None = Field(
        500, ge=1, description="Most candidates of an image, beside which objects are many; null: no SOLOv2 is trained."
    )


class GenerateSettings(Section):
    """The embedded data set `shapes`."""

    size: int = Field(128, ge=64, le=1024, description="Side of the square images, px.")
    train_images: int = Field(300, ge=10, description="Images to train on.")
    val_images: int = Field(
        100, ge=4, description="Images to evaluate on; their backgrounds come from other photographs."
    )
    classes: int = Field(8, ge=2, le=10, description="Number of classes, from the head of the catalogue of outlines.")
    objects: Counts = Field((2, 7), description="Least and most objects in an image that is not empty.")
    object_size: Range = Field((0.17, 0.5), description="Object diameter over image side.")
    rotation: float = Field(180.0, ge=0, le=180, description="Largest rotation of an object, degrees.")
    empty: float = Field(0.05, ge=0, le=0.5, description="Share of images without objects.")
    touching: float = Field(0.5, ge=0, le=1, description="Share of objects placed against one of their own class.")
    contrast: Range = Field((0.15, 0.9), description="Contrast of objects; 0 is camouflage.")
    visible: float = Field(0.5, ge=0, le=1, description="Share of every object that can be seen, at least.")
    distractors: Counts = Field((1, 4), description="Things of no class per image.")
    blur: Range = Field((0.0, 0.7), description="Blur of the finished picture, px (standard deviation).")
    noise: Range = Field((2.0, 9.0), description="Noise of the finished picture, grey levels of 255.")
    tail: float = Field(10.0, ge=1, description="Frequency of the commonest class over the rarest.")
    polygon_error: float = Field(0.6, ge=0, le=4, description="Standard deviation of the drawn polygons' vertices, px.")
    seed: int = Field(2023, ge=0, description="Seed of the data set; not the study's seed.")

    @field_validator("objects", "object_size", "contrast", "distractors", "blur", "noise")
    @classmethod
    def _range(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= limits[0] <= limits[1]:
            raise ValueError(f"must be two numbers from 0 up, the least and the most, not {list(limits)}")
        return limits

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if self.objects[0] < 1:
            raise ValueError("objects must start at 1 or more; the share of images without any is the key empty")
        if not 8 / self.size <= self.object_size[0] <= self.object_size[1] <= 0.8:
            raise ValueError(f"object_size must lie in {8 / self.size:g} (8 px) to 0.8, not {list(self.object_size)}")
        return self


class SplitSection(Section):
    """Which images have masks, which have points."""

    method: Literal["random", "stratified", "group", "files"] = Field("stratified", description="How images are drawn.")
    group_key: str | None = Field(
        None, description="Image key whose equal values stay together, in folds, too (method group)."
    )
    full_ids: str | None = Field(None, description="File of image ids with full masks, one per line (method files).")


class SplitSettings(SplitSection):
    """The split of one mix and seed."""

    full_percent: float = Field(10.0, ge=0, le=100, description="Share of images with full masks.")
    points10_percent: float = added_field(
        0.0, ge=0, le=100, description="Share of images with a box and points for each object."
    )
    unlabelled_percent: float = Field(0.0, ge=0, lt=100, description="Share of images nobody looked at.")
    seed: int = Seed

    @model_validator(mode="after")
    def _method_has_its_key(self) -> Self:
        if self.method == "group" and self.group_key is None:
            raise ValueError("method group needs group_key: the image key whose equal values stay together")
        if self.method == "files" and self.full_ids is None and self.full_percent < 100:
            raise ValueError("method files needs full_ids: a file of image ids (by_mix gives each mix its own)")
        return self


class PointsSection(Section):
    """One simulated point per object."""

    strategy: Literal["centroid", "interior", "random"] = Field(
        "centroid", description="Where in the mask the point lies."
    )
    drift: float = Field(0.0, ge=0, description="Standard deviation of a Gaussian drift, px.")


class PointsSettings(PointsSection):
    """The points of one seed."""

    seed: int = Seed


class SegmentorSection(Section):
    """What teacher and student have in common; each has its own copy of it."""

    network: SOLOv2Settings = SOLOv2Settings()
    schedule: ScheduleSettings = ScheduleSettings()
    optimizer: OptimizerSection = OptimizerSection()
    augmentation: AugmentationSettings = AugmentationSettings()


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
    group_key: str | None = added_field(None, description=FOLD_GROUPS)


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
    group_key: str | None = added_field(None, description=FOLD_GROUPS)
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
    supervision: PointSupervision = added_field(PointSupervision())


class StudentSettings(SegmentorSettings, StudentSection):
    """The student of one arm, mix and seed."""


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
    group_key: str | None = added_field(None, description=FOLD_GROUPS)


class ConfidentLabelsSettings(DetectionSettings):
    """The training set of semi."""


class QualitySettings(Section):
    """Pseudo masks against hidden truth; nothing trains on the outcome."""

    shown: int = Field(6, ge=0, description="Weak images shown in the report, chosen by a fair rule.")
    gallery: int = Field(
        60, ge=0, description="Further weak images for the gallery: points without a mask, fallen back, worst, best."
    )


class ReportSettings(Section):
    """The page."""

    title: str = Field("What do a few masks plus points buy?", description="Heading of the page.")
    bootstrap: int = Field(1000, ge=0, description="Paired bootstrap resamples of the validation images.")
    gallery: int = Field(120, ge=0, description="Most images in the gallery, all mixes together; bounds its size.")
    cost: CostSettings = CostSettings()
