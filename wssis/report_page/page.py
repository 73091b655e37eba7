"""The page and the gallery, self-contained HTML files that fetch nothing, and the tables that lie beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

from wssis.config.report import ReportSettings
from wssis.formats.manifest import read_manifest
from wssis.formats.remark import by_kind
from wssis.formats.warnings_file import read_warnings
from wssis.report_page import gallery, sections, words
from wssis.report_page.ap_samples import ApSamples
from wssis.report_page.cautions import cautions
from wssis.report_page.compare import Comparison
from wssis.report_page.cost_stages import cost_stages
from wssis.report_page.costs import CostSection, cost_section
from wssis.report_page.curves import Curves
from wssis.report_page.filters import Address, iou_ranges
from wssis.report_page.gallery import GalleryGroup, gallery_groups
from wssis.report_page.given import given_masks
from wssis.report_page.instances import address_in, with_addresses, with_predictions
from wssis.report_page.mixes import mix_picture, mix_table
from wssis.report_page.pictures import LEAST_SCORE, ShownImage, shown_images
from wssis.report_page.plan import BASE, TEACHER, Plan
from wssis.report_page.published import published_table
from wssis.report_page.quality import mask_quality
from wssis.report_page.results import BOX_BASELINE, Group
from wssis.report_page.stages import stage_settings, stage_table, study_manifests, versions
from wssis.report_page.tables import Table
from wssis.report_page.training import curve_pictures, imported_refiner
from wssis.report_page.variants import variant_table

INDEX_TEMPLATE = "page.html.j2"
GALLERY_TEMPLATE = "gallery.html.j2"


class PackageLoader(BaseLoader):
    """Templates and styles from this package, also when it is installed as a zip file."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        """Text of a template by its file name."""
        source = files("wssis.report_page") / template
        if not source.is_file():
            raise TemplateNotFound(template)
        return source.read_text(encoding="utf-8"), None, None


@dataclass(frozen=True)
class Rendered:
    """Everything there is to write: two pages, and the tables that the first one shows."""

    index: str
    gallery: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Story:
    """What there is to tell: groups with their comparisons and curves, and where the study's files are.

    Attributes:
        comparisons: by the key of each group. samples: AP of every network. results: folder of the study.
        image_dirs: training images by data set, for the pictures.
    """

    settings: ReportSettings
    plan: Plan
    groups: Sequence[Group]
    comparisons: Mapping[str, Comparison]
    curves: Sequence[Curves]
    samples: ApSamples
    results: Path
    image_dirs: Mapping[str, Path]
    tables: list[Table] = field(default_factory=list)

    def keep(self, table: Table | None) -> Table | None:
        """Note a table that is shown, so that it is written as a file, too."""
        if table is not None:
            self.tables.append(table)
        return table


def render(story: Story) -> Rendered:
    """Both pages."""
    environment = Environment(
        loader=PackageLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    settings, plan, groups = story.settings, story.plan, story.groups
    galleries = gallery_groups(groups, story.image_dirs, settings.gallery)
    manifests = study_manifests(plan, story.results)
    names = list(dict.fromkeys(group.dataset for group in groups))
    index = environment.get_template(INDEX_TEMPLATE).render(
        title=settings.title,
        study=plan.study,
        settings=settings,
        datasets=[_dataset(name, story, galleries) for name in names],
        groups=[_group(group, story, galleries) for group in groups],
        arms=_arms(story),
        costs=[(curves, _cost(curves, story)) for curves in _of_base(story.curves)],
        cost_stages=story.keep(cost_stages(settings.cost, any("points10" in arm.pays for arm in plan.arms))),
        gallery=galleries,
        networks=len(plan.rows),
        stages=story.keep(stage_table(manifests)),
        manifests=stage_settings(manifests),
        versions=versions(manifests),
        tables=story.tables,
    )
    shown = environment.get_template(GALLERY_TEMPLATE).render(
        study=plan.study,
        groups=galleries,
        images=[image for one in galleries for image in one.images],
        classes=sorted({name for one in galleries for name in one.classes}),
        ranges=list(iou_ranges()),
        layers=gallery.layers_of(galleries),
        statuses=gallery.STATUSES,
        scores=LEAST_SCORE,
    )
    return Rendered(index, shown, tuple(story.tables))


def _arms(story: Story) -> list[dict[str, Any]]:
    """Every arm of the plan in words, the teacher first where there is one."""
    there = dict.fromkeys(row.arm for row in story.plan.rows)
    order = [TEACHER, *(arm.name for arm in story.plan.arms)]
    arms = [story.plan.arm(name) for name in order if name in there]
    return [{"arm": arm, "not_paid": words.not_paid(arm)} for arm in arms]


def _group(group: Group, story: Story, galleries: Sequence[GalleryGroup]) -> dict[str, Any]:
    comparison = story.comparisons[group.key]
    own = next((one for one in galleries if one.key == group.key), None)
    link = address_in(own)
    quality = mask_quality(group, link, None if own is None else own.arm)
    if quality is not None:
        story.keep(quality.table)
        story.keep(quality.labels)
    given = given_masks(group, story.settings.cost)
    if given is not None:
        story.keep(given.table)
    shown = {name: address for name in (own.classes if own else ()) if (address := link({"class": name}))}
    return {
        "key": group.key,
        "name": group.name,
        "answer": words.headline(group, comparison),
        "baseline": group.baseline,
        "box_baseline": group.arms.get(BOX_BASELINE),
        "supervised": [name for name in group.arms if name.startswith("supervised")],
        "teacher": TEACHER in group.arms,
        "table": story.keep(sections.arm_table(group, comparison)),
        "ap": with_predictions(sections.ap_picture(group, comparison), [group], galleries),
        "differences": story.keep(sections.difference_table(group, comparison)),
        "difference_picture": with_predictions(sections.difference_picture(group, comparison), [group], galleries),
        "gaps": story.keep(sections.gap_table(group, comparison)),
        "accounts": sections.accounts_of(group, story.plan, story.results),
        "quality": quality,
        "given": given,
        "pictures": _pictures(group, story, link),
        "gallery": None if own is None or not own.images else link({}),
        "unmasked": link({"status": "unmasked"}),
        "fallback": link({"status": "fallback"}),
        "curves": curve_pictures(group),
        "by_seed": story.keep(sections.seed_table(group, comparison)),
        "classes": story.keep(sections.class_table(group, shown)),
        "strategies": sorted({r.points for arm in group.arms.values() for r in arm.seeds.values()} - {"none"}),
        "imported": [arm.arm.title for arm in group.arms.values() if _imported(arm)],
        "imported_refiner": imported_refiner(group),
        "pretrained": sorted({_weights(arm) for arm in group.arms.values()} - {"none"}),
    }


def _imported(arm: Any) -> bool:
    return any(result.iterations is None for result in arm.seeds.values())


def _weights(arm: Any) -> str:
    """Weights that the arm's backbone starts from."""
    return next(iter(arm.seeds.values())).manifest["settings"]["network"]["backbone"]["weights"]


