"""Settings of half-labelled data sets: the mix `given` is theirs alone, and no arm may need hidden masks."""

import json
import re
from typing import Any

import pytest

from wssis.arms.registry import arms
from wssis.config import locations
from wssis.config.files import read_study
from wssis.config.half_labelled import GIVEN_MIX
from wssis.config.locations import data_set_folder, image_folder, missing_data
from wssis.config.merging import merged
from wssis.config.network import WEIGHT_SUFFIXES
from wssis.config.plan import mixes_of, plan_rows
from wssis.config.resolve import resolve
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError

CELLS = {
    "kind": "half-labelled", "full_annotations": "labels/full.json", "weak_annotations": "labels/weak.json",
    "full_images": "images", "weak_images": "images",
}  # fmt: skip
CARS = {"kind": "coco", "train_annotations": "a", "val_annotations": "b", "train_images": "c", "val_images": "d"}
STUDY: dict[str, Any] = {
    "study": "test",
    "run": {"datasets": ["cells"], "mixes": ["given"], "seeds": ["s0"], "arms": ["supervised", "rough", "wssis"]},
    "datasets": {"cells": CELLS, "cars": CARS},
}
GIVEN_VAL = {"val_annotations": "labels/val.json", "val_images": "val"}
UNLABELLED = {"unlabelled": "labels/rest.json", "unlabelled_images": "rest"}
WITHOUT_TRUTH = [
    name
    for name, arm in arms().items()
    if arm.mix == "each" and arm.pseudo != "hidden" and "points10" not in arm.pays
]


def _study(run: dict[str, Any] | None = None, cells: dict[str, Any] | None = None, **changes: Any) -> Study:
    return validate_study(merged(STUDY, {"run": run or {}, "datasets": {"cells": cells or {}}, **changes}))


