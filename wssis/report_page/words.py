"""Numbers and sentences of the page. A minus sign is a minus sign; what is unknown is a dash, never a zero."""

from collections.abc import Mapping, Sequence

from wssis.report_page.ap_samples import Interval
from wssis.report_page.compare import METHOD, Comparison
from wssis.report_page.plan import TEACHER, PlannedArm
from wssis.report_page.results import BOX_ORACLE, ORACLE, ArmResult, Group

DASH = "–"


def number(value: float | None, decimals: int = 1) -> str:
    """A number with a true minus sign; a dash for None.

    >>> number(-2.345), number(None)
    ('−2.3', '–')
    """
    return DASH if value is None else f"{value:.{decimals}f}".replace("-", "−")


def signed(value: float | None, decimals: int = 1) -> str:
    """A difference with its sign; none for what rounds to zero.

    >>> signed(2.0), signed(-0.04)
    ('+2.0', '0.0')
    """
    if value is None:
        return DASH
    if round(value, decimals) == 0:
        return f"{0:.{decimals}f}"
    return f"{value:+.{decimals}f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share in whole percent.

    >>> percent(0.804), percent(None)
    ('80 %', '–')
    """
    return DASH if value is None else f"{100 * value:.0f} %"


def interval(bounds: Interval | None, decimals: int = 1, sign: bool = True) -> str:
    """An interval in brackets, or nothing.

    >>> interval((-0.5, 2.0))
    '[−0.5, +2.0]'
    """
    if bounds is None:
        return ""
    write = signed if sign else number
    return f"[{write(bounds[0], decimals)}, {write(bounds[1], decimals)}]"


def days(value: float) -> str:
    """Days of work with two or three telling digits.

    >>> days(0.0398), days(3.2), days(158.53), days(1585.3)
    ('0.040', '3.2', '159', '1\u202f585')
    """
    if value >= 100:
        return count(value)
    return f"{value:.1f}" if value >= 1 else f"{value:#.2g}"


def work(value: float) -> str:
    """Days of work, 24 hours each, in a unit that people can judge; less than a day in minutes or hours.

    >>> work(0.016), work(0.4), work(3.2)
    ('23 minutes', '9.6 hours', '3.2 days')
    """
    if value >= 1:
        return f"{days(value)} days"
    return f"{24 * value:.1f} hours" if value >= 1 / 12 else f"{1440 * value:.0f} minutes"


def count(value: float) -> str:
    """A whole number with thin thousands separators."""
    return f"{value:,.0f}".replace(",", "\u202f")


def images(number: float) -> str:
    """How many images.

    >>> images(1.2), images(1200)
    ('1 image', '1\u202f200 images')
    """
    return f"{count(number)} image{'' if round(number) == 1 else 's'}"


def seeds_note(seeds: Sequence[str]) -> str:
    """How many seeds a figure rests on."""
    return "one seed" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"


def spread(arm: ArmResult, metric: str = "AP") -> str:
    """The standard deviation over seeds, or the words "one seed"."""
    value = arm.spread(metric)
    return "one seed" if value is None else f"±\u202f{value:.1f}"


def answer(groups: Sequence[Group], comparisons: Mapping[str, Comparison]) -> list[str]:
    """The answer of one data set: of its one mix, or in a sentence of all its mixes that have a difference to tell."""
    if len(groups) == 1:
        return headline(groups[0], comparisons[groups[0].key])
    found = [
        (group, difference)
        for group in groups
        if group.baseline is not None
        and (difference := comparisons[group.key].difference(METHOD, group.baseline.arm.name)) is not None
    ]
    if len(found) == 1:  # The headline tells of its own group's boxes.
        only = found[0][0]
        rest = _boxed_by_share([one for one in groups if one is not only], comparisons)
        return [*headline(only, comparisons[only.key]), *rest]
    boxed = _boxed_by_share(groups, comparisons)
    if not found:
        return boxed or [f"No mix has both the arm {METHOD} and a supervised one, so there is no answer yet."]
    *shares, last = dict.fromkeys(f"{group.full_percent:g}" for group, _ in found)
    told = f"{', '.join(shares)} and {last}" if shares else last
    ahead, clear = sum(d.mean > 0 for _, d in found), sum(d.clear and d.mean > 0 for _, d in found)
    means = [d.mean for _, d in found]
    at = "all" if ahead == len(found) else f"{ahead} of"
    return [
        f"With masks on {told} % of the images, points on others are ahead of the"
        f" masks alone at {at} {len(found)} mixes: by <b>{signed(min(means))} to {signed(max(means))} AP</b>"
        f" ({clear} beyond what these validation images leave open; {seeds_note(found[0][0].seeds)}).",
        *boxed,
    ]


def headline(group: Group, comparison: Comparison) -> list[str]:
    """The answer of one group in a few sentences; each says only what was measured."""
    boxed = boxed_answers(group, comparison)
    if METHOD not in group.arms or group.arms[METHOD].mean("AP") is None:
        return boxed or [f"The arm {METHOD} has no AP here, so there is no answer yet."]
    sentences = [_first(group, comparison)]
    gap = comparison.gaps.get(METHOD)
    if gap is not None and gap.percent is not None:
        bounds = f" {interval(gap.interval, 0, sign=False)}" if gap.interval else ""
        sentences.append(
            f"Of the gap to an oracle with masks on every image, they close <b>{number(gap.percent, 0)} %</b>{bounds}."
        )
    elif gap is not None:
        sentences.append(
            f"The gap closed is undefined: the oracle is {number(gap.gap)} AP above the masks alone (2 needed)."
        )
    return [*sentences, *_cost(group), *boxed]


def boxed_answers(group: Group, comparison: Comparison) -> list[str]:
    """A sentence for every arm that buys boxes with points: its AP, and what share of its oracle's at what price."""
    arms = [arm for arm in group.students if "points10" in arm.arm.pays and arm.mean("AP") is not None]
    return [_boxed_answer(arm, group.references(arm)[1], comparison) for arm in arms]


