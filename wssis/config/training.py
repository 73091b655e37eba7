"""Settings of the one training loop: schedule, optimizer, augmentation."""

from typing import Literal

from pydantic import Field, model_validator

from wssis.config.section import Section

Threads = Field(2, ge=1, description="Compute threads on a CPU; part of the result's last bits.")


class ScheduleSettings(Section):
    """Length of a training and the course of its learning rate."""

    iterations: int = Field(1000, ge=1, description="Optimizer steps.")
    warmup: int = Field(50, ge=0, description="Steps of linear warm-up.")
    warmup_factor: float = Field(0.01, gt=0, le=1, description="First learning rate over the full one.")
    decay: Literal["step", "cosine", "constant"] = Field("step", description="Course after warm-up.")
    steps: tuple[int, ...] = Field((700, 900), description="Steps at which `step` multiplies by gamma.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor of each step, and the end of `cosine` over its start.")

    @model_validator(mode="after")
    def _inside(self) -> "ScheduleSettings":
        if self.warmup >= self.iterations:
            raise ValueError(f"warmup ({self.warmup}) must be below iterations ({self.iterations})")
        if self.decay == "step" and any(not 0 < step < self.iterations for step in self.steps):
            raise ValueError(f"steps {list(self.steps)} must lie between 0 and iterations ({self.iterations})")
        return self

    def scaled(self, factor: float) -> "ScheduleSettings":
        """The same course, compressed or stretched in time by `factor`."""
        return ScheduleSettings(
            iterations=max(1, round(self.iterations * factor)),
            warmup=min(self.warmup, round(self.iterations * factor) // 2),
            warmup_factor=self.warmup_factor,
            decay=self.decay,
            steps=tuple(max(1, round(step * factor)) for step in self.steps) if self.decay == "step" else self.steps,
            gamma=self.gamma,
        )


class OptimizerSection(Section):
    """Optimizer and everything else that happens once per step."""

    name: Literal["sgd", "adam", "adamw"] = Field("sgd", description="Optimizer.")
    lr: float = Field(0.01, gt=0, description="Learning rate after warm-up, for the global batch.")
    backbone_lr_factor: float = Field(
        1.0, gt=0, le=1, description="Learning rate of the backbone over that of the rest."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay; not on norms and biases.")
    batch: int = Field(16, ge=1, description="Global batch; the batch per device follows from the number of devices.")
    micro_batch: int | None = Field(None, ge=1, description="Largest batch per device and pass; more is accumulated.")
    clip: float | None = Field(None, gt=0, description="Largest gradient norm; null: no clipping.")
    ema: float | None = Field(None, gt=0, lt=1, description="Decay of the weights' moving average; null: last weights.")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="bfloat16: autocast.")
    compile: bool = Field(
        False,
        description="torch.compile of the network: for long trainings on a GPU; needs a compiler (gcc). Not worth it "
        "on a CPU or for short trainings: compiling takes minutes.",
    )


class OptimizerSettings(OptimizerSection):
    """The optimizer as a stage is given it."""

    threads: int = Threads


class AugmentationSettings(Section):
    """Augmentation of training images; the same for every student of a study."""

    short_sides: tuple[int, ...] = Field((640, 672, 704, 736, 768, 800), description="Short side, drawn uniformly.")
    long_side: int = Field(1333, ge=32, description="Upper bound of the long side.")
    zoom: tuple[float, float] = Field(
        (1.0, 1.0), description="Extra random scale; the image is then cropped or padded back."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    jitter: float = Field(0.0, ge=0, le=1, description="Strength of colour jitter (brightness, contrast, saturation).")
    hue: float = Field(0.0, ge=0, le=0.5, description="Largest change of hue.")
    greyscale: float = Field(0.0, ge=0, le=1, description="Probability of a grey image.")

    @model_validator(mode="after")
    def _ordered(self) -> "AugmentationSettings":
        if not self.short_sides or min(self.short_sides) < 32:
            raise ValueError("short_sides needs at least one size of at least 32 px")
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise ValueError("zoom needs [low, high] with 0 < low <= high")
        return self


class InferenceSection(Section):
    """From dense outputs to detections; the image size is that of proposals, too."""

    short_side: int = Field(800, ge=32, description="Short side of the image at test time.")
    long_side: int = Field(1333, ge=32, description="Upper bound of the long side.")
    score_threshold: float = Field(0.1, ge=0, lt=1, description="Lowest category score of a candidate cell.")
    mask_threshold: float = Field(0.5, gt=0, lt=1, description="Probability above which a pixel is mask.")
    candidates: int = Field(500, ge=1, description="Candidates that enter mask NMS.")
    nms: Literal["matrix", "mask"] = Field("matrix", description="Matrix NMS (Gaussian) or greedy mask NMS.")
    nms_sigma: float = Field(2.0, gt=0, description="Sigma of Gaussian matrix NMS.")
    nms_iou: float = Field(0.5, gt=0, lt=1, description="IoU of greedy mask NMS.")
    update_threshold: float = Field(0.05, ge=0, lt=1, description="Lowest score after matrix NMS.")
    batch: int = Field(8, ge=1, description="Images per forward pass.")


class InferenceSettings(InferenceSection):
    """Inference as a stage is given it."""

    threads: int = Threads
