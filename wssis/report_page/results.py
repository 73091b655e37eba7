"""The study's results, read from its files: one record per student and teacher, in groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from wssis.config.label_cost import CostSettings
from wssis.config.mixes import ORACLE_MIX
from wssis.engine.label_costs import PUBLISHED, LabelCounts, LabelKind, cost_views, count_labels, label_days
from wssis.formats.coco import read_coco
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import METRICS, read_scores
from wssis.report_page.plan import BASE, TEACHER, Plan, PlannedArm, PlannedRow, mix_title

ORACLE = "oracle"
BASELINES = ("supervised", "supervised-short")
BOX_ORACLE, BOX_BASELINE = "mask-rcnn-oracle", "mask-rcnn-supervised"
"""References of the arms that train another segmentor than the others: the same one on masks alone."""
SIDES = {
    "full": ("split", "full.json"), "point": ("points", "weak.json"), "points10": ("box_points", "box_points.json"),
}  # fmt: skip
DECIMALS = 4


@dataclass(frozen=True)
class Result:
    """One evaluated network.

    Attributes:
        row, arm: what the plan says of it.
        scores: content of scores.json.
        manifest: of its training.
        points: strategy and drift of the points, or how many there are in a box; "none" for an arm that pays for none.
        labelled: what the arm's labels are on, by label kind.
        days: label days by cost model, `pointwssis` and `cheng`, as the study's settings say.
        views: label days by `CostView.key`: both models, categories known or not, and the study's own seconds.
    """

    row: PlannedRow
    arm: PlannedArm
    scores: Mapping[str, Any]
    manifest: Mapping[str, Any]
    points: str
    labelled: Mapping[LabelKind, LabelCounts]
    days: Mapping[str, float]
    views: Mapping[str, float]

    @property
    def iterations(self) -> int | None:
        """Optimizer steps; None for imported weights."""
        settings = self.manifest["settings"]
        return None if settings.get("checkpoint") else settings["schedule"]["iterations"]

    @property
    def folder(self) -> Path:
        """Where scores.json and detections.json are."""
        return Path(self.row.scores).parent

    def table_row(self, study: str) -> dict[str, Any]:
        """The row of scores.csv; without days where nobody could buy the labels."""
        row = self.row
        place = {key: getattr(row, key) for key in ("dataset", "mix", "full_percent", "seed", "variant", "arm")}
        metrics = {key: None if self.scores[key] is None else round(self.scores[key], DECIMALS) for key in METRICS}
        priced = self.arm.payable
        days = {f"label_days_{model}": round(value, DECIMALS) if priced else None for model, value in self.days.items()}
        rest = {"points": self.points, "iterations": self.iterations, "max_detections": self.scores["max_detections"]}
        return {"study": study, **place, **rest, **metrics, **days}


@dataclass(frozen=True)
class ArmResult:
    """One arm over the seeds of a group.

    Attributes:
        seeds: result by seed, in the plan's order.
    """

    arm: PlannedArm
    seeds: Mapping[str, Result]

    def values(self, metric: str) -> list[float]:
        """The metric's defined values, seed by seed."""
        found = (result.scores[metric] for result in self.seeds.values())
        return [value for value in found if value is not None]

    def mean(self, metric: str) -> float | None:
        """Mean over seeds; None where the metric is undefined for all."""
        values = self.values(metric)
        return mean(values) if values else None

    def spread(self, metric: str) -> float | None:
        """Standard deviation over seeds (n - 1); None for one seed."""
        values = self.values(metric)
        return stdev(values) if len(values) > 1 else None

    @property
    def shared(self) -> bool:
        """Whether it has a mix of its own, all images with masks, and so stands in every group."""
        return all(result.row.mix == ORACLE_MIX for result in self.seeds.values())

    @property
    def days(self) -> dict[str, float]:
        """Mean label days over seeds, by cost model."""
        return _means([result.days for result in self.seeds.values()])

    @property
    def views(self) -> dict[str, float]:
        """Mean label days over seeds, by `CostView.key`."""
        return _means([result.views for result in self.seeds.values()])


def _means(mappings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: mean(one[key] for one in mappings) for key in mappings[0]}


