"""What the variants of a sweep change: their own networks against base's of the same arm, mix and seed, their pseudo
masks against hidden truth, and the time it takes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from wssis.formats.manifest import read_manifest
from wssis.report_page import words
from wssis.report_page.ap_samples import ApSamples
from wssis.report_page.compare import Samples, difference
from wssis.report_page.plan import BASE, PlannedRow
from wssis.report_page.results import ArmResult, Group
from wssis.report_page.stages import duration, seconds_of_jobs
from wssis.report_page.tables import Cell, Table, make_table


def variant_table(groups: Sequence[Group], samples: ApSamples) -> Table | None:
    """Every network that a variant made itself, beside base's; None where there are no variants.

    Args:
        groups: of one data set, variants and base.
        samples: AP of every network, by its scores.json.
    """
    bases = {group.mix: group for group in groups if group.variant == BASE}
    lines = []
    for group in (one for one in groups if one.variant != BASE and one.mix in bases):
        own = {name: arm for name, arm in group.arms.items() if _is_own(arm, group.variant)}
        time = _time_of(own.values(), group.variant)
        for name, arm in own.items():
            other = bases[group.mix].arms.get(name)
            if other is not None:
                cells = (*_cells(arm, other, samples), *_masks(arm, other), time)
                lines.append((group.variant, group.share, arm.arm.title, *cells))
                time = ""  # A variant's jobs are counted once.
    if not lines:
        return None
    head = ("variant", "masks", "arm", "AP", "base's AP", "difference of AP", "95 % interval", "spread over seeds",
            "IoU of pseudo masks", "difference of IoU", "IoU ≥ .75", "own jobs (longer than base's)")  # fmt: skip
    caption = (
        f"Variants of {groups[0].dataset}: mask AP of the networks that they change, paired with those of base; mean"
        " IoU of pseudo masks with hidden truth, and the share of them that reach .75; wall-clock time of the jobs that"
        " a variant makes again, per seed, and how much longer they took than base's; base's fold teachers, where a"
        " variant's refiner does without"
    )
    return make_table(f"variants-{groups[0].dataset}", caption, head, lines, text=(2,))


def _masks(arm: ArmResult, base: ArmResult) -> tuple[str, str, str]:
    """Mean IoU of an arm's pseudo masks, mean over seeds, by how much it differs from base's on the same seeds, and the
    share of masks at IoU .75 and more."""
    own, others = _counts(arm, "mean_iou_pseudo"), _counts(base, "mean_iou_pseudo")
    if not own:
        return "", "", ""
    changes = [own[seed] - others[seed] for seed in own if seed in others]
    good = _counts(arm, "above_three_quarters_pseudo")
    change = words.signed(mean(changes) if changes else None, 3)
    return words.number(mean(own.values()), 3), change, words.percent(mean(good.values()) if good else None)


def _counts(arm: ArmResult, key: str) -> dict[str, float]:
    """What pseudo-quality counted under `key`, by seed, where there is any."""
    tables = {seed: result.row.quality for seed, result in arm.seeds.items() if result.row.quality is not None}
    counts = {seed: read_manifest(Path(f"{table}.manifest.json"))["counts"] for seed, table in tables.items()}
    return {seed: one[key] for seed, one in counts.items() if key in one}


def _time_of(arms: Iterable[ArmResult], variant: str) -> str:
    """Seconds of a variant's own jobs per seed, in brackets by how much they exceed those that they replace, and those
    of base's fold teachers where the variant's refiner needs none."""
    rows = [result.row for arm in arms for result in arm.seeds.values() if result.row.variant == variant]
    own = {row.run: seconds_of_jobs(Path(row.run)) for row in rows}
    if not any(own.values()):
        return words.DASH
    replaced = {run: seconds_of_jobs(Path(run).with_name(BASE)) for run in own}
    more = [seconds - replaced[run].get(job, 0.0) for run, jobs in own.items() for job, seconds in jobs.items()]
    total, change = (sum(values) / len(own) for values in ([s for jobs in own.values() for s in jobs.values()], more))
    text = f"{duration(total)} ({'+' if change >= 0 else '−'}{duration(abs(change))})"
    spared = sum(sum(_folds(replaced[run])) for run in _without_folds(rows, own)) / len(own)
    return f"{text}; spares fold teachers of {duration(spared)}" if spared else text


def _folds(jobs: Mapping[str, float]) -> list[float]:
    return [seconds for job, seconds in jobs.items() if job.startswith("folds/")]


def _without_folds(rows: Sequence[PlannedRow], own: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The runs whose own refiner follows from no fold teachers, neither their own nor base's."""
    with_folds = {row.run for row in rows if "folds" in row.homes}
    refined = [run for run, jobs in own.items() if "refiner/manifest.json" in jobs and not _folds(jobs)]
    return [run for run in refined if run not in with_folds]


def _is_own(arm: ArmResult, variant: str) -> bool:
    return any(result.row.variant == variant for result in arm.seeds.values())


def _cells(arm: ArmResult, base: ArmResult, samples: ApSamples) -> tuple[str | Cell, ...]:
    ap = Cell(words.number(arm.mean("AP")), kind="main"), words.number(base.mean("AP"))
    found = difference(arm, base, _by_seed(arm, samples), _by_seed(base, samples))
    if found is None:
        return (*ap, words.DASH, "", "")
    spread = "one seed" if found.spread is None else f"±\u202f{found.spread:.1f}"
    return (*ap, words.signed(found.mean), words.interval(found.interval), Cell(spread, kind="quiet"))


def _by_seed(arm: ArmResult, samples: ApSamples) -> Samples:
    return {(arm.arm.name, seed): samples[result.row.scores] for seed, result in arm.seeds.items()}
