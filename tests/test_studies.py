"""config.yaml and every file in studies/, merged as Snakemake merges them."""

import copy
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from snakemake.utils import update_config

from wssis.config import defaults
from wssis.config.jobs import jobs_of
from wssis.config.lineage import Lineage, Place, Product
from wssis.config.resolve import resolve
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
# Percent of full images: steps of the learning rate, iterations, snapshots; in thousands.
PUBLISHED_TEACHER = {
    "1pct": ((5, 8), 10, (5, 10)),
    "2pct": ((15, 20), 25, (10, 20)),
    "5pct": ((20, 25), 30, (15, 25)),
    "10pct": ((35, 40), 45, (30, 40)),
    "20pct": ((90, 110), 120, (70, 100)),
    "30pct": ((120, 150), 160, (100, 130)),
    "50pct": ((210, 250), 270, (180, 240)),
}


def merged_raw(path: Path | None = None) -> dict[str, Any]:
    """config.yaml with a study file laid over it, by Snakemake's own function."""
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    if path is not None:
        update_config(raw, yaml.safe_load(path.read_text()))
    return raw


def study(name: str) -> Study:
    return validate_study(merged_raw(ROOT / "studies" / f"{name}.yaml"))


def test_config_and_schema_agree_with_the_models() -> None:
    difference = defaults.drift(ROOT)
    assert not difference, f"run `python -m wssis.config.defaults --write`:\n{difference}"


def test_drift_is_shown_as_a_diff(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(defaults.render_config().replace("study: default", "study: other"))
    (tmp_path / "config.schema.json").write_text(defaults.render_schema())
    assert "-study: other\n+study: default" in defaults.drift(tmp_path)


def test_every_key_of_config_has_a_comment() -> None:
    lines = [line.strip() for line in (ROOT / "config.yaml").read_text().splitlines()]
    bare = [
        line
        for above, line in pairwise(lines)
        if line and not line.startswith("#") and not above.startswith("#") and line != "shapes:"
    ]
    assert not bare


def test_config_is_the_default_study() -> None:
    assert validate_study(merged_raw()) == validate_study(defaults.DEFAULT_STUDY)


def schema_problems(raw: dict[str, Any]) -> list[str]:
    """What config.schema.json, which editors read, finds wrong."""
    schema = json.loads((ROOT / "config.schema.json").read_text())
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(raw)]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_study_is_legal_and_runs_only_what_it_lists(path: Path) -> None:
    own = yaml.safe_load(path.read_text())
    config = validate_study(merged_raw(path))
    assert config.study == path.stem
    assert list(config.run.datasets) == own["run"]["datasets"]
    assert set(config.run.datasets) <= set(own["datasets"])


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_study_agrees_with_the_schema(path: Path) -> None:
    assert schema_problems(merged_raw(path)) == []


def test_the_schema_refuses_what_is_no_study() -> None:
    raw = merged_raw()
    raw["run"]["seeds"], raw["teachers"] = [], {}
    of_run, of_all = sorted(schema_problems(raw))
    assert of_run.startswith("$.run.seeds: ") and of_all.startswith("$: ") and "'teachers'" in of_all


