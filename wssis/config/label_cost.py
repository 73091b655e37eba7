"""The seconds behind label costs: two published models, and the study's own."""

from pydantic import Field

from wssis.config.section import Section, added_field


class MeasuredSeconds(Section):
    """Your own annotators' seconds, as `wssis annotate` writes them: a third cost model; PointWSSIS's where null."""

    image: float | None = Field(None, ge=0, description="Each image: looking, corrections; then absent_class is 0.")
    point_first: float | None = Field(None, ge=0, description="First point of a class in an image.")
    point_more: float | None = Field(None, ge=0, description="Each further point of that class.")
    point_in_box: float | None = Field(None, ge=0, description="Each point in a box: object or background.")
    mask: float | None = Field(None, ge=0, description="Each mask.")
    box: float | None = Field(None, ge=0, description="Each box.")


class CostSettings(Section):
    """Label cost, seconds, by two models: PointWSSIS per image and class, Cheng et al. per instance."""

    categories_known: bool = Field(False, description="true: the annotators are told each image's categories.")
    absent_class: float = Field(1.0, description="PointWSSIS: per class that is absent from an image.")
    point_first: float = Field(2.4, description="PointWSSIS: first point of a class in an image.")
    point_more: float = Field(0.9, description="PointWSSIS: each further point of that class.")
    mask: float = Field(79.0, description="PointWSSIS: each mask.")
    box: float = Field(7.0, description="Both models: each box.")
    cheng_category: float = Field(28.8, description="Cheng et al.: category stage, per instance.")
    cheng_spotting: float = Field(14.4, description="Cheng et al.: spotting, per instance.")
    cheng_mask: float = Field(79.2, description="Cheng et al.: each mask.")
    cheng_point: float = Field(0.9, description="Cheng et al.: each point.")
    measured: MeasuredSeconds = added_field(MeasuredSeconds())
