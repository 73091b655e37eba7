"""Settings of the stage box_points: a box and labelled points per object."""

from typing import Literal

from pydantic import Field

from wssis.config.section import Section
from wssis.config.training import InferenceSettings


class BoxPointsSection(Section):
    """Ten points in a box: for every object its box, and points in it that are labelled object or background."""

    points: int = Field(10, ge=1, description="Points per object, N; uniform in its box.")
    noise: Literal["none", "random", "boundary"] = Field(
        "none", description="Wrong labels: none, those of random points, or of the points nearest to a boundary."
    )
    noise_share: float = Field(0.05, ge=0, le=1, description="Share of all points with a wrong label (noise).")
    seed: int | None = Field(None, ge=0, description="Seed of points and noise; null: that of the split.")
    file: str | None = Field(
        None, description="A file of real boxes and points, as box_points.json, instead of simulated ones."
    )


class BoxPointsSettings(BoxPointsSection):
    """The boxes and points of one mix and seed."""

    label_kind: Literal["points10", "point"] = Field(
        "points10", description="Label kind of the images, in split.csv: point where the mix has no points10."
    )
    seed: int = Field(0, ge=0, description="Seed of points and noise.")


class BoxPseudoSettings(Section):
    """The masks that a network predicts in given boxes."""

    inference: InferenceSettings = InferenceSettings()
