"""Settings of students that learn masks from labelled points in boxes."""

from pydantic import Field

from wssis.config.section import Section


class PointSupervision(Section):
    """What SOLOv2 learns from where boxes and labelled points take the place of masks (arm points10-solov2 alone)."""

    point_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of an object's labelled points that is used at every step, drawn anew each time; 1: all.",
    )
    outside_points: int = Field(
        100,
        ge=0,
        description="Points drawn outside of an object's box at every step, all of them background, which stand "
        "for the rest of the image, up to ten times the box; 0: none (published), after which masks may reach out of "
        "their boxes.",
    )
    point_weight: float = Field(
        0.25,
        gt=0,
        description="Weight of the cross entropy at points, where the focal loss of categories has 1. Few points make "
        "noisy gradients, under which at a larger weight the categories learn less.",
    )
