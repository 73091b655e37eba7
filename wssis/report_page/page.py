"""The page as one self-contained HTML file: nothing in it is fetched, every figure is inside."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

from wssis.config.stages import ReportSettings
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import METRICS
from wssis.report_page import figures, sections, words
from wssis.report_page.compare import Comparison
from wssis.report_page.figures import CostPoint, Picture
from wssis.report_page.plan import TEACHER, Plan
from wssis.report_page.results import ORACLE, Group

TEMPLATE = "page.html.j2"
COST_MODELS = {"pointwssis": "PointWSSIS", "cheng": "Cheng et al."}
CODE_DIGITS = 12


class PackageLoader(BaseLoader):
    """Templates and styles from this package, also when it is installed as a zip file."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        """Text of a template by its file name."""
        source = files("wssis.report_page") / template
        if not source.is_file():
            raise TemplateNotFound(template)
        return source.read_text(encoding="utf-8"), None, None


def render(
    settings: ReportSettings,
    plan: Plan,
    groups: Sequence[Group],
    comparisons: Mapping[str, Comparison],
    results: Path,
    image_dirs: Mapping[str, Path],
) -> str:
    """The whole page.

    Args:
        settings: title, bootstrap, costs.
        plan: the study.
        groups, comparisons: what there is to tell; comparisons by the key of each group.
        results: folder of the study.
        image_dirs: training images by data set, for the pictures.
    """
    environment = Environment(
        loader=PackageLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    manifests = study_manifests(plan, results)
    return environment.get_template(TEMPLATE).render(
        title=settings.title,
        study=plan.study,
        settings=settings,
        metrics=METRICS,
        groups=[_group(group, comparisons[group.key], plan, results, image_dirs) for group in groups],
        datasets=[_dataset(name, groups, results) for name in dict.fromkeys(group.dataset for group in groups)],
        networks=len(plan.rows),
        manifests=[_settings_of(path, content) for path, content in manifests.items()],
        versions=_versions(manifests.values()),
        cost_stages=_cost_stages(settings),
    )


def _group(
    group: Group, comparison: Comparison, plan: Plan, results: Path, image_dirs: Mapping[str, Path]
) -> dict[str, Any]:
    return {
        "key": group.key,
        "name": group_name(group),
        "dataset": group.dataset,
        "answer": words.headline(group, comparison),
        "seeds": words.seeds_note(group.seeds),
        "one_seed": len(group.seeds) == 1,
        "baseline": group.baseline,
        "supervised": [name for name in group.arms if name.startswith("supervised")],
        "oracle": ORACLE in group.arms,
        "teacher": TEACHER in group.arms,
        "table": sections.arm_table(group),
        "ap": sections.ap_picture(group),
        "differences": sections.difference_table(group, comparison),
        "difference_picture": sections.difference_picture(group, comparison),
        "gaps": sections.gap_table(group, comparison),
        "accounts": sections.accounts_of(group, plan, results),
        "quality": sections.mask_quality(group),
        "pictures": sections.group_pictures(group, image_dirs),
        "curves": sections.curves_picture(group),
        "by_seed": None if len(group.seeds) == 1 else sections.seed_table(group, comparison),
        "classes": sections.class_table(group),
        "strategies": sorted({r.points for arm in group.arms.values() for r in arm.seeds.values()} - {"none"}),
        "imported": [arm.arm.title for arm in group.arms.values() if _imported(arm)],
        "pretrained": sorted({_weights(arm) for arm in group.arms.values()} - {"none"}),
    }


def _imported(arm: Any) -> bool:
    return any(result.iterations is None for result in arm.seeds.values())


def _weights(arm: Any) -> str:
    """Weights that the arm's backbone starts from."""
    return next(iter(arm.seeds.values())).manifest["settings"]["network"]["backbone"]["weights"]


def group_name(group: Group) -> str:
    """Words for a group: data set, share of masks, and the variant unless it is the base."""
    variant = "" if group.variant == "base" else f", {group.variant}"
    return f"{group.dataset}, {group.full_percent:g} % with masks{variant}"


def _dataset(name: str, groups: Sequence[Group], results: Path) -> dict[str, Any]:
    own = [group for group in groups if group.dataset == name and group.variant == "base"]
    images = read_manifest(results / name / "images.csv.manifest.json")["counts"]
    prepared = read_manifest(results / name / "prepare.manifest.json")["counts"]
    return {
        "name": name,
        "counts": {key: words.count(value) for key, value in prepared.items()},
        "duplicates": images.get("train_images_in_val", 0),
        "costs": [_cost_picture(name, own, model) for model in COST_MODELS],
        "mixes": _mix_picture(name, own) if len(own) > 1 else None,
    }


