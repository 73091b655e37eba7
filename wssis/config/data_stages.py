"""Settings of the stages that make labels: the check of the data, the split, the points."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from wssis.config.section import Counts, Range, Section, added_field
from wssis.config.shared_fields import Seed


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
