"""What an arm of a study is: what it pays for, what it trains its student on, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wssis.config.mixes import ORACLE_MIX

Label = Literal["full", "point", "points10"]
Masks = Literal["none", "rough", "refined", "hidden", "confident", "boxed"]
Segmentor = Literal["solov2", "mask-rcnn", "implicit-pointrend"]
MEASURED = ("rough", "refined", "confident", "boxed")


def same_iterations(full_percent: float) -> float:
    """The students' common length: equal iterations (`science.md`, Equal terms), whatever the mix."""
    return 1.0


def payable(pseudo: Masks) -> bool:
    """Whether somebody could buy what a student of such masks is trained on: hidden masks have no price."""
    return pseudo != "hidden"


@dataclass(frozen=True)
class Arm:
    """One way to spend labels.

    Attributes:
        name: as in `run.arms` and in paths; lower-case words joined by hyphens.
        title: a few words for tables and figures.
        explanation: one sentence for the report: what the student is trained on, and what is not paid for.
        pays: the label kinds the arm has to buy.
        pseudo: masks of the images without full labels: none, rough (proposals), refined (proposals and refiner),
            hidden (the true masks that the points stand for), confident (predictions without points) or boxed
            (predictions in given boxes).
        shares: the arm whose training set the student is trained on, where it is not this arm's own.
        teacher: the arm whose student takes the teacher's place in a second round, or predicts the masks in given
            boxes; None: the teacher itself.
        segmentor: the student's network: that of all students, or one that learns from boxes and points as well.
        augmentation: that of all students, or the stronger one of the section `semi`.
        mix: "each" for one student per mix of the study, "100pct" for one per data set and seed.
        iterations: factor on the length of `student.schedule`, given the mix's full percent.
    """

    name: str
    title: str
    explanation: str
    pays: tuple[Label, ...]
    pseudo: Masks = "none"
    shares: str | None = None
    teacher: str | None = None
    augmentation: Literal["common", "strong"] = "common"
    mix: Literal["each", "100pct"] = "each"
    segmentor: Segmentor = "solov2"
    iterations: Callable[[float], float] = same_iterations

    def trained_at(self, mix: str) -> bool:
        """Whether it has a student at a mix: at each of the study's, or at 100pct alone."""
        return (self.mix == ORACLE_MIX) == (mix == ORACLE_MIX)

    @property
    def round(self) -> str:
        """Where proposals and crops lie in the folder of a run: at its top; a second round's in the arm's folder."""
        return "" if self.teacher is None or self.pseudo == "boxed" else f"arms/{self.name}/"

    @property
    def labels(self) -> str:
        """The arm whose name the training set bears: this one, or the one it shares with."""
        return self.shares or self.name

    @property
    def student(self) -> str:
        """The stage that trains the student."""
        return "student" if self.segmentor == "solov2" else "box_student"

    @property
    def trains_on_boxes(self) -> bool:
        """Whether its student learns from boxes with points themselves: no pseudo mask comes between."""
        return "points10" in self.pays and self.pseudo == "none"

    @property
    def needs_full(self) -> bool:
        """Whether it cannot do without images with masks: boxes with points alone train a network."""
        return "points10" not in self.pays

    @property
    def training_set(self) -> str:
        """The student's training set, relative to the folder of its run; of boxes with points, what goes with them."""
        return "full.json" if self.pseudo == "none" else f"pseudo/{self.labels}.json"

    @property
    def measured(self) -> bool:
        """Whether its pseudo masks are held against the hidden truth: they are its own, and could differ from it."""
        return self.pseudo in MEASURED and self.shares is None

    @property
    def rules(self) -> tuple[str, ...]:
        """The stages this arm needs before its student, in order; all others are not run for it."""
        chain = ("split", "points", "teacher", "proposals", "crops", "refiner", "pseudo")
        match self.pseudo:
            case "none":
                return ("split", "box_points") if "points10" in self.pays else chain[:1]
            case "rough":
                return tuple(stage for stage in chain if stage not in ("crops", "refiner"))
            case "refined":
                return chain
            case "hidden":
                return ("split", "points", "oracle_mask")
            case "confident":
                return ("split", "teacher", "fold", "score_thresholds", "confident_labels")
            case "boxed":
                return ("split", "box_points", "box_student", "box_pseudo")