def _boxed_by_share(groups: Sequence[Group], comparisons: Mapping[str, Comparison]) -> list[str]:
    return [
        f"{group.share}: {told}" for group in groups for told in boxed_answers(group, comparisons[group.key])
    ]


def _boxed_answer(arm: ArmResult, oracle: ArmResult | None, comparison: Comparison) -> str:
    share, seeds = comparison.shares.get(arm.arm.name), seeds_note(list(arm.seeds))
    if oracle is None or share is None:
        start = f"{arm.arm.title}: <b>{number(arm.mean('AP'))} AP</b>"
        return f"{start} for {days(arm.days['pointwssis'])} label days ({seeds})."
    prices = [number(100 * arm.days[model] / oracle.days[model], 0) for model in ("pointwssis", "cheng")]
    bounds = f" {interval(share.interval, 0, sign=False)}" if share.interval else ""
    told = "" if share.percent is None else f": <b>{number(share.percent, 0)} %</b>{bounds} of it,"
    common = seeds_note([seed for seed in arm.seeds if seed in oracle.seeds])
    return (
        f"{arm.arm.title}: <b>{number(share.ap)} AP</b> against {number(share.oracle)} of {oracle.arm.title}, which has"
        f" all masks{told} for {prices[0]} % of its label days ({prices[1]} % by the other cost model; {common})."
    )


def _first(group: Group, comparison: Comparison) -> str:
    arm = group.arms[METHOD]
    splits = [result.labelled for result in arm.seeds.values()]
    full, weak = splits[0]["full"], splits[0]["point"]
    # Every seed splits as many images, but not as many objects.
    objects = [split["point"].objects for split in splits]
    mean = round(sum(objects) / len(objects))
    points = f"the {count(mean)}" if len(set(objects)) == 1 else f"about {count(mean)}"
    start = (
        f"Masks on {images(full.images)} and points on {points} objects of"
        f" {count(weak.images)} more give <b>{number(arm.mean('AP'))} AP</b>"
    )
    if group.baseline is None:
        return f"{start} ({seeds_note(group.seeds)}); no supervised arm was run to compare with."
    found = comparison.difference(METHOD, group.baseline.arm.name)
    if found is None:
        return f"{start} ({seeds_note(group.seeds)})."
    bounds = f" {interval(found.interval)}" if found.interval else ""
    unclear = (
        "" if found.clear or found.interval is None else ", a difference these validation images cannot tell from zero"
    )
    return (
        f"{start}: <b>{signed(found.mean)} AP</b>{bounds} against the masks alone{unclear} ({seeds_note(group.seeds)})."
    )


def _cost(group: Group) -> list[str]:
    if ORACLE not in group.arms:
        return []
    own, all_masks = group.arms[METHOD].days, group.arms[ORACLE].days
    shares = {model: 100 * own[model] / all_masks[model] for model in own}
    return [
        f"Their labels cost <b>{number(shares['pointwssis'], 0)} %</b> of what masks on every image cost"
        f" ({number(shares['cheng'], 0)} % by the other cost model)."
    ]


def not_paid(arm: PlannedArm) -> str:
    """What an arm's label cost leaves out, besides what no arm pays for."""
    if arm.name in (ORACLE, BOX_ORACLE):
        return "nothing: it has every mask"
    if not arm.payable:
        return "the hidden masks: nobody could buy them at this price, so it stands in no figure of cost"
    if "points10" in arm.pays:
        return "the masks of the images with boxes"
    if arm.name == TEACHER or "point" not in arm.pays:
        return "the points: it never sees the other images' objects"
    return "the masks of the point-labelled images"
