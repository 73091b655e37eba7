"""What was measured of AP against label cost: one record per arm and mix, in a file that `wssis budget` reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from wssis.config.section import Section
from wssis.engine.label_costs import LabelKind
from wssis.errors import InputError
from wssis.formats.atomic import write_text
from wssis.report_page.ap_samples import ApSamples
from wssis.report_page.results import ArmResult, Group

CURVES = "curves.json"
DECIMALS = 4


class Measured(Section):
    """One arm at one mix, means over the seeds that all records of its curve share.

    Attributes:
        labelled: images by the label kind that it buys for them. days: label days by `CostView.key`.
        ap: mask AP by seed. resampled: their mean on every resample of the validation images; the draws are the same
        for all records of a data set. NaN, where no drawn image has an object, is null.
    """

    arm: str
    title: str
    labelled: dict[LabelKind, float]
    mix: str
    full_percent: float
    days: dict[str, float]
    ap: dict[str, float]
    resampled: tuple[float | None, ...]

    @property
    def mean(self) -> float:
        """Mean AP over seeds."""
        return sum(self.ap.values()) / len(self.ap)

    @property
    def draws(self) -> NDArray[np.float64]:
        """`resampled`, float (B,), NaN where undefined."""
        return np.array(self.resampled, dtype=np.float64)


class Curves(Section):
    """All records of one data set and variant that have an AP and a price."""

    dataset: str
    variant: str
    seeds: tuple[str, ...]
    points: tuple[Measured, ...]


class StudyCurves(Section):
    """All curves of a study; `categories_known` is the study's own setting."""

    study: str
    categories_known: bool
    curves: tuple[Curves, ...]


def collect_curves(groups: Sequence[Group], samples: ApSamples) -> tuple[Curves, ...]:
    """The curves of a study's groups, one per data set and variant."""
    places = dict.fromkeys((group.dataset, group.variant) for group in groups)
    return tuple(_curves(*place, [g for g in groups if (g.dataset, g.variant) == place], samples) for place in places)


def _curves(dataset: str, variant: str, groups: Sequence[Group], samples: ApSamples) -> Curves:
    """Students trained on what can be bought; what every group shares, the oracle, comes once."""
    students = [arm for group in groups for arm in group.students]
    once = {next(iter(arm.seeds.values())).row.scores: arm for arm in students}
    payable = [arm for arm in once.values() if arm.arm.payable and all(arm.views.values())]
    priced = [arm for arm in payable if len(arm.values("AP")) == len(arm.seeds)]
    seeds = [seed for seed in groups[0].seeds if all(seed in arm.seeds for arm in priced)]
    points = tuple(_measured(arm, seeds, samples) for arm in priced) if seeds else ()
    return Curves(dataset=dataset, variant=variant, seeds=tuple(seeds), points=points)


def _measured(arm: ArmResult, seeds: Sequence[str], samples: ApSamples) -> Measured:
    own = [arm.seeds[seed] for seed in seeds]
    draws = np.mean([samples[result.row.scores][1:] for result in own], axis=0)
    return Measured(
        arm=arm.arm.name,
        title=arm.arm.title,
        labelled={kind: float(np.mean([one.labelled[kind].images for one in own])) for kind in arm.arm.pays},
        mix=own[0].row.mix,
        full_percent=own[0].row.full_percent,
        days={key: float(np.mean([result.views[key] for result in own])) for key in own[0].views},
        ap={seed: result.scores["AP"] for seed, result in zip(seeds, own, strict=True)},
        resampled=tuple(None if np.isnan(value) else round(float(value), DECIMALS) for value in draws),
    )


def write_curves(path: Path, curves: StudyCurves) -> None:
    """Write curves.json atomically."""
    write_text(path, curves.model_dump_json() + "\n")


def read_curves(path: Path) -> StudyCurves:
    """Read curves.json.

    Raises:
        InputError: the file is missing, or is not what the report writes.
    """
    try:
        return StudyCurves.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; give the folder of a study whose report is written") from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not as the report writes it ({str(error).splitlines()[0]}); run it again") from None
