"""Settings of students that learn masks from labelled points in boxes."""

from pydantic import Field

from wssis.config.section import Section

PointShare = Field(
    0.5,
    gt=0,
    le=1,
    description="Share of an object's labelled points that is used at every step, drawn anew each time (published "
    "augmentation: half); 1: all.",
)


class PointSupervision(Section):
    """What SOLOv2 learns from where boxes and labelled points take the place of masks (arm points10-solov2 alone)."""

    point_share: float = PointShare
    outside_points: int | None = Field(
        None,
        ge=0,
        description="Points drawn outside of an object's box at every step, all of them background; null: as many as "
        "its labelled points of that step; 0: none (published), after which masks may reach out of their boxes.",
    )
