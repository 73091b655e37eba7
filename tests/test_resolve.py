"""What each stage is given: its section, overrides of the mix, seeds, threads and the arm's part; nothing else."""

import json
from typing import Any

import pytest

from wssis.arms.registry import arms
from wssis.config import data_stages, mask_stages, segmentor_stages
from wssis.config.merging import merged
from wssis.config.mixes import Mix, parse_shorthand
from wssis.config.resolve import RESOLVERS, full_percent, resolve, settings_json
from wssis.config.study import Study
from wssis.config.validate import validate_study

INJECTED = {
    "Split": {"full_percent", "points10_percent", "unlabelled_percent", "seed"},
    "Points": {"seed"},
    "Segmentor": {"seed"},
    "Teacher": {"seed"},
    "Student": {"seed"},
    "Proposals": {"inference", "pairs", "folds", "fold_seed", "group_key", "corrupt_seed", "own_point_inside"},
    "Crops": {"heatmap_sigma", "heatmap_radius", "rough"},
    "Refiner": {"seed"},
    "Pseudo": {"masks", "threads"},
    "Evaluate": {"inference"},
}
DETECTING = {"evaluate", "predict_shown", "score_thresholds", "confident_labels"}
"""The stages that detect without prompts."""


def study(**changes: Any) -> Study:
    raw = {
        "study": "test",
        "run": {"datasets": ["shapes"], "mixes": ["10pct", "1pct"], "seeds": ["s0"], "arms": list(arms())},
        "datasets": {"shapes": {"kind": "shapes"}},
        "refiner": {"pairs": "crossfit"},  # by which more stages hang together than by the default
    }
    return validate_study(merged(raw, changes))


def given(config: Study, stage: str, **at: Any) -> Any:
    """A stage's settings at shapes/10pct/s3, arm wssis; of box_student, which that arm has none of, arm points10."""
    arm = "points10" if stage == "box_student" else "wssis"
    return resolve(config, stage, **{"dataset": "shapes", "mix": "10pct", "seed": "s3", "arm": arm, "fold": 1} | at)


def everything(config: Study) -> dict[str, str]:
    at_sides = {f"proposals {side}": settings_json(given(config, "proposals", side=side)) for side in ("full", "weak")}
    return {stage: settings_json(given(config, stage)) for stage in RESOLVERS if stage != "proposals"} | at_sides


def changed_by(**changes: Any) -> set[str]:
    """The stages whose settings a change of the configuration reaches."""
    before, after = everything(study()), everything(study(**changes))
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"teacher": {"optimizer": {"lr": 0.5}}}, {"teacher", "fold"}),
        ({"teacher": {"snapshots": [5, 6]}}, {"teacher"}),
        ({"teacher": {"checkpoint": "a.safetensors"}}, {"teacher"}),
        ({"student": {"optimizer": {"lr": 0.5}}}, {"student"}),
        ({"student": {"network": {"sigma": 0.3}}}, {"student"}),
        ({"student": {"dice_weight": 1.0}}, {"student"}),
        ({"teacher": {"dice_weight": 1.0}}, {"teacher", "fold"}),
        ({"refiner": {"optimizer": {"lr": 0.5}}}, {"refiner"}),
        ({"refiner": {"folds": 5}}, {"fold", "proposals full", "score_thresholds", "data_warnings"}),
        ({"refiner": {"pairs": "snapshots"}}, {"proposals full", "data_warnings"}),
        ({"refiner": {"pairs": "corrupt"}}, {"proposals full", "data_warnings"}),
        ({"refiner": {"network": {"heatmap_sigma": 3.0}}}, {"refiner", "crops"}),
        ({"inference": {"nms_sigma": 1.0}}, DETECTING),
        ({"inference": {"nms_iou": 0.4}}, DETECTING),
        ({"inference": {"mask_threshold": 0.4}}, DETECTING | {"proposals full", "proposals weak", "box_pseudo"}),
        ({"box_points": {"points": 5}}, {"box_points"}),
        ({"box_points": {"noise": "boundary"}}, {"box_points"}),
        ({"box_student": {"optimizer": {"lr": 0.5}}}, {"box_student"}),
        ({"points": {"drift": 2.0}}, {"points"}),
        ({"points": {"strategy": "random"}}, {"points"}),
        ({"proposals": {"flip": True}}, {"proposals full", "proposals weak"}),
        ({"proposals": {"rough": "soft"}}, {"proposals full", "proposals weak", "crops"}),
        ({"crops": {"scale": 3.0}}, {"crops"}),
        ({"pseudo": {"flip": True}}, {"pseudo"}),
        ({"quality": {"shown": 1}}, {"quality"}),
        ({"report": {"title": "x"}}, {"report"}),
        ({"prepare": {"zero_area": "drop"}}, {"prepare"}),
        ({"datasets": {"shapes": {"size": 96}}}, {"generate"}),
        ({"seeds": {"split": 9}}, {"split", "points", "box_points"}),
        (
            {"seeds": {"training": 9}},
            {"teacher", "fold", "refiner", "student", "proposals full", "score_thresholds", "box_student"},
        ),
        ({"evaluate": {"max_detections": 7}}, DETECTING | {"data_warnings"}),
        ({"inference": {"candidates": 7}}, DETECTING | {"data_warnings"}),
        ({"semi": {"jitter": 0.9}}, set()),
        ({"run": {"seeds": ["s0", "s1"]}}, set()),
        ({"run": {"arms": ["wssis"]}}, set()),
        ({"study": "renamed"}, set()),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_change_reaches_its_stages_only(changes: dict[str, Any], reached: set[str]) -> None:
    assert changed_by(**changes) == reached


