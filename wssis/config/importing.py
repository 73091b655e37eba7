"""Settings of import-weights: what a released checkpoint's tensors do not tell."""

from pydantic import Field

from wssis.config.section import Section

PUBLISHED_TEACHER_GRIDS = (80, 64, 32, 24, 12)
PUBLISHED_TEACHER_RANGES = ((1, 72), (72, 144), (144, 288), (288, 584), (584, 2048))


class ImportWeightsSettings(Section):
    """Grids and scale ranges of an imported SOLOv2; the defaults are the published teacher's."""

    grids: tuple[int, ...] = Field(PUBLISHED_TEACHER_GRIDS, description="Grid cells per side, level by level.")
    scale_ranges: tuple[tuple[float, float], ...] = Field(
        PUBLISHED_TEACHER_RANGES, description="Object size sqrt(w h) in px that each level was trained on."
    )
    crop_size: int = Field(256, ge=32, description="Side of the crops an imported MaskRefineNet was trained on, px.")
