"""Bad settings are refused before anything runs, each by its key and with what is legal."""

import copy
import subprocess
import sys
from typing import Any

import pytest

from wssis.config.merging import merged
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError

SMALLEST: dict[str, Any] = {
    "study": "test",
    "run": {"datasets": ["shapes"], "mixes": ["10pct"], "seeds": ["s0"], "arms": ["wssis", "oracle"]},
    "datasets": {"shapes": {"kind": "shapes"}},
}
COCO = {"kind": "coco", "train_annotations": "a", "val_annotations": "b", "train_images": "c", "val_images": "d"}


def study(**changes: Any) -> Study:
    return validate_study(merged(SMALLEST, changes))


def refusal(**changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        study(**changes)
    return str(caught.value)


def test_the_smallest_study_is_legal() -> None:
    assert study().run.variants == ("base",)


def test_random_weights_are_legal_where_all_is_trained_or_a_checkpoint_takes_their_place() -> None:
    trained = {"weights": "none", "norm": "batch", "frozen_stages": 0}
    assert study(refiner={"network": {"backbone": trained}})
    assert study(refiner={"network": {"backbone": {"weights": "none", "frozen_stages": 2}}, "checkpoint": "r.pth"})


REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"crop": {}}, ("crop: unknown key (did you mean crops?)", "legal keys: box_points, box_student, crops, datasets")),
    (
        {"teacher": {"schedule": {"iteration": 3}}},
        ("teacher.schedule.iteration: unknown key (did you mean iterations?)", "legal keys: decay, gamma, iterations"),
    ),
    ({"teacher": {"seed": 3}}, ("teacher.seed: unknown key",)),
    ({"student": {"by_mix": {}}}, ("student.by_mix: unknown key",)),
    ({"student": {"schedule": {"iterations": "many"}}}, ("student.schedule.iterations: 'many'", "valid integer")),
    ({"student": {"schedule": {"iterations": "500"}}}, ("student.schedule.iterations: '500'", "valid integer")),
    ({"threads": True}, ("threads: True", "valid integer")),
    ({"proposals": {"filter": "mine"}}, ("proposals.filter: 'mine'", "'ours' or 'published'")),
    ({"refiner": {"network": {"inputs": "none"}}}, ("refiner.network.inputs: 'none'", "'all', 'rough', 'points' or")),
    (
        {"refiner": {"network": {"class_channel": "published", "point_maps": "shared"}}},
        ("refiner.network: class_channel published needs point_maps class",),
    ),
    (
        {"refiner": {"network": {"inputs": "image", "rough_prior": 2.0}}},
        ("refiner.network: inputs image shows no rough mask to lean to",),
    ),
    ({"pseudo": {"ignore_band": 0.5}}, ("pseudo.ignore_band: 0.5", "less than 0.5")),
    ({"student": {"mask_weight": "score"}}, ("student.mask_weight: 'score'", "'none' or 'quality'")),
    ({"student": {"full_share": 1.0}}, ("student.full_share: 1.0", "less than 1")),
    ({"proposals": {"selection": "best"}}, ("proposals.selection: 'best'", "'published', 'consistent' or 'vote'")),
    ({"proposals": {"overlap": "none"}}, ("proposals.overlap: 'none'", "'keep' or 'exclusive'")),
    (
        {"proposals": {"filter": "published", "flip": True}},
        ("proposals: filter published goes with selection published, overlap keep, flip false and rough binary",),
    ),
    ({"proposals": {"rough": "grey"}}, ("proposals.rough: 'grey'", "'binary' or 'soft'")),
    (
        {"proposals": {"rough": "soft"}, "refiner": {"pairs": "corrupt"}},
        ("proposals.rough soft needs refiner.pairs crossfit or snapshots",),
    ),
    ({"refiner": {"pairs": "mine"}}, ("refiner.pairs: 'mine'", "'crossfit', 'snapshots' or 'corrupt'")),
    ({"semi": {"hue": 0.7}}, ("semi.hue: 0.7", "less than or equal to 0.5")),
    ({"crops": {"size": 100}}, ("crops.size: ", "multiple of 32 (32, 64, 96, ...), not 100")),
    ({"teacher": {"snapshots": [600, 1200]}}, ("teacher: snapshots [600, 1200] must lie in 1 ... iterations (1000)",)),
    ({"student": {"schedule": {"steps": [700, 1000]}}}, ("student.schedule: steps [700, 1000]", "iterations (1000)")),
    ({"student": {"schedule": {"warmup": 1000}}}, ("student.schedule: warmup (1000) must be below",)),
    ({"student": {"optimizer": {"lr": float("nan")}}}, ("student.optimizer.lr", "finite")),
    (
        {"refiner": {"network": {"backbone": {"weights": "none", "frozen_stages": 2}}}},
        ("refiner.network.backbone.weights: none leaves nothing worth freezing", "imagenet or a file"),
    ),
    (
        {"student": {"network": {"backbone": {"weights": "none"}}}},
        ("student.network.backbone.weights: none leaves nothing worth freezing", "at 10pct, arm wssis"),
    ),
    (
        {"run": {"arms": ["points10-selftrain"]}, "box_student": {"network": {"backbone": {"weights": "none"}}}},
        ("box_student.network.backbone.weights: none leaves nothing worth freezing", "at 10pct, arm points10]"),
    ),
    ({"run": {"mixes": ["0pct"]}}, ("run.mixes: '0pct'", "0 < NUMBER < 100")),
    ({"run": {"mixes": ["120pct"]}}, ("run.mixes: '120pct'", "0 < NUMBER < 100")),
    ({"run": {"mixes": ["-5pct"]}}, ("run.mixes: unknown mix '-5pct'", "0 < NUMBER < 100")),
    ({"run": {"mixes": ["100pct"]}}, ("run.mixes: '100pct' is reserved for the oracle",)),
    ({"run": {"mixes": ["10.0pct"]}}, ("run.mixes: write 10pct instead of '10.0pct'",)),
    ({"run": {"mixes": ["half"]}}, ("run.mixes: unknown mix 'half'", "a configured mix")),
    ({"run": {"mixes": []}}, ("run.mixes: ", "at least 1 item")),
    (
        {"mixes": {"half": {"full": 0, "point": 100}}, "run": {"mixes": ["half"]}},
        ("run.mixes: 'half' has no images with masks (full: 0), which wssis cannot do without",),
    ),
    (
        {"mixes": {"half": {"full": 0, "points10": 100}}, "run": {"mixes": ["half"], "arms": ["points10", "rough"]}},
        ("(full: 0), which rough cannot do without", "has no points (point: 0), which rough cannot do without"),
    ),
    (
        {"mixes": {"none": {"full": 50, "unlabelled": 50}}, "run": {"mixes": ["none"], "arms": ["points10"]}},
        ("'none' has no boxes with points (points10: 0, point: 0), which points10 cannot do without",),
    ),
    ({"box_points": {"points": 0}}, ("box_points.points: 0", "greater than or equal to 1")),
    ({"mixes": {"half": {"full": 120, "point": 0}}}, ("mixes.half.full: 120", "less than 100")),
    ({"mixes": {"half": {"full": 50, "point": 60}}}, ("mixes.half: full, point, points10 and unlabelled must", "110")),
    ({"mixes": {"10pct": {"full": 10, "point": 90}}}, ("mixes.10pct: ", "pattern")),
    ({"run": {"arms": ["wsis"]}}, ("run.arms: unknown arm 'wsis'", "legal: mask-rcnn-oracle, mask-rcnn-supervised,")),
    ({"run": {"seeds": ["s1", "s1"]}}, ("run.seeds: 's1' is listed twice",)),
    ({"run": {"seeds": ["1"]}}, ("run.seeds[0]: '1'", "pattern")),
    ({"run": {"seeds": ["s01"]}}, ("run.seeds[0]: 's01'",)),
    ({"run": {"variants": ["base", "drift"]}}, ("run.variants: unknown variant 'drift'; legal: base",)),
    ({"run": {"variants": ["v"]}, "variants": {"v": {}}}, ("run.variants: base is missing",)),
    ({"variants": {"base": {}}}, ("variants.base: this name stands for the study's own settings",)),
    ({"variants": {"v": {"crop": {}}}}, ("variants.v.crop: unknown key (did you mean crops?)", "box_student, crops,")),
    ({"variants": {"v": {"run": {"seeds": ["s1"]}}}}, ("variants.v.run: unknown key",)),
    ({"variants": {"v": {"crops": {"size": 100}}}}, ("variants.v.crops.size: ", "multiple of 32")),
    ({"variants": {"v": {"points": {"drif": 1}}}}, ("variants.v.points.drif: unknown key (did you mean drift?)",)),
    ({"variants": {"v": {"crops": {"temporary": True}}}}, ("variants.v.crops.temporary: holds for the whole study",)),
    ({"variants": {"1v": {}}}, ("variants.1v: ", "pattern")),
    (
        {"variants": {"v": {"refiner": {"network": {"backbone": {"weights": "none", "frozen_stages": 2}}}}},
         "run": {"variants": ["base", "v"]}},
        ("refiner.network.backbone.weights: none leaves nothing worth freezing", "[variant v]"),
    ),
    ({"refiner": {"second_round": "again"}}, ("refiner.second_round: 'again'", "'reuse' or 'retrain'")),
    ({"run": {"datasets": ["coco"]}}, ("run.datasets: 'coco' is not defined; defined under datasets: shapes",)),
    ({"run": 3}, ("run: 3", "object")),
    ({"datasets": {"shapes": {"sise": 3}}}, ("datasets.shapes.sise: unknown key (did you mean size?)",)),
    ({"datasets": {"shapes": {"objects": [7, 2]}}}, ("datasets.shapes.objects: needs [low, high]", "[7, 2]")),
    ({"datasets": {"c": {"kind": "voc"}}}, ("datasets.c: ", "'voc'", "'coco', 'shapes'")),
    ({"run": {"seeds": [0]}}, ("run.seeds[0]: 0 is not legal", "(Seeds: s0, s1, ...)")),
    ({"datasets": {"c": {**COCO, "val_annotations": f"./{COCO['train_annotations']}"}}},
     ("datasets.c: train_annotations and val_annotations are the same file", "hold some images out")),
    ({"datasets": {"c": {"kind": "coco"}}}, ("datasets.c.train_images: required key is missing (Folder of the",)),
    ({"datasets": {"a/b": COCO}}, ("datasets.a/b: ", "pattern")),
    ({"datasets": {"report": COCO}}, ("datasets.report: this name is taken",)),
    ({"study": "../elsewhere"}, ("study: '../elsewhere'", "pattern")),
    ({"split": {"method": "files"}}, ("split: method files needs full_ids", "[at 10pct]")),
    ({"split": {"method": "group"}}, ("split: method group needs group_key",)),
    ({"teacher": {"by_mix": {"x": {}}}}, ("teacher.by_mix.x: unknown mix 'x'",)),
    ({"teacher": {"by_mix": {"1pct": {"sigma": 1}}}}, ("teacher.by_mix.1pct.sigma: unknown key",)),
    ({"teacher": {"by_mix": {"1pct": {"by_mix": {}}}}}, ("teacher.by_mix.1pct.by_mix: overrides do not nest",)),
    ({"teacher": {"by_mix": {"1pct": {"optimizer": {"threads": 1}}}}}, ("1pct.optimizer.threads: unknown key",)),
    (
        {"teacher": {"by_mix": {"1pct": {"snapshots": [5, 5000]}}}},
        ("teacher.by_mix.1pct: snapshots [5, 5000] must lie in 1 ... iterations (1000)",),
    ),
    ({"student": {"network": {"grids": [40, 36]}}}, ("student.network.grids: needs 5 grid sizes",)),
    ({"student": {"network": {"backbone": {"name": "resnet99"}}}}, ("student.network.backbone.name: 'resnet99'",)),
    (
        {"student": {"network": {"backbone": {"name": "resnet18", "style": "msra"}}}},
        ("student.network.backbone: style msra exists for resnet50 and resnet101, not for resnet18",),
    ),
    (
        {"student": {"network": {"backbone": {"name": "resnet50", "style": "msra", "weights": "imagenet"}}}},
        ("student.network.backbone: weights imagenet of style msra are only published as a pickle", "give that file's"),
    ),
    (
        {"teacher": {"network": {"backbone": {"norm": "batch"}}}, "refiner": {"pairs": "snapshots"}},
        ("teacher.network.backbone.norm: batch does not go with refiner.pairs: snapshots", "legal with them: frozen"),
    ),
    (
        {"teacher": {"checkpoint": "teacher.safetensors"}, "refiner": {"pairs": "snapshots"}},
        ("refiner.pairs: snapshots needs a teacher that is trained here", "with it: crossfit, corrupt [at 10pct]"),
    ),
]


