"""Settings of the report."""


from pydantic import Field

from wssis.config.label_cost import CostSettings
from wssis.config.section import Section


class ReportSettings(Section):
    """The page."""

    title: str = Field("What do a few masks plus points buy?", description="Heading of the page.")
    bootstrap: int = Field(1000, ge=0, description="Paired bootstrap resamples of the validation images.")
    gallery: int = Field(120, ge=0, description="Most images in the gallery, all mixes together; bounds its size.")
    cost: CostSettings = CostSettings()