def _refusal(*arguments: Any, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        _study(*arguments, **changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": {"mixes": ["10pct"]}}, "run.mixes: cells: half-labelled, so the files are the mix; list given"),
        ({"run": {"mixes": ["given", "10pct"]}}, "run.mixes: '10pct' hides masks, and cells has none to hide"),
        ({"run": {"datasets": ["cars"]}}, "'given' is the mix of half-labelled data sets, and run.datasets lists none"),
        ({"run": {"datasets": ["cells", "cars"]}}, "run.mixes: cars needs a mix such as 10pct beside given"),
        ({"run": {"arms": ["wssis", "oracle"]}}, "run.arms: 'oracle' needs masks on all training images, and"),
        ({"run": {"arms": ["oracle-mask"]}}, "run.arms: 'oracle-mask' needs the hidden masks of the clicked objects"),
        ({"mixes": {"given": {"full": 50, "point": 50}}}, "mixes.given: this name stands for the files of a half-"),
        ({"cells": {"unlabelled": "rest.json"}}, "unlabelled needs unlabelled_images, the folder of its images"),
        ({"cells": {"val_annotations": "val.json"}}, "val_annotations needs val_images, the folder of its images"),
        ({"cells": {"val_share": 0.0}}, "datasets.cells.val_share: 0.0 is not legal"),
        ({"cells": {"weak_anotations": "x"}}, "datasets.cells.weak_anotations: unknown key (did you mean weak_annot"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    assert message in _refusal(**changes)


def test_all_problems_of_a_run_at_once() -> None:
    text = _refusal({"mixes": ["10pct"], "arms": ["oracle", "oracle-mask"]})
    assert text.startswith("4 problems") and "'oracle'" in text and "'oracle-mask'" in text


def test_every_other_arm_is_legal_and_has_no_quality_table() -> None:
    rows = plan_rows(_study({"arms": WITHOUT_TRUTH}))
    assert {row.arm for row in rows} == {"teacher", *WITHOUT_TRUTH}
    assert {row.mix for row in rows} == {GIVEN_MIX}
    assert {row.quality for row in rows} == {row.full_percent for row in rows} == {None}
    shown = {row.arm: row.shown for row in rows if row.shown}
    assert set(shown) == {"rough", "semi", "wssis", "wssis-2"}
    assert shown["wssis"] == "results/test/cells/given/s0/base/quality/wssis.shown.json"


def test_beside_a_data_set_of_another_kind() -> None:
    study = _study({"datasets": ["cells", "cars"], "mixes": ["given", "10pct"]})
    assert mixes_of(study, "cells") == ("given",) and mixes_of(study, "cars") == ("10pct",)
    assert {(row.dataset, row.mix) for row in plan_rows(study)} == {("cells", "given"), ("cars", "10pct")}
    assert {bool(row.quality) for row in plan_rows(study) if row.arm == "wssis" and row.dataset == "cars"} == {True}


def test_by_mix_may_name_it() -> None:
    study = _study(teacher={"by_mix": {"given": {"schedule": {"iterations": 700, "steps": []}, "snapshots": [5, 7]}}})
    assert resolve(study, "teacher", mix="given", seed="s0").schedule.iterations == 700


def test_given_points_were_clicked_inside_whatever_simulated_ones_are() -> None:
    study = _study(proposals={"selection": "consistent"}, refiner={"pairs": "crossfit"})
    sides = {side: resolve(study, "proposals", mix="given", seed="s0", side=side) for side in ("weak", "full")}
    assert {side: one.own_point_inside for side, one in sides.items()} == {"weak": True, "full": False}


def test_settings_of_what_is_held_out() -> None:
    held_out = resolve(_study(cells={"val_share": 0.3, "val_seed": 4}), "take_given", dataset="cells")
    assert (held_out.val_share, held_out.val_seed, held_out.group_key) == (0.3, 4, None)
    groups = _study(split={"method": "group", "group_key": "video"})
    assert resolve(groups, "take_given", dataset="cells").group_key == "video"
    given = resolve(_study(cells=GIVEN_VAL | {"val_share": 0.3, "val_seed": 4}), "take_given", dataset="cells")
    assert given == resolve(_study(cells=GIVEN_VAL), "take_given", dataset="cells"), "what is not used is no setting"


def test_image_folders() -> None:
    study = _study()
    assert image_folder(study, "cells", "train") == image_folder(study, "cells", "val") == "images"
    study = _study(cells={"weak_images": "clicks", **UNLABELLED, **GIVEN_VAL})
    assert image_folder(study, "cells", "train") == "images:clicks:rest"
    assert image_folder(study, "cells", "val") == "val"


def test_missing_data_are_named_by_their_keys(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(missing_data(_study(cells=UNLABELLED | GIVEN_VAL)))
    for key in (*CELLS, *UNLABELLED, *GIVEN_VAL):
        assert key == "kind" or f"datasets.cells.{key}" in lines
    assert "missing: images (datasets.cells.full_images, datasets.cells.weak_images)" in lines
    assert "val_images" not in "\n".join(missing_data(_study()))


def test_a_path_corrected_after_preparing_is_looked_at_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the checked annotations were made from may go; another file that is not there is a mistake."""
    monkeypatch.chdir(tmp_path)
    study = _study()
    folder = tmp_path / data_set_folder(study, "cells")
    folder.mkdir(parents=True)
    for name in ("train.json", "val.json"):
        (folder / name).write_text("{}")
    given = {key: {"path": CELLS[key], "sha256": "0"} for key in ("full_annotations", "weak_annotations")}
    (folder / "prepare.manifest.json").write_text(json.dumps({"inputs": given}))
    assert "annotations" not in "\n".join(missing_data(study))
    lines = "\n".join(missing_data(_study(cells={"weak_annotations": "waek.json"})))
    assert "missing: waek.json (datasets.cells.weak_annotations)" in lines and "full_annotations" not in lines
    (folder / "prepare.manifest.json").write_text("[")
    assert "datasets.cells.full_annotations" in "\n".join(missing_data(study))


def test_missing_weights_of_fold_teachers_are_named(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An imported teacher needs no backbone weights, the fold teachers that stand in for it do."""
    monkeypatch.chdir(tmp_path)
    teacher = {"checkpoint": "teacher.safetensors", "network": {"backbone": {"weights": "r50.pth"}}}
    lines = "\n".join(missing_data(_study(teacher=teacher, refiner={"pairs": "crossfit"})))
    assert "missing: teacher.safetensors (teacher)" in lines and "missing: r50.pth (teacher)" in lines
    assert "r50.pth" not in "\n".join(missing_data(_study(teacher=teacher, refiner={"pairs": "corrupt"})))


def test_an_evaluator_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    study = _study(evaluate={"evaluator": "hotcoco"})
    assert "hotcoco" not in "\n".join(missing_data(study))
    monkeypatch.setattr(locations, "find_spec", lambda name: None)
    assert missing_data(study)[-1] == (
        "missing: the package hotcoco (evaluate.evaluator): pip install 'wssis[hotcoco]', or set pycocotools"
    )


@pytest.mark.parametrize(
    ("dataset", "what"),
    [({"title": "x"}, "datasets.cells: its key kind is missing: one of 'coco', 'shapes', 'half-labelled'"),
     ({"kind": "cocco"}, "kind: 'cocco' is not legal: one of 'coco', 'shapes', 'half-labelled'")],
)  # fmt: skip
def test_a_data_set_of_no_kind(tmp_path, dataset: dict[str, str], what: str) -> None:
    config, mine = tmp_path / "config.yaml", tmp_path / "mine.yaml"
    config.write_text(json.dumps({**STUDY, "datasets": {}}))
    mine.write_text(json.dumps({"datasets": {"cells": dataset}}))
    with pytest.raises(InputError, match=re.escape(what)):
        read_study(config, [mine])


def test_weights_of_another_kind_of_file_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"'A\.log' is not legal: none, imagenet, or a file that ends in"):
        _study(teacher={"network": {"backbone": {"weights": "A.log"}}})


@pytest.mark.parametrize("suffix", WEIGHT_SUFFIXES)
def test_every_kind_of_file_of_weights_that_can_be_read_is_legal(suffix: str) -> None:
    backbone = {"weights": f"weights/A{suffix}"}
    assert _study(teacher={"network": {"backbone": backbone}}).teacher.network.backbone.weights == backbone["weights"]
