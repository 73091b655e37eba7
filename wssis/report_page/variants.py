"""What the variants of a sweep change: their own networks against base's of the same arm, mix and seed."""

from collections.abc import Sequence

from wssis.report_page import words
from wssis.report_page.ap_samples import ApSamples
from wssis.report_page.compare import Samples, difference
from wssis.report_page.plan import BASE
from wssis.report_page.results import ArmResult, Group
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
        for name, arm in own.items():
            other = bases[group.mix].arms.get(name)
            if other is not None:
                lines.append((group.variant, group.share, arm.arm.title, *_cells(arm, other, samples)))
    if not lines:
        return None
    head = ("variant", "masks", "arm", "AP", "base's AP", "difference", "95 % interval", "spread over seeds")
    caption = f"Variants of {groups[0].dataset}: mask AP of the networks that they change, paired with those of base"
    return make_table(f"variants-{groups[0].dataset}", caption, head, lines, text=(2,))


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