@dataclass(frozen=True)
class Group:
    """All arms of one data set, mix and variant; an oracle, which has a mix of its own, is in every group."""

    dataset: str
    mix: str
    full_percent: float
    variant: str
    arms: Mapping[str, ArmResult]

    @property
    def key(self) -> str:
        """A name fit for an HTML id."""
        return f"{self.dataset}-{self.mix}-{self.variant}".replace(".", "_")

    @property
    def name(self) -> str:
        """Words for the group: data set, share of masks, and the variant unless it is the base."""
        variant = "" if self.variant == "base" else f", {self.variant}"
        return f"{self.dataset}, {self.share} with masks{variant}"

    @property
    def share(self) -> str:
        """Words for the mix: its share of masks, and its name if it has one of its own."""
        return mix_title(self.mix, self.full_percent)

    @property
    def baseline(self) -> ArmResult | None:
        """The supervised row with the higher mean AP on validation; None where none was run."""
        rows = [self.arms[name] for name in BASELINES if name in self.arms]
        return max(rows, key=lambda row: -1.0 if row.mean("AP") is None else row.mean("AP")) if rows else None

    def references(self, arm: ArmResult) -> tuple[ArmResult | None, ArmResult | None]:
        """What an arm is held against: baseline and oracle with the same segmentor; None for what was not run."""
        if arm.arm.segmentor == "solov2":
            return self.baseline, self.arms.get(ORACLE)
        return self.arms.get(BOX_BASELINE), self.arms.get(BOX_ORACLE)

    @property
    def seeds(self) -> list[str]:
        """Seeds of this mix, an oracle's own aside."""
        own = [arm for arm in self.arms.values() if not arm.shared] or list(self.arms.values())
        return list(dict.fromkeys(seed for arm in own for seed in arm.seeds))

    @property
    def students(self) -> list[ArmResult]:
        """Every arm but the teacher, which is a row of its own."""
        return [arm for name, arm in self.arms.items() if name != TEACHER]


def load_results(plan: Plan, cost: CostSettings) -> list[Result]:
    """Read every row's scores, training manifest, point strategy and label cost.

    Raises:
        InputError: a file is missing or unreadable.
    """
    counts: dict[Path, LabelCounts] = {}
    results = []
    for row in plan.rows:
        arm = plan.arm(row.arm)
        paths = {kind: labels_file(row, kind) for kind in arm.pays}
        for path in paths.values():
            if path not in counts:
                counts[path] = count_labels(read_coco(path))
        results.append(_load(row, arm, {kind: counts[path] for kind, path in paths.items()}, cost))
    return results


def labels_file(row: PlannedRow, kind: LabelKind) -> Path:
    """Where the labels of a kind are: full.json, weak.json or box_points.json."""
    part, name = SIDES[kind]
    return row.folder(part) / name


def _load(row: PlannedRow, arm: PlannedArm, labelled: Mapping[LabelKind, LabelCounts], cost: CostSettings) -> Result:
    return Result(
        row=row,
        arm=arm,
        scores=read_scores(Path(row.scores)),
        manifest=read_manifest(row.network / "manifest.json"),
        points=_points(row, arm),
        labelled=labelled,
        days={model: label_days(labelled, model, cost) for model in PUBLISHED},
        views={view.key: view.days(labelled, cost) for view in cost_views(cost)},
    )


def _points(row: PlannedRow, arm: PlannedArm) -> str:
    if "point" in arm.pays:
        manifest = read_manifest(row.folder("points") / "points.manifest.json")
        if manifest["stage"] == "points_given":
            return "given"
        settings = manifest["settings"]
        drift = f"; drift {settings['drift']:g} px" if settings["drift"] else ""
        return f"{settings['strategy']}{drift}"
    if "points10" in arm.pays:
        settings = read_manifest(row.folder("box_points") / "box_points.manifest.json")["settings"]
        share = 0 if settings["noise"] == "none" else 100 * settings["noise_share"]
        wrong = f"; {share:g} % wrong, {settings['noise']}" if share else ""
        return f"{settings['points']} in each box{wrong}" if settings["file"] is None else "given in boxes"
    return "none"


def group_results(plan: Plan, results: Sequence[Result]) -> list[Group]:
    """Group by data set, mix and variant; a group of oracles alone is made only if there is no other.

    A variant is held against base's networks where it has none of its own.
    """
    order = [TEACHER, *(arm.name for arm in plan.arms)]
    keys = list(dict.fromkeys((r.row.dataset, r.row.full_percent, r.row.mix, r.row.variant) for r in results))
    oracles = [r for r in results if r.row.mix == ORACLE_MIX]
    groups = []
    for dataset, percent, mix, variant in sorted(keys, key=lambda key: (key[0], key[1], key[3] != "base", key[3])):
        own = [r for r in results if (r.row.dataset, r.row.mix, r.row.variant) == (dataset, mix, variant)]
        others = any(r.row.mix != ORACLE_MIX for r in results if r.row.dataset == dataset)
        if mix == ORACLE_MIX and others:
            continue
        own += [r for r in oracles if r.row.dataset == dataset and r not in own and _same_variant(r, variant, oracles)]
        present = {r.row.arm for r in own}
        base = [r for r in results if (r.row.dataset, r.row.mix, r.row.variant) == (dataset, mix, BASE)]
        own += [r for r in base if r.row.arm not in present]
        arms = {name: _arm(name, own, plan) for name in order if any(r.row.arm == name for r in own)}
        groups.append(Group(dataset, mix, percent, variant, arms))
    return groups


def _same_variant(result: Result, variant: str, oracles: Sequence[Result]) -> bool:
    """A variant that has no oracle of its own is held against the base's."""
    row = result.row
    own = any((r.row.variant, r.row.dataset, r.row.arm) == (variant, row.dataset, row.arm) for r in oracles)
    return row.variant == (variant if own else "base")


def _arm(name: str, results: Sequence[Result], plan: Plan) -> ArmResult:
    return ArmResult(plan.arm(name), {r.row.seed: r for r in results if r.row.arm == name})
