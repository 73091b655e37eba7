"""Mixes of label kinds: which share of the training images has masks, points or nothing."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from wssis.config.section import Section

SHORTHAND = re.compile(r"\d+(\.\d+)?pct")
NAMED = r"^[A-Za-z][A-Za-z0-9_\-]*$"
ORACLE_MIX = "100pct"


class Mix(Section):
    """A named mix, in percent of the training images."""

    full: float = Field(ge=0, lt=100, description="Images with masks, percent; 0 if all arms can do without.")
    point: float = Field(0.0, ge=0, le=100, description="Images with one point per object, percent.")
    points10: float = Field(0.0, ge=0, le=100, description="Images with a box and points for each object, percent.")
    unlabelled: float = Field(0.0, ge=0, lt=100, description="Images nobody looked at, percent.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        total = self.full + self.point + self.points10 + self.unlabelled
        if abs(total - 100) > 1e-6:
            raise ValueError(f"full, point, points10 and unlabelled must add up to 100, not {total:g}")
        return self

    @property
    def in_boxes(self) -> Literal["points10", "point"]:
        """The label kind of the images on which an arm buys boxes with points: where the mix names none, those with
        single points, so that both ways to pay stand on the same images.
        """
        return "points10" if self.points10 else "point"

    @property
    def boxed(self) -> float:
        """Percent of the images on which an arm buys boxes with points."""
        return self.points10 or self.point


def parse_shorthand(name: str) -> Mix:
    """The mix that a name such as `10pct` or `0.5pct` is short for: that much full, points on the rest.

    Raises:
        ValueError: not of that form, not the shortest decimal, or not between 0 and 100.
    """
    legal = "a configured mix, or NUMBERpct with 0 < NUMBER < 100, such as 10pct or 0.5pct"
    if not SHORTHAND.fullmatch(name):
        raise ValueError(f"unknown mix {name!r}; legal: {legal}")
    percent = float(name.removesuffix("pct"))
    if name == ORACLE_MIX:
        raise ValueError(f"{name!r} is reserved for the oracle, which adds it by itself; legal: {legal}")
    if not 0 < percent < 100:
        raise ValueError(f"{name!r} is no mix of masks and points; legal: {legal}")
    if name != f"{percent:g}pct":
        raise ValueError(f"write {percent:g}pct instead of {name!r}: one mix, one name")
    return Mix(full=percent, point=100 - percent)
