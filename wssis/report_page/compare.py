"""Paired differences of AP and the gap closed, with bootstrap intervals over validation images.

Every arm and seed is weighed by the same draws of images, so what they share cancels. The intervals speak of the
choice of validation images; what split and training seed do is the spread over seeds, reported beside them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wssis.engine.bootstrap import class_matches, draw_weights, resampled_ap
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.report_page.plan import TEACHER
from wssis.report_page.results import ORACLE, ArmResult, Group, Result

LEAST_GAP = 2.0
"""AP between oracle and supervised under which the gap closed is undefined (`science.md`)."""
QUANTILES = (2.5, 97.5)
LOST = 0.025
"""Share of resamples with too small a gap above which there is no interval of the gap closed."""
METHOD = "wssis"
BOOTSTRAP_SEED = 0

Interval = tuple[float, float]
Samples = Mapping[tuple[str, str], NDArray[np.float64]]
"""(arm, seed) -> AP; first of the real validation set, then of every resample."""


@dataclass(frozen=True)
class Difference:
    """AP of one arm minus that of another, over the seeds that both have.

    Attributes:
        mean: over seeds. interval: 95 %, over validation images; None without resamples.
        per_seed: difference by seed. spread: their standard deviation, None for one seed.
    """

    arm: str
    other: str
    mean: float
    interval: Interval | None
    per_seed: Mapping[str, float]
    spread: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


@dataclass(frozen=True)
class GapClosed:
    """(arm - baseline) / (oracle - baseline) in percent, of seed means; `percent` is None where undefined."""

    arm: str
    percent: float | None
    interval: Interval | None
    gap: float


@dataclass(frozen=True)
class Comparison:
    """What a group's arms are to each other."""

    differences: tuple[Difference, ...]
    gaps: Mapping[str, GapClosed]

    def difference(self, arm: str, other: str) -> Difference | None:
        """The difference of two arms, if it was taken."""
        return next((d for d in self.differences if (d.arm, d.other) == (arm, other)), None)


def compare_group(group: Group, results: Path, resamples: int) -> Comparison:
    """Compare a group's students.

    Args:
        group: the arms.
        results: folder of the study; holds {dataset}/val.json.
        resamples: bootstrap resamples B.
    """
    coco = read_coco(results / group.dataset / "val.json")
    weights = np.vstack(
        [np.ones((1, len(coco["images"])), np.int32), draw_weights(len(coco["images"]), resamples, BOOTSTRAP_SEED)]
    )
    samples = {
        (arm.arm.name, seed): _sampled(result, coco, weights)
        for arm in group.students
        for seed, result in arm.seeds.items()
    }
    differences = tuple(d for pair in _pairs(group) if (d := difference(*pair, samples)) is not None)
    baseline = group.baseline
    if baseline is None or ORACLE not in group.arms:
        return Comparison(differences, {})
    names = [name for name in group.arms if name not in (TEACHER, ORACLE) and group.arms[name].arm.pseudo != "none"]
    gaps = {name: gap_closed(name, baseline.arm.name, samples) for name in names}
    return Comparison(differences, gaps)


def _sampled(result: Result, coco: Mapping, weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """AP of one network on the real set and on every resample; must agree with its scores.json."""
    path = result.folder / "detections.json"
    detections = json.loads(path.read_text(encoding="utf-8"))
    evaluator = match(coco, detections, result.scores["max_detections"], "segm", ONE_AREA)
    ap = resampled_ap(class_matches(evaluator), weights, evaluator.params.recThrs)
    told = np.nan if result.scores["AP"] is None else result.scores["AP"]
    if not np.isclose(ap[0], told, atol=1e-6, equal_nan=True):
        raise InputError(f"{path}: AP {ap[0]:.4f}, but scores.json says {told:.4f}; run the evaluate stage again")
    return ap


def _pairs(group: Group) -> list[tuple[ArmResult, ArmResult]]:
    """Every student against the baseline, then the method against every student that is no baseline."""
    arms = {arm.arm.name: arm for arm in group.students}
    baseline = group.baseline
    pairs = [(arm, baseline) for arm in arms.values() if baseline is not None and arm is not baseline]
    if METHOD in arms:
        rest = [arm for name, arm in arms.items() if name != METHOD and not name.startswith("supervised")]
        pairs += [(arms[METHOD], arm) for arm in rest]
    return pairs


def difference(arm: ArmResult, other: ArmResult, samples: Samples) -> Difference | None:
    """The paired difference of two arms; None where no seed has both, or an AP is undefined."""
    seeds = [seed for seed in arm.seeds if seed in other.seeds]
    if not seeds:
        return None
    paired = np.stack([samples[arm.arm.name, seed] - samples[other.arm.name, seed] for seed in seeds])
    if np.isnan(paired[:, 0]).any():
        return None
    return Difference(
        arm=arm.arm.name,
        other=other.arm.name,
        mean=float(paired[:, 0].mean()),
        interval=_interval(paired[:, 1:].mean(axis=0)),
        per_seed=dict(zip(seeds, paired[:, 0].tolist(), strict=True)),
        spread=float(paired[:, 0].std(ddof=1)) if len(seeds) > 1 else None,
    )


def gap_closed(arm: str, baseline: str, samples: Samples) -> GapClosed:
    """Gap closed by an arm, ratio of seed means over the seeds that arm, baseline and oracle share."""
    seeds = [seed for name, seed in samples if name == arm and {(baseline, seed), (ORACLE, seed)} <= samples.keys()]
    if not seeds:
        return GapClosed(arm, None, None, float("nan"))
    low, own, high = (np.mean([samples[name, seed] for seed in seeds], axis=0) for name in (baseline, arm, ORACLE))
    gap = high - low
    if not gap[0] >= LEAST_GAP:
        return GapClosed(arm, None, None, float(gap[0]))
    defined = gap[1:] >= LEAST_GAP
    ratio = 100 * (own[1:] - low[1:])[defined] / gap[1:][defined]
    enough = len(gap) > 1 and 1 - defined.mean() <= LOST
    return GapClosed(arm, float(100 * (own[0] - low[0]) / gap[0]), _interval(ratio) if enough else None, float(gap[0]))


def _interval(values: NDArray[np.float64]) -> Interval | None:
    """95 % percentile interval; resamples without truth are left out."""
    values = values[~np.isnan(values)]
    if not values.size:
        return None
    low, high = np.percentile(values, QUANTILES)
    return float(low), float(high)


def compare_all(groups: Sequence[Group], results: Path, resamples: int) -> dict[str, Comparison]:
    """Comparison by the key of each group."""
    return {group.key: compare_group(group, results, resamples) for group in groups}