def test_rough_masks_know_nothing_of_refining() -> None:
    changed, base = study(pseudo={"flip": True, "batch": 3}), study()
    for arm, reached in (("rough", False), ("wssis", True)):
        assert (given(changed, "pseudo", arm=arm) != given(base, "pseudo", arm=arm)) == reached


def test_threads_reach_every_stage_that_computes() -> None:
    stages_that_compute = {"teacher", "fold", "proposals full", "proposals weak", "refiner", "pseudo", "student"}
    assert changed_by(threads=1) == stages_that_compute | DETECTING | {"box_student", "box_pseudo"}


def test_seeds() -> None:
    config = study()
    for stage in ("split", "points", "teacher", "fold", "refiner", "student"):
        assert given(config, stage).seed == 3
    assert given(config, "proposals", side="full").fold_seed == given(config, "fold").seed
    held = study(seeds={"split": 0, "training": None})
    assert (given(held, "split").seed, given(held, "points").seed, given(held, "teacher").seed) == (0, 0, 3)


def test_the_points_may_have_a_seed_of_their_own() -> None:
    config = study(box_points={"seed": 7})
    assert (given(config, "box_points").seed, given(config, "split").seed) == (7, 3)
    assert given(study(), "box_points").seed == 3


def test_boxes_stand_on_the_images_of_a_mix_that_are_for_them_or_else_on_those_with_points() -> None:
    mixes = {"both": {"full": 10, "point": 45, "points10": 45}, "boxes": {"full": 0, "points10": 100}}
    config = study(mixes=mixes)
    kinds = [given(config, "box_points", mix=mix).label_kind for mix in ("10pct", "both", "boxes")]
    assert kinds == ["point", "points10", "points10"]
    split = given(config, "split", mix="boxes")
    assert (split.full_percent, split.points10_percent, split.unlabelled_percent) == (0, 100, 0)
    assert "points10_percent" not in settings_json(given(config, "split"))


def test_box_students_differ_in_the_mask_branch_alone() -> None:
    config = study()
    names = ("points10", "points10-implicit", "mask-rcnn-supervised")
    plain, implicit, supervised = (given(config, "box_student", arm=arm) for arm in names)
    assert plain == supervised == given(config, "box_student", arm="mask-rcnn-oracle", mix="100pct")
    assert implicit.network.kind == "implicit-pointrend"
    assert implicit.model_copy(update={"network": plain.network}) == plain


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"network": {"parameter_head": "coarse-mask"}}, {"points10-implicit"}),
        ({"network": {"point_head": "published"}}, {"points10-implicit"}),
        ({"network": {"mask_convs": 1}}, {"points10", "mask-rcnn-supervised"}),
        ({"supervision": {"point_share": 1.0}}, {"points10", "points10-implicit"}),
    ],
)
def test_a_key_reaches_the_box_students_that_read_it(changes: dict[str, Any], reached: set[str]) -> None:
    names = ("points10", "points10-implicit", "mask-rcnn-supervised")
    before, after = study(), study(box_student=changes)
    assert {n for n in names if given(before, "box_student", arm=n) != given(after, "box_student", arm=n)} == reached


def test_overrides_by_mix() -> None:
    short = {"schedule": {"iterations": 50, "warmup": 5, "steps": [30]}, "snapshots": [20, 50]}
    config = study(teacher={"by_mix": {"1pct": short}})
    assert given(config, "teacher", mix="10pct") == given(study(), "teacher", mix="10pct")
    at_one = given(config, "teacher", mix="1pct")
    assert (at_one.schedule.iterations, at_one.snapshots, at_one.schedule.gamma) == (50, (20, 50), 0.1)
    assert given(config, "fold", mix="1pct").schedule == at_one.schedule


