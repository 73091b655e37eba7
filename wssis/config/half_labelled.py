"""Half-labelled data sets: some images come with masks, more with one click per object, and there is no other truth.

Such a data set has one mix, `given`: its files say which images have masks. What a study of the usual kind does by
hiding masks, other stages then do without any: `GIVEN_STAGES`.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from wssis.config.data_stages import PrepareSettings
from wssis.config.section import Section

GIVEN_MIX = "given"
GIVEN_STAGES = {"split": "split_given", "points": "points_given", "quality": "show_given"}
"""Stage of a run -> the one in its place at the mix `given`."""


def stage_at(stage: str, mix: str | None) -> str:
    """The module of a stage of a run at a mix.

    >>> stage_at("points", "given"), stage_at("points", "10pct"), stage_at("teacher", "given")
    ('points_given', 'points', 'teacher')
    """
    return GIVEN_STAGES.get(stage, stage) if mix == GIVEN_MIX else stage


class HalfLabelledDataset(Section):
    """Images with masks, images with one click per object, and perhaps images nobody looked at."""

    kind: Literal["half-labelled"] = Field(description="half-labelled: masks on some images, clicks on others.")
    full_annotations: str = Field(description="COCO file of the images with masks.")
    weak_annotations: str = Field(
        description="COCO file of the images with clicks: annotations have id, image_id, category_id and point [x, y]"
        " in pixel indices, and no mask (wssis convert points writes it). An image without any is verified empty."
    )
    unlabelled: str | None = Field(None, description="COCO file of images nobody looked at, without annotations.")
    full_images: str = Field(description="Folder of the images with masks; a location, may move without a rerun.")
    weak_images: str = Field(description="Folder of the images with clicks; a location.")
    unlabelled_images: str | None = Field(None, description="Folder of the images nobody looked at; a location.")
    val_annotations: str | None = Field(
        None, description="COCO file with masks of the validation images; null: some of the full images are held out."
    )
    val_images: str | None = Field(None, description="Folder of the validation images; a location.")
    val_share: float = Field(
        0.2, gt=0, le=0.5, description="Share of the full images held out for validation, where none are given."
    )
    val_seed: int = Field(0, ge=0, description="Seed by which they are drawn; not the study's seed.")

    @model_validator(mode="after")
    def _folders_of_files(self) -> Self:
        for file, folder in (("unlabelled", "unlabelled_images"), ("val_annotations", "val_images")):
            if getattr(self, file) is not None and getattr(self, folder) is None:
                raise ValueError(f"{file} needs {folder}, the folder of its images")
        return self


class TakeGivenSettings(PrepareSettings):
    """The check of half-labelled files, and the images held out for validation."""

    val_share: float | None = Field(
        None, gt=0, le=0.5, description="Share of the full images held out; null: validation images are given."
    )
    val_seed: int = Field(0, ge=0, description="Seed by which they are drawn.")
    group_key: str | None = Field(None, description="Image key whose equal values stay together.")


class GivenSplitSettings(Section):
    """The split of half-labelled files: there is nothing to set."""
