"""Settings of the networks: backbone, SOLOv2 head, MaskRefineNet."""

from pathlib import PurePath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from wssis.config.section import Section, added_field

LEVELS = 5
NOT_FILES = ("none", "imagenet")
"""Values of `weights` that are no path."""
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt")
"""Files of weights that can be read without running code in them."""


class BackboneSettings(Section):
    """Feature extractor."""

    name: str = Field(
        "resnet50",
        pattern=r"^(resnet(18|34|50|101)|timm:[A-Za-z0-9_.\-]+)$",
        description="resnet18, resnet34, resnet50, resnet101 (torchvision), or timm:NAME.",
    )
    weights: str = Field(
        "none",
        description="none (random), imagenet, or the path of a .safetensors, .pth or .pt file of backbone weights.",
    )
    style: Literal["torchvision", "msra"] = Field(
        "torchvision",
        description="msra: stride in the 1x1 convolution, BGR input minus mean, as published (ResNet-50, 101).",
    )
    frozen_stages: int = Field(
        0, ge=0, le=5, description="Stages without training, from the input on: 2 freezes stem and first stage."
    )
    norm: Literal["frozen", "batch"] = Field(
        "frozen", description="Batch norm of the backbone: frozen statistics and scale, or trained."
    )

    @field_validator("weights")
    @classmethod
    def _is_of_weights(cls, value: str) -> str:
        if value not in NOT_FILES and PurePath(value).suffix not in WEIGHT_SUFFIXES:
            legal = f"{', '.join(NOT_FILES)}, or a file that ends in one of {', '.join(WEIGHT_SUFFIXES)}"
            raise ValueError(f"{value!r} is not legal: {legal}")
        return value

    @model_validator(mode="after")
    def _msra_exists(self) -> "BackboneSettings":
        if self.style == "msra" and self.name not in ("resnet50", "resnet101"):
            raise ValueError(f"style msra exists for resnet50 and resnet101, not for {self.name}")
        if self.style == "msra" and self.weights == "imagenet":
            raise ValueError(
                "weights imagenet of style msra are only published as a pickle: convert R-50.pkl or R-101.pkl to "
                ".safetensors or .pth and give that file's path"
            )
        return self

    def freezes_untrained(self) -> bool:
        """Whether something is frozen that never was trained: random weights, or statistics that do not normalise."""
        return self.weights == "none" and (self.norm == "frozen" or self.frozen_stages > 0)


class SOLOv2Settings(Section):
    """Architecture of the segmentor: SOLOv2 (Wang et al., 2020)."""

    backbone: BackboneSettings = BackboneSettings(weights="imagenet")
    fpn_channels: int = Field(256, ge=8, description="Channels of the feature pyramid P2-P6.")
    instance_channels: int = Field(512, ge=8, description="Channels of category tower and kernel tower.")
    instance_convs: int = Field(4, ge=1, le=8, description="Convolutions in each tower.")
    mask_channels: int = Field(128, ge=8, description="Channels inside the mask branch.")
    kernel_channels: int = Field(256, ge=8, description="Channels of the mask feature and so of each kernel.")
    grids: tuple[int, ...] = Field((40, 36, 24, 16, 12), description="Grid cells per side, level by level.")
    scale_ranges: tuple[tuple[float, float], ...] = Field(
        ((1, 96), (48, 192), (96, 384), (192, 768), (384, 2048)),
        description="Object size sqrt(w h) in px that each level is trained on, inclusive at both ends.",
    )
    sigma: float = Field(
        0.2, gt=0, le=1, description="Half-size of the positive centre region over the box's half-size."
    )
    positives: Literal["centre", "mask"] = Field(
        "centre", description="Positive cells: centre region (published), or every well-covered cell, at most 16."
    )

    @field_validator("grids")
    @classmethod
    def _five_grids(cls, grids: tuple[int, ...]) -> tuple[int, ...]:
        if len(grids) != LEVELS or min(grids) < 1:
            raise ValueError(f"needs {LEVELS} grid sizes of at least 1, one per pyramid level")
        return grids

    @field_validator("scale_ranges")
    @classmethod
    def _five_ranges(cls, ranges: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if len(ranges) != LEVELS or any(low > high for low, high in ranges):
            raise ValueError(f"needs {LEVELS} pairs [low, high] with low <= high, one per pyramid level")
        return ranges


class RefineNetSettings(Section):
    """Architecture of MaskRefineNet (Kim et al., 2023)."""

    backbone: BackboneSettings = BackboneSettings(name="resnet101", weights="imagenet", norm="batch")
    stem: Literal["extend", "random"] = Field(
        "extend",
        description="First convolution: keep the backbone's colour filters and add channels, or all new (published).",
    )
    aspp_channels: int = Field(512, ge=8, description="Channels of the ASPP module.")
    decoder_channels: tuple[int, int, int, int] = Field(
        (256, 128, 64, 64), description="Output channels of the decoder stages."
    )
    heatmap_sigma: float = Field(6.0, gt=0, description="Sigma of the point's Gaussian, in px of the crop.")
    heatmap_radius: int = Field(19, ge=1, description="Distance in px beyond which the Gaussian is zero.")
    point_maps: Literal["class", "shared"] = Field(
        "class", description="Channels for the object's point: one per class (published), or one for all classes."
    )
    neighbours: bool = Field(False, description="A further map with the other points of the window: negative clicks.")
    guide: bool = Field(False, description="Show point maps and rough mask to every decoder stage too (published: no).")
    norm: Literal["batch", "group"] = Field("batch", description="Norm of ASPP and decoder (published: batch).")
    rough_prior: float = Field(
        0.0, ge=0, le=10, description="Logits by which the output leans to the rough mask from the start; 0: published."
    )

    inputs: Literal["all", "rough", "points", "image"] = added_field(
        "all",
        description="What is shown beside the image: points and rough mask, or for an ablation the rough mask alone, "
        "the points alone, or neither; the window is the same.",
    )
    class_channel: Literal["correct", "published"] = added_field(
        "correct",
        description="published: the published code's mistake, for an ablation: the class index in training, one more "
        "at inference; the first class trains on an empty map and an empty target. Needs point_maps: class.",
    )

    @model_validator(mode="after")
    def _radius_covers_sigma(self) -> "RefineNetSettings":
        if self.heatmap_radius < self.heatmap_sigma:
            raise ValueError("heatmap_radius must be at least heatmap_sigma")
        return self

    @model_validator(mode="after")
    def _ablations_make_sense(self) -> "RefineNetSettings":
        if self.class_channel == "published" and self.point_maps != "class":
            raise ValueError("class_channel published needs point_maps class: there is no channel to mistake otherwise")
        if self.rough_prior and self.inputs in ("points", "image"):
            raise ValueError(f"inputs {self.inputs} shows no rough mask to lean to; set rough_prior to 0")
        return self