def _cost_picture(dataset: str, groups: Sequence[Group], model: str) -> Picture:
    """AP of the students against label cost, all mixes of a data set; the oracle once."""
    points = {}
    for group in groups:
        for arm in group.students:
            ap = arm.mean("AP")
            if ap is not None and arm.days[model] > 0:
                key = (arm.arm.name, None if arm.arm.name == ORACLE else group.mix)
                points[key] = CostPoint(arm.arm.name, arm.arm.title, arm.days[model], ap, arm.spread("AP"))
    told = "; ".join(f"{p.title} {p.ap:.1f} AP for {words.days(p.days)} days" for p in points.values())
    svg = figures.cost_figure(list(points.values()), f"cost-{model}-{dataset}", COST_MODELS[model]) if points else ""
    return Picture(
        svg,
        f"Mask AP against label cost by {COST_MODELS[model]}: {told}.",
        f"Mask AP against label cost, by {COST_MODELS[model]}; logarithmic.",
    )


def _mix_picture(dataset: str, groups: Sequence[Group]) -> Picture:
    """AP of each arm over the mixes."""
    lines: dict[str, dict[float, tuple[float, float, float | None]]] = {}
    titles = {}
    for group in groups:
        for name, arm in group.arms.items():
            if (ap := arm.mean("AP")) is not None:
                percent = 100.0 if name == ORACLE else group.full_percent
                lines.setdefault(name, {})[percent] = (percent, ap, arm.spread("AP"))
                titles[name] = arm.arm.title
    told = "; ".join(
        f"{titles[name]} " + ", ".join(f"{p:g} %: {ap:.1f}" for p, ap, _ in points.values())
        for name, points in lines.items()
    )
    svg = figures.mix_figure({name: list(points.values()) for name, points in lines.items()}, titles, f"mix-{dataset}")
    return Picture(
        svg, f"Mask AP over the share of masked images. {told}.", f"{dataset}: mask AP over the share of masked images."
    )


def study_manifests(plan: Plan, results: Path) -> dict[Path, dict[str, Any]]:
    """Every manifest of the first seed of each data set, mix and variant, and of the data sets, in order of path."""
    folders: dict[tuple[str, str, str], Path] = {}
    for row in plan.rows:
        folders.setdefault((row.dataset, row.mix, row.variant), Path(row.run))
    found = [path for folder in folders.values() for path in sorted(folder.rglob("*manifest.json"))]
    names = dict.fromkeys(row.dataset for row in plan.rows)
    found = [path for name in names for path in sorted((results / name).glob("*manifest.json"))] + found
    return {path: read_manifest(path) for path in found}


@dataclass(frozen=True)
class StageSettings:
    """What the page shows of one manifest."""

    path: str
    stage: str
    code: str
    duration: str
    settings: str
    counts: str


def _settings_of(path: Path, content: Mapping[str, Any]) -> StageSettings:
    return StageSettings(
        path=path.as_posix(),
        stage=content["stage"],
        code=content["code"][:CODE_DIGITS],
        duration=_duration(content["duration"]),
        settings=json.dumps(content["settings"], indent=1, ensure_ascii=False),
        counts=", ".join(f"{key} {value}" for key, value in content["counts"].items()),
    )


def _duration(seconds: float) -> str:
    """Seconds in the unit a person would choose."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _versions(manifests: Any) -> dict[str, str]:
    """Package -> every version that wrote something in this study."""
    found: dict[str, set[str]] = {}
    for content in manifests:
        for name, version in content["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _cost_stages(settings: ReportSettings) -> list[tuple[str, str, str, str]]:
    """The two cost models, stage by stage, for the table of seconds: stage, what, PointWSSIS, Cheng et al."""
    cost = settings.cost
    known = "dropped: the categories are known" if cost.categories_known else ""
    return [
        ("category", "naming what is in the image", known or f"{cost.absent_class:g} s per absent class",
         known or f"{cost.cheng_category:g} s per object, and once per image without objects"),
        ("spotting", "finding each object", "within the label", f"{cost.cheng_spotting:g} s per object"),
        ("mask", "drawing it", f"{cost.mask:g} s per object", f"{cost.cheng_mask:g} s per object"),
        ("point", "clicking on it",
         f"{cost.point_first:g} s for the first of a class in an image, {cost.point_more:g} s for each further",
         f"{cost.cheng_point:g} s per object"),
    ]  # fmt: skip
