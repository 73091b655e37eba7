"""Settings of the box networks: Mask R-CNN and Implicit PointRend, trained with boxes and masks or labelled points.

Defaults are Detectron2's for its R50-FPN models, which Cheng et al. used, but for Implicit PointRend's point head: its
published width makes a network of 300 M weights (docs/box-networks.md).
"""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from wssis.config.network import LEVELS, BackboneSettings
from wssis.config.section import Section, added_field
from wssis.config.training import (
    AugmentationSettings,
    OptimizerSection,
    OptimizerSettings,
    ScheduleSettings,
)


class MaskRCNNSettings(Section):
    """Architecture: Faster R-CNN with a mask branch for labelled points or masks (Cheng et al., 2022)."""

    kind: Literal["mask-rcnn", "implicit-pointrend"] = Field(
        "mask-rcnn", description="Mask branch: a 28 x 28 grid of logits, or a function of the place for each object."
    )
    backbone: BackboneSettings = BackboneSettings(weights="imagenet")
    fpn_channels: int = Field(256, ge=8, description="Channels of the feature pyramid P2-P6.")
    anchor_sizes: tuple[int, ...] = Field((32, 64, 128, 256, 512), description="Anchor side in px, level by level.")
    aspect_ratios: tuple[float, ...] = Field((0.5, 1.0, 2.0), description="Height over width of the anchors.")
    anchors: int = Field(256, ge=2, description="Anchors per image in the loss of the proposal network.")
    proposals_kept: int = Field(
        1000, ge=1, description="Proposals per image after suppression; twice as many enter it per level in training."
    )
    rois: int = Field(512, ge=2, description="Proposals per image in the loss of the box branch, a quarter of objects.")
    box_channels: int = Field(1024, ge=8, description="Width of the box branch's two layers.")
    mask_channels: int = Field(256, ge=8, description="Channels of Mask R-CNN's mask branch.")
    mask_convs: int = Field(4, ge=0, le=8, description="Convolutions of Mask R-CNN's mask branch.")
    parameter_head: Literal["box", "coarse-mask"] = Field(
        "box",
        description="Implicit PointRend: what generates the point head's parameters. box: the small one, built as the "
        "box branch; coarse-mask: that of PointRend, on a 14 x 14 grid of P2 (published).",
    )
    parameter_channels: int = Field(1024, ge=8, description="Implicit PointRend: width of the parameter head.")
    point_channels: int = Field(
        16, ge=4, description="Implicit PointRend: width of the point head's three hidden layers (published: 256)."
    )
    point_encoding: Literal["fourier", "relative", "none"] = added_field(
        "fourier",
        description="Implicit PointRend: how the point head is told a place in its box: random Fourier features, the "
        "two coordinates themselves, or not at all.",
    )
    point_features: bool = added_field(
        True, description="Implicit PointRend: the point head sees the image's features (P2) at the point."
    )
    point_head: Literal["normalised", "published"] = added_field(
        "normalised",
        description="Implicit PointRend: how the point heads begin. normalised: as one common network, on normalised "
        "features; published: with all parameters next to 0, on features as they are, which short trainings do not "
        "recover from (docs/box-networks.md).",
    )
    parameter_decay: float = Field(
        1e-5, ge=0, description="Implicit PointRend: weight of the mean square of the generated parameters."
    )

    @model_validator(mode="after")
    def _point_head_sees_something(self) -> "MaskRCNNSettings":
        if self.point_encoding == "none" and not self.point_features:
            raise ValueError("point_encoding none needs point_features: true; else the point head sees nothing")
        return self

    @field_validator("anchor_sizes")
    @classmethod
    def _five_sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(sizes) != LEVELS or min(sizes) < 1:
            raise ValueError(f"needs {LEVELS} anchor sizes of at least 1 px, one per pyramid level")
        return sizes

    @field_validator("aspect_ratios")
    @classmethod
    def _positive_ratios(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        if not ratios or min(ratios) <= 0:
            raise ValueError("needs at least one ratio, all above 0")
        return ratios


class BoxSupervision(Section):
    """What the mask branch learns from."""

    masks_as: Literal["grid", "points"] = Field(
        "grid",
        description="How an object with a mask is learnt: every cell of the grid, or points drawn uniformly in the "
        "proposal at every step. Implicit PointRend always takes points.",
    )
    uniform_points: int = Field(196, ge=1, description="Points drawn per proposal of an object with a mask.")
    point_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of an object's labelled points that is used at every step, drawn anew each time (published "
        "augmentation: half); 1: all.",
    )


class BoxStudentSection(Section):
    """A network on boxes with masks or labelled points."""

    network: MaskRCNNSettings = MaskRCNNSettings()
    supervision: BoxSupervision = BoxSupervision()
    schedule: ScheduleSettings = ScheduleSettings()
    optimizer: OptimizerSection = OptimizerSection(lr=0.02)
    augmentation: AugmentationSettings = AugmentationSettings()

    @model_validator(mode="after")
    def _not_compiled(self) -> "BoxStudentSection":
        if self.optimizer.compile:
            raise ValueError(
                "optimizer.compile: the number of proposals changes at every step, so that compiling never ends; "
                "set compile: false"
            )
        return self


class BoxStudentSettings(BoxStudentSection):
    """The training of one box network."""

    optimizer: OptimizerSettings = OptimizerSettings(lr=0.02)
    seed: int = Field(0, ge=0, description="Random seed, from sN.")
