"""Paired differences of AP and the gap closed, with bootstrap intervals over validation images.

Every arm and seed is weighed by the same draws of images, so what they share cancels. The intervals speak of the
choice of validation images; what split and training seed do is the spread over seeds, reported beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wssis.report_page.ap_samples import ApSamples, Interval, ap_interval, percentile_interval
from wssis.report_page.results import BASELINES, BOX_BASELINE, ArmResult, Group

LEAST_GAP = 2.0
"""AP between oracle and supervised under which the gap closed is undefined (`science.md`)."""
LOST = 0.025
"""Share of resamples with too small a gap above which there is no interval of the gap closed."""
METHOD = "wssis"

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
class OracleShare:
    """AP of an arm over that of the oracle with its segmentor, in percent, of means over the seeds that both have.

    Attributes:
        ap, oracle: these means. percent, interval: None where the oracle has next to nothing.
    """

    ap: float
    oracle: float
    percent: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """What a group's arms are to each other.

    Attributes:
        differences: paired differences. gaps: by arm. intervals: of every arm's mean AP, 95 %; None without resamples.
        shares: of the arms that buy boxes with points and have an oracle.
    """

    differences: tuple[Difference, ...]
    gaps: Mapping[str, GapClosed]
    intervals: Mapping[str, Interval | None]
    shares: Mapping[str, OracleShare]

    def difference(self, arm: str, other: str) -> Difference | None:
        """The difference of two arms, if it was taken."""
        return next((d for d in self.differences if (d.arm, d.other) == (arm, other)), None)


def compare_group(group: Group, samples: ApSamples) -> Comparison:
    """Compare a group's students.

    Args:
        group: the arms.
        samples: AP of every network, by its scores.json.
    """
    own = {
        (name, seed): samples[result.row.scores]
        for name, arm in group.arms.items()
        for seed, result in arm.seeds.items()
    }
    intervals = {name: _mean_interval(arm, own) for name, arm in group.arms.items()}
    differences = tuple(d for pair in _pairs(group) if (d := difference(*pair, own)) is not None)
    gaps, shares = {}, {}
    for arm in group.students:
        baseline, oracle = group.references(arm)
        if "points10" in arm.arm.pays and oracle is not None:
            shares |= {arm.arm.name: share} if (share := oracle_share(arm, oracle, own)) is not None else {}
        masks_alone = set(arm.arm.pays) == {"full"} and arm.arm.pseudo == "none"
        if not masks_alone and baseline is not None and oracle is not None:
            gaps[arm.arm.name] = gap_closed(arm.arm.name, baseline.arm.name, oracle.arm.name, own)
    return Comparison(differences, gaps, intervals, shares)


def _mean_interval(arm: ArmResult, samples: Samples) -> Interval | None:
    """Interval of an arm's mean AP over its seeds."""
    mean = np.mean([samples[arm.arm.name, seed] for seed in arm.seeds], axis=0)
    return ap_interval(float(mean[0]), mean[1:])


def _pairs(group: Group) -> list[tuple[ArmResult, ArmResult]]:
    """Every student against its baseline, then the method against every student that is no baseline.

    Arms that buy boxes with points, or have another segmentor than the others: against its oracle, where no baseline
    has their segmentor. Of those that buy boxes with points, each further one is held against the first, SOLOv2 and
    other segmentors apart.
    """
    arms = {arm.arm.name: arm for arm in group.students}
    held = [(arm, _reference(group, arm)) for arm in arms.values()]
    pairs = [(arm, other) for arm, other in held if other is not None and arm is not other]
    boxed = [arm for arm in arms.values() if "points10" in arm.arm.pays]
    for common in (True, False):
        own = [arm for arm in boxed if (arm.arm.segmentor == "solov2") == common]
        pairs += [(arm, own[0]) for arm in own[1:]]
    if METHOD in arms:
        rest = [arm for name, arm in arms.items() if name != METHOD and not _is_baseline(arm)]
        pairs += [(arms[METHOD], arm) for arm in rest]
    return pairs


def _reference(group: Group, arm: ArmResult) -> ArmResult | None:
    baseline, oracle = group.references(arm)
    boxed = arm.arm.segmentor != "solov2" or "points10" in arm.arm.pays
    return oracle if baseline is None and boxed else baseline


def _is_baseline(arm: ArmResult) -> bool:
    return arm.arm.name in (*BASELINES, BOX_BASELINE)


def difference(
    arm: ArmResult, other: ArmResult, samples: Samples, others: Samples | None = None
) -> Difference | None:
    """The paired difference of two arms; None where no seed has both, or an AP is undefined.

    Args:
        samples: of both arms, or of `arm` alone where `others` has those of `other`: one arm in two variants.
    """
    others = samples if others is None else others
    seeds = [seed for seed in arm.seeds if seed in other.seeds]
    if not seeds:
        return None
    paired = np.stack([samples[arm.arm.name, seed] - others[other.arm.name, seed] for seed in seeds])
    if np.isnan(paired[:, 0]).any():
        return None
    return Difference(
        arm=arm.arm.name,
        other=other.arm.name,
        mean=float(paired[:, 0].mean()),
        interval=percentile_interval(paired[:, 1:].mean(axis=0)),
        per_seed=dict(zip(seeds, paired[:, 0].tolist(), strict=True)),
        spread=float(paired[:, 0].std(ddof=1)) if len(seeds) > 1 else None,
    )


def gap_closed(arm: str, baseline: str, oracle: str, samples: Samples) -> GapClosed:
    """Gap closed by an arm, ratio of seed means over the seeds that arm, baseline and oracle share."""
    seeds = [seed for name, seed in samples if name == arm and {(baseline, seed), (oracle, seed)} <= samples.keys()]
    if not seeds:
        return GapClosed(arm, None, None, float("nan"))
    low, own, high = (np.mean([samples[name, seed] for seed in seeds], axis=0) for name in (baseline, arm, oracle))
    gap = high - low
    if not gap[0] >= LEAST_GAP:
        return GapClosed(arm, None, None, float(gap[0]))
    defined = gap[1:] >= LEAST_GAP
    ratio = 100 * (own[1:] - low[1:])[defined] / gap[1:][defined]
    enough = len(gap) > 1 and 1 - defined.mean() <= LOST
    interval = percentile_interval(ratio) if enough else None
    return GapClosed(arm, float(100 * (own[0] - low[0]) / gap[0]), interval, float(gap[0]))


def oracle_share(arm: ArmResult, oracle: ArmResult, samples: Samples) -> OracleShare | None:
    """An arm's share of an oracle's AP; None where no seed has both, or an AP is undefined."""
    seeds = [seed for seed in arm.seeds if seed in oracle.seeds]
    if not seeds:
        return None
    own, best = (np.mean([samples[one.arm.name, seed] for seed in seeds], axis=0) for one in (arm, oracle))
    if np.isnan(own[0]) or np.isnan(best[0]):
        return None
    ap, all_masks = float(own[0]), float(best[0])
    if all_masks < LEAST_GAP:
        return OracleShare(ap, all_masks, None, None)
    defined = best[1:] >= LEAST_GAP
    enough = len(best) > 1 and 1 - defined.mean() <= LOST
    interval = percentile_interval(100 * own[1:][defined] / best[1:][defined]) if enough else None
    return OracleShare(ap, all_masks, 100 * ap / all_masks, interval)


def compare_all(groups: Sequence[Group], samples: ApSamples) -> dict[str, Comparison]:
    """Comparison by the key of each group."""
    return {group.key: compare_group(group, samples) for group in groups}
