"""What the report is told: which students and teachers the study has, and where their files are."""

from pathlib import Path

from pydantic import Field, ValidationError

from wssis.arms.arm import Label, Masks, Segmentor, payable
from wssis.config.section import Section
from wssis.errors import InputError

TEACHER = "teacher"
BASE = "base"


def mix_title(mix: str, full_percent: float) -> str:
    """Words for a mix: its share of masks, and its name where that tells more; several mixes may have one share.

    >>> mix_title("10pct", 10), mix_title("clicks", 10)
    ('10 %', '10 % (clicks)')
    """
    share = f"{full_percent:g} %"
    return share if mix == f"{full_percent:g}pct" else f"{share} ({mix})"


class PlannedArm(Section):
    """An arm, as its module describes it."""

    name: str
    title: str
    explanation: str
    pays: tuple[Label, ...]
    pseudo: Masks = "none"
    segmentor: Segmentor = "solov2"

    @property
    def payable(self) -> bool:
        """Whether somebody could buy what its student is trained on."""
        return payable(self.pseudo)


class PlannedRow(Section):
    """One student or teacher; all paths as the workflow knows them, relative to its working folder.

    `run` holds full.json, weak.json and the manifests of split, points, proposals and pseudo sets. Beside `scores` lie
    detections.json, in `network` the model's manifest.json and metrics.jsonl. Beside `quality` lie its manifest and
    {arm}.shown.json, and in quality/ of the run that made them {arm}.predictions.json; of these two the page shows one
    run per data set and mix: the first seed of `wssis` or, without it, of the last arm that has a quality file. What a
    variant did not make itself lies in the run that `homes` names, part by part.
    """

    dataset: str
    mix: str
    full_percent: float | None = Field(description="null where only the files know; `with_shares` then fills it in.")
    seed: str = Field(description="As in the path: s0.")
    variant: str = BASE
    arm: str = Field(description="Name of an arm, or teacher.")
    run: str
    scores: str
    quality: str | None = Field(None, description="quality/{arm}.csv; null where the arm has none.")
    shown: str | None = Field(None, description="quality/{arm}.shown.json; null where the arm has none.")
    homes: dict[str, str] = Field({}, description="Part (split, points, pseudo, ...) -> the run that holds it.")

    def folder(self, part: str) -> Path:
        """Folder of the run that holds a part: split, points, proposals/weak, refiner, pseudo, predict_shown, ..."""
        return Path(self.homes.get(part, self.run))

    @property
    def shown_file(self) -> Path | None:
        """{arm}.shown.json; None where the arm has no pseudo masks of its own."""
        return None if self.shown is None else Path(self.shown)

    @property
    def network(self) -> Path:
        """Folder of the network's manifest.json and metrics.jsonl."""
        return self.folder("network") / ("teacher" if self.arm == TEACHER else f"students/{self.arm}")


class Plan(Section):
    """The whole study; `arms` in the order of the tables."""

    study: str
    arms: tuple[PlannedArm, ...]
    rows: tuple[PlannedRow, ...] = Field(min_length=1)

    def arm(self, name: str) -> PlannedArm:
        """The arm of that name; the teacher is described here, since it is no arm."""
        if name == TEACHER:
            return TEACHER_ROW
        return next(arm for arm in self.arms if arm.name == name)


TEACHER_ROW = PlannedArm(
    name=TEACHER,
    title="Teacher",
    explanation="The network that makes the proposals, evaluated like any student: without prompts.",
    pays=("full",),
)


def read_plan(text: str) -> Plan:
    """Parse the plan.

    Raises:
        InputError: not the expected JSON, or a row with an arm that is not described.
    """
    try:
        plan = Plan.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(f"--plan: {problems}") from None
    known = {arm.name for arm in plan.arms} | {TEACHER}
    unknown = sorted({row.arm for row in plan.rows} - known)
    if unknown:
        raise InputError(f"--plan: rows of {', '.join(unknown)}, which `arms` does not describe")
    return plan