@pytest.mark.parametrize(("iterations", "steps"), [(500, (300, 500)), (50, (30, 50)), (2, (1, 2))])
def test_snapshots_follow_from_the_length_where_none_are_given(iterations: int, steps: tuple[int, int]) -> None:
    config = study(teacher={"schedule": {"iterations": iterations, "warmup": 1, "steps": []}})
    assert given(config, "teacher").snapshots == steps


def test_split_of_a_mix() -> None:
    config = study(mixes={"third": {"full": 30, "point": 50, "unlabelled": 20}})
    split = given(config, "split", mix="third")
    assert (split.full_percent, split.unlabelled_percent) == (30, 20)
    assert given(config, "split", mix="100pct").full_percent == 100
    listed = study(split={"method": "files", "full_ids": "a.txt"})
    assert given(listed, "split", mix="10pct").full_ids == "a.txt"
    oracle = given(listed, "split", mix="100pct")
    assert (oracle.method, oracle.full_ids, oracle.full_percent) == ("random", None, 100)
    assert [full_percent(config, mix) for mix in ("third", "0.5pct", "100pct")] == [30, 0.5, 100]
    assert parse_shorthand("0.5pct") == Mix(full=0.5, point=99.5)


@pytest.mark.parametrize("mix", ["10pct", "1pct"])
def test_students_share_all_but_the_length(mix: str) -> None:
    config = study()
    students = {arm: given(config, "student", mix=mix, arm=arm) for arm in ("supervised", "rough", "wssis")}
    students["oracle"] = given(config, "student", mix="100pct", arm="oracle")
    assert len({settings_json(student) for student in students.values()}) == 1
    short = given(config, "student", mix=mix, arm="supervised-short")
    assert (short.schedule.iterations, short.schedule.steps) == (250, (175, 225))
    assert short.model_copy(update={"schedule": students["wssis"].schedule}) == students["wssis"]


def test_pseudo_masks_are_the_arms() -> None:
    assert given(study(), "pseudo", arm="rough").masks == "rough"
    assert given(study(), "pseudo", arm="wssis").masks == "refined"


def test_later_keys_at_their_defaults_are_not_in_the_json() -> None:
    """What was run before a key existed has the same settings, to the letter, and does not run again."""
    assert "corrupt_seed" not in settings_json(given(study(), "proposals", side="full"))
    corrupt = given(study(refiner={"pairs": "corrupt"}), "proposals", side="full")
    assert (corrupt.pairs, corrupt.corrupt_seed) == ("corrupt", 3)
    assert '"corrupt_seed":3' in settings_json(corrupt)


def test_consistent_masks_hold_their_own_point_unless_it_is_a_centroid() -> None:
    consistent = {"selection": "consistent"}
    for strategy, inside in (("centroid", False), ("interior", True), ("random", True)):
        config = study(proposals=consistent, points={"strategy": strategy})
        assert given(config, "proposals", side="weak").own_point_inside is inside


def test_rough_masks_have_no_probability_to_be_unsure_of() -> None:
    config = study(pseudo={"ignore_band": 0.1})
    assert given(config, "pseudo", arm="wssis").ignore_band == 0.1
    assert given(config, "pseudo", arm="rough") == given(study(), "pseudo", arm="rough")


def test_corrupt_pairs_follow_from_masks_and_seed_alone() -> None:
    corrupt = {"pairs": "corrupt"}
    other = study(refiner=corrupt, inference={"mask_threshold": 0.4}, proposals={"filter": "published"})
    assert given(other, "proposals", side="full") == given(study(refiner=corrupt), "proposals", side="full")


def test_settings_json_is_compact_sorted_and_read_back() -> None:
    text = settings_json(given(study(), "points"))
    assert text == '{"drift":0.0,"seed":3,"strategy":"centroid"}'
    for stage in RESOLVERS:
        settings = given(study(), stage)
        assert type(settings).model_validate_json(settings_json(settings)) == settings
        assert json.loads(settings_json(settings)) == settings.model_dump(mode="json")


@pytest.mark.parametrize("name", INJECTED)
def test_only_the_resolver_adds_to_a_section(name: str) -> None:
    classes = vars(data_stages) | vars(segmentor_stages) | vars(mask_stages)
    section, settings = (classes[f"{name}{kind}"].model_fields for kind in ("Section", "Settings"))
    assert set(settings) - set(section) == INJECTED[name]
    assert set(section) <= set(settings)


@pytest.mark.parametrize(
    ("stage", "at", "message"),
    [
        ("teachers", {}, "unknown stage 'teachers'"),
        ("teacher", {"variant": "x"}, "unknown variant 'x'"),
        ("teacher", {"seed": None}, "needs a seed"),
        ("student", {"arm": None}, "needs an arm"),
        ("fold", {"fold": None}, "needs a fold"),
    ],
)
def test_missing_coordinates(stage: str, at: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given(study(), stage, **at)
