"""Whether a report's tables and curves are those of its study's networks, manifests and labels."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from wssis.arms.arm import payable
from wssis.arms.registry import arms
from wssis.audit.checker import Checker
from wssis.audit.coco_facts import CocoFacts
from wssis.audit.contents import Facts
from wssis.audit.finding import Finding, some
from wssis.config.label_cost import CostSettings
from wssis.engine.label_costs import PUBLISHED, LabelCounts, LabelKind, label_days
from wssis.formats.scores import METRICS
from wssis.report_page.plan import TEACHER, TEACHER_ROW

ROUNDING = 0.5e-4
"""Half a unit of the last decimal in scores.csv."""
DAYS = "label_days_"
"""What the columns of label cost begin with; the model follows."""


def report_findings(check: Checker, facts: Facts) -> Iterator[Finding]:
    """scores.csv has one row for every scores.json, with its figures."""
    path = check.output("scores.csv")
    rows = [(_scores_of(row), row) for row in check.made("scores.csv")]
    times = Counter(name for name, _ in rows)
    if twice := sorted(name for name, number in times.items() if number > 1):
        yield check.wrong(path, f"has more than one row of {some(twice)}")
    read = {one.path for one in check.record.inputs if one.path and one.path.endswith("/scores.json")}
    yield from check.same(path, "rows", times, read, "the scores the report was made of")
    for name, row in rows:
        for metric in METRICS if name in facts else ():
            value = facts[name][metric]
            cell = float(row[metric]) if row[metric] else None
            if (cell is None) != (value is None) or not math.isclose(cell or 0, value or 0, abs_tol=ROUNDING):
                yield check.wrong(path, f"{metric} of {name} is {row[metric] or 'empty'}; that file says {value}")
        yield from _of_manifests(check, path, name, row)
    yield from _curves(check, [row for _, row in rows])
    yield from _label_days(check, path, [row for _, row in rows])


def _of_manifests(check: Checker, path: str, name: str, row: Mapping[str, str]) -> Iterator[Finding]:
    """Steps and detections per image of a row of scores.csv are those of the network's manifests."""
    records, folder = check.study.records, name.rpartition("/")[0]
    trained, evaluated = records.get(f"{folder}/manifest.json"), records.get(f"{folder}/evaluate.manifest.json")
    said = {}
    if trained is not None and "imported" not in trained.counts:
        said["iterations"] = trained.settings["schedule"]["iterations"]
    if evaluated is not None:
        said["max_detections"] = evaluated.settings["max_detections"]
    for key, value in said.items():
        if row[key] != str(value):
            yield check.wrong(path, f"{key} of {name} is {row[key] or 'empty'}; its manifest says {value}")


def _curves(check: Checker, rows: Sequence[Mapping[str, str]]) -> Iterator[Finding]:
    """AP over cost, from which budgets are planned, is the AP of scores.csv."""
    known = {tuple(row[key] for key in ("dataset", "mix", "seed", "variant", "arm")): row["AP"] for row in rows}
    for curve in check.made("curves.json")["curves"]:
        for point in curve["points"]:
            for seed, value in point["ap"].items():
                cell = known.get((curve["dataset"], point["mix"], seed, curve["variant"], point["arm"]))
                if cell and not math.isclose(float(cell), value, abs_tol=ROUNDING):
                    where = f"{curve['dataset']}/{point['mix']}/{seed}/{curve['variant']}"
                    what = f"AP of {point['arm']} of {where} is {value}; scores.csv has {cell}"
                    yield check.wrong(check.output("curves.json"), what)


def _scores_of(row: dict[str, str]) -> str:
    """Path of the scores.json that a row of scores.csv repeats."""
    network = row["arm"] if row["arm"] == "teacher" else f"students/{row['arm']}"
    return "/".join([row["dataset"], row["mix"], row["seed"], row["variant"], network, "scores.json"])


def _label_days(check: Checker, path: str, rows: Sequence[Mapping[str, str]]) -> Iterator[Finding]:
    """Days of rows of scores.csv that are not those of their labels, by the seconds in the report's settings.

    Raises:
        Unknown: a file of labels cannot be read.
        pydantic.ValidationError: the settings hold seconds that there are no more.
    """
    cost = CostSettings.model_validate(check.record.settings["cost"])
    pays: dict[str, Sequence[LabelKind]] = {name: arm.pays for name, arm in arms().items() if payable(arm.pseudo)}
    pays[TEACHER] = TEACHER_ROW.pays
    counted: dict[str, LabelCounts] = {}
    for row in rows:
        run = "/".join(row[key] for key in ("dataset", "mix", "seed", "variant"))
        kinds = pays.get(row["arm"], ())  # None of an arm that cannot be bought, or of another version.
        for name in (f"{kind} {run}" for kind in kinds):
            if name not in counted:
                counted[name] = _counted(check.of(name))
        for model in PUBLISHED if kinds else ():
            days, said = label_days({kind: counted[f"{kind} {run}"] for kind in kinds}, model, cost), row[DAYS + model]
            if not said or not math.isclose(float(said), days, abs_tol=ROUNDING):
                what = f"{DAYS}{model} of {run}/{row['arm']} is {said or 'empty'}; its labels took {days:.4f}"
                yield check.wrong(path, what)


def _counted(facts: CocoFacts) -> LabelCounts:
    """What there was to label in a file, as `wssis.engine.label_costs.count_labels` has it of the file itself."""
    objects = pd.DataFrame({"image": facts.image_id, "category": facts.category_id})[~facts.crowd]
    points = facts.labels.total() if facts.labels else None
    images, empty = len(facts.images), len(facts.images) - objects["image"].nunique()
    return LabelCounts(images, len(objects), len(objects.drop_duplicates()), empty, len(facts.categories), points)