def test_studies_do_not_share_a_folder() -> None:
    names = [validate_study(merged_raw(path)).study for path in [None, *STUDIES]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mix", PUBLISHED_TEACHER)
def test_coco_has_the_published_teacher_schedules(mix: str) -> None:
    steps, iterations, snapshots = PUBLISHED_TEACHER[mix]
    settings = resolve(study("coco"), "teacher", mix=mix, seed="s2")
    assert settings.schedule.steps == tuple(1000 * step for step in steps)
    assert settings.schedule.iterations == 1000 * iterations
    assert settings.snapshots == tuple(1000 * step for step in snapshots)
    assert (settings.schedule.warmup, settings.optimizer.lr, settings.optimizer.batch) == (3000, 0.05, 16)
    assert settings.network.grids == (80, 64, 32, 24, 12)


def test_coco_has_the_published_student_and_refiner() -> None:
    config = study("coco")
    student = resolve(config, "student", mix="10pct", seed="s0", arm="wssis")
    assert (student.schedule.iterations, student.schedule.steps) == (270_000, (210_000, 250_000))
    assert (student.schedule.warmup, student.optimizer.lr, student.optimizer.name) == (1000, 0.01, "sgd")
    assert student.network.grids == (40, 36, 24, 16, 12)
    assert student.network.scale_ranges[4] == (384, 2048)
    refiner = resolve(config, "refiner", mix="10pct", seed="s0")
    assert (refiner.schedule.iterations, refiner.schedule.warmup, refiner.schedule.decay) == (200_000, 2000, "cosine")
    assert refiner.optimizer.lr * refiner.schedule.gamma == pytest.approx(1e-6)
    assert refiner.network.backbone.frozen_stages == 0


def leaves(settings: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Settings by their dotted keys."""
    found = {}
    for key, value in settings.items():
        found |= leaves(value, *keys, key) if isinstance(value, dict) else {".".join((*keys, key)): value}
    return found


@pytest.mark.parametrize("name", ["coco", "bdd100k"])
def test_published_recipes_take_nothing_from_the_default_study(name: str) -> None:
    """Its networks are small and its augmentation strong; of what is merged below these, no value may be left."""
    own = leaves(yaml.safe_load((ROOT / "studies" / f"{name}.yaml").read_text()))
    recipe = re.compile(
        r"(teacher|refiner|student)\.(network|schedule|optimizer|augmentation)\.|refiner\.(dice|cross)|pseudo\.flip"
    )
    assert [key for key in leaves(merged_raw()) if recipe.match(key) and key not in own] == []


@pytest.mark.parametrize("name", ["coco", "bdd100k"])
def test_published_recipes_are_plain_sgd_and_the_published_refiner(name: str) -> None:
    config = study(name)
    for section in (config.teacher, config.student):
        optimizer = section.optimizer
        assert (optimizer.ema, optimizer.backbone_lr_factor, section.augmentation.jitter) == (None, 1, 0)
    network, seen = config.refiner.network, config.refiner.augmentation
    assert (network.stem, network.point_maps, network.neighbours, network.guide) == ("random", "class", False, False)
    assert (config.refiner.optimizer.ema, seen.rotate, seen.aspect, seen.rough_noise) == (None, 0, 0, 0)
    assert not config.pseudo.flip


def test_merging_replaces_lists_and_keeps_other_keys() -> None:
    raw = copy.deepcopy(merged_raw())
    update_config(raw, {"run": {"seeds": ["s5", "s6"]}, "teacher": {"optimizer": {"lr": 0.5}}})
    config = validate_study(raw)
    assert config.run.seeds == ("s5", "s6")
    assert config.teacher.optimizer.lr == 0.5
    assert config.teacher.optimizer.name == "adamw"


def test_a_data_set_that_is_not_defined_is_refused() -> None:
    raw = merged_raw()
    raw["run"]["datasets"] = ["coco"]
    with pytest.raises(InputError, match=r"run\.datasets: 'coco' is not defined"):
        validate_study(raw)


@pytest.mark.parametrize("name", ["ablations", "improvements"])
def test_a_sweep_trains_one_teacher_per_seed(name: str) -> None:
    config = study(name)
    number = Counter(job.rule for job in jobs_of(config))
    assert set(config.run.variants) == {"base", *config.variants}
    assert (number["train_teacher"], number["train_fold"]) == (len(config.run.seeds), 2 * len(config.run.seeds))
    lineage = Lineage(config)
    student = Product("student", "wssis")
    homes = {lineage.home(student, Place("shapes", "10pct", "s0"), variant) for variant in config.run.variants}
    assert homes == set(config.run.variants), "every variant reaches the student of wssis"


def test_ablations_of_points_in_boxes_train_what_they_reach() -> None:
    config = study("points10-ablations")
    assert set(config.run.variants) == {"base", *config.variants}
    made = {variant: Counter(job.arm for job in jobs_of(config) if job.rule == "train_box_student"
                             and job.variant == variant) for variant in config.run.variants}  # fmt: skip
    assert made["base"] == Counter(["points10", "points10-implicit", "mask-rcnn-oracle"])
    for name in ("large-parameter-head", "without-features", "relative-places", "without-places",
                 "published-point-head"):
        assert made[name] == Counter(["points10-implicit"])
    both = Counter(["points10", "points10-implicit"])
    assert all(made[name] == both for name in ("n1", "n40", "labels-4", "noise-boundary", "all-points"))


def test_ablations_train_no_student_twice() -> None:
    config = study("ablations")
    assert len(config.run.seeds) >= 2
    jobs = jobs_of(config)
    number = Counter(job.rule for job in jobs)
    seeds, variants = len(config.run.seeds), len(config.variants)
    assert number["split"] == 2 * seeds
    # Base has four students; the refiner's variants have one of wssis, those of points and filter one of rough, too.
    assert number["train_student"] == seeds * (4 + variants + 5)
    assert number["points"] == seeds * (1 + 4)
    assert len({job.manifest for job in jobs}) == len(jobs)
    made = {job.variant: {one.rule for one in jobs if one.variant == job.variant} for job in jobs}
    assert made["sigma-1"] == made["sigma-4"] == made["crop-32"]
    assert made["pairs-corrupt"] == made["pairs-snapshots"] == made["crop-32"] - {"crops_weak"} | {"propose_full"}
    assert "propose_weak" in made["drift-2"] and "propose_weak" not in made["without-both"]