@pytest.mark.parametrize(("changes", "fragments"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused_by_key_and_legal_values(changes: dict[str, Any], fragments: tuple[str, ...]) -> None:
    message = refusal(**changes)
    for fragment in fragments:
        assert fragment in message
    assert "pydantic" not in message


def test_a_missing_root_key_is_named() -> None:
    raw = copy.deepcopy(SMALLEST)
    del raw["study"]
    with pytest.raises(InputError, match="study: required key is missing"):
        validate_study(raw)


def test_all_problems_are_listed_at_once() -> None:
    message = refusal(run={"arms": ["x"], "mixes": ["0pct"], "seeds": ["s1", "s1"]})
    assert message.startswith("3 problems in the study's settings:\n")


def test_a_mix_without_points_is_refused_where_an_arm_needs_them() -> None:
    mixes = {"mixes": {"bare": {"full": 10, "point": 0, "unlabelled": 90}}, "run": {"mixes": ["bare"]}}
    assert "'bare' has no points (point: 0), which wssis cannot do without" in refusal(**mixes)
    mixes["run"]["arms"] = ["supervised"]
    assert study(**mixes).mixes["bare"].unlabelled == 90


def test_yaml_exponents_are_numbers() -> None:
    """PyYAML reads 1e-3 as text."""
    assert study(student={"optimizer": {"lr": "1e-3"}}).student.optimizer.lr == 0.001


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        study().threads = 3  # type: ignore[misc]


def test_floor_0_imports_neither_torch_nor_numpy() -> None:
    modules = "wssis.config.validate, wssis.config.plan, wssis.config.defaults, wssis.arms.registry, wssis.provenance"
    check = f"import sys, {modules}; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