def _pictures(group: Group, story: Story, address: Address) -> tuple[str, str, list[ShownImage]] | None:
    """Whose masks are shown, the rule by which images were chosen, and the images; None where no arm has any.

    One group per data set is enough: the others have their gallery.
    """
    arm = gallery.gallery_arm(group)
    if arm is None or group is not next(g for g in story.groups if g.dataset == group.dataset):
        return None
    result = next(iter(arm.seeds.values()))
    title = {"refined": "Refined masks", "rough": "Rough masks"}.get(arm.arm.pseudo, f"Masks of {arm.arm.title}")
    rule, images = shown_images(*gallery.shown_files(result.row), story.image_dirs[group.dataset], title)
    return f"{arm.arm.title}, seed {result.row.seed}", rule, with_addresses(images, address)


def _dataset(name: str, story: Story, galleries: Sequence[GalleryGroup]) -> dict[str, Any]:
    """What is told of a data set as a whole: the answer and its figure, AP over the mixes, published results."""
    own = [group for group in story.groups if group.dataset == name]
    base = [group for group in own if group.variant == BASE] or own
    several = len({group.mix for group in base}) > 1
    images = read_manifest(story.results / name / "images.csv.manifest.json")["counts"]
    prepared = read_manifest(story.results / name / "prepare.manifest.json")["counts"]
    first = story.comparisons[base[0].key]
    picture = mix_picture(base, story.comparisons) if several else sections.ap_picture(base[0], first)
    return {
        "name": name,
        "answer": words.answer(base, story.comparisons),
        "cautions": cautions(base, prepared),
        "picture": with_predictions(picture, base if several else base[:1], galleries),
        "mixes": story.keep(mix_table(base)) if several else None,
        "variants": story.keep(variant_table(own, story.samples)),
        "counts": {key: words.count(value) for key, value in prepared.items()},
        "duplicates": images.get("train_images_in_val", 0),
        "warnings": by_kind(read_warnings(story.results / name / "data_warnings.json")),
        "published": story.keep(published_table(name, base, story.results / name / "val.json")),
        "held_out": prepared.get("held_out_images", 0),
        "oracle": any(arm.shared for group in own for arm in group.arms.values()),
    }


def _of_base(curves: Sequence[Curves]) -> list[Curves]:
    """Those of the variant base, where there is one: a sweep changes what labels buy, not what they cost."""
    return [one for one in curves if one.variant == BASE] or list(curves)


def _cost(curves: Curves, story: Story) -> CostSection | None:
    own = [group for group in story.groups if (group.dataset, group.variant) == (curves.dataset, curves.variant)]
    section = cost_section(curves, own, story.settings.cost)
    if section is not None:
        story.keep(section.table)
        story.keep(section.stages)
        for planning in section.planning:
            story.keep(planning.table)
    return section
