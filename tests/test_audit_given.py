"""wssis audit of half-labelled data: sound files have no findings, and what does not add up is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_fixtures import CATEGORIES, HEIGHT, WIDTH, half_labelled, take_half_labelled
from tampering import edit, faults_of, tamper

from wssis.audit.auditing import audit_study
from wssis.config.half_labelled import GivenSplitSettings
from wssis.config.mask_stages import QualitySettings
from wssis.formats.coco import encode_mask, write_coco
from wssis.formats.manifest import StageRun
from wssis.stages import show_given

CELLS = Path("results/half/cells")
RUN = CELLS / "given/s0/base"
IN_RUN = "cells/given/s0/base"


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study of half-labelled files, as far as its points."""
    monkeypatch.chdir(tmp_path)
    return take_half_labelled(CELLS)


def test_sound_files_have_no_findings(taken: Path) -> None:
    audit = audit_study(taken)
    assert audit.faults == [] and audit.manifests == 4 and audit.read >= 8


@pytest.mark.parametrize(
    ("path", "key", "wrong", "message"),
    [
        (f"{IN_RUN}/weak.json", "annotations", f"{IN_RUN}/weak.json", "1 clicks of train.json are missing: 133"),
        (f"{IN_RUN}/full.json", "annotations", f"{IN_RUN}/full.json", "the full images in train.json are missing: 9"),
        ("cells/train.json", "images", "cells/given.csv", "1 images are not in train.json: 51"),
    ],
)
def test_what_does_not_add_up(taken: Path, path: str, key: str, wrong: str, message: str) -> None:
    tamper(taken, path, lambda coco: coco[key].pop())
    assert message in faults_of(taken)[wrong]


@pytest.mark.parametrize(
    ("manifest", "count"),
    [
        (f"{IN_RUN}/points.manifest.json", "weak_points"),
        ("cells/prepare.manifest.json", "train_objects"),
        ("cells/prepare.manifest.json", "unlabelled_images"),
        ("cells/prepare.manifest.json", "held_out_images"),
    ],
)
def test_edited_counts(taken: Path, manifest: str, count: str) -> None:
    edit(taken / manifest, lambda one: one["counts"].update({count: 99}))
    assert f"counts: {count} is 99, the files have" in faults_of(taken)[manifest]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.update(point=[one["point"][0] + 1, one["point"][1]]), "lie elsewhere than in train.json"),
        (lambda one: one.update(category_id=7 - one["category_id"]), "clicks are of another class than in train.json"),
    ],
)
def test_clicks_that_are_not_those_given(taken: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    path = f"{IN_RUN}/weak.json"
    tamper(taken, path, lambda coco: change(coco["annotations"][0]))
    assert message in faults_of(taken)[path]


def test_masks_where_clicks_belong(taken: Path) -> None:
    def swap(coco: dict[str, Any]) -> None:
        masked = next(one for one in coco["annotations"] if "segmentation" in one)
        clicked = next(one for one in coco["annotations"] if "point" in one)
        masked["image_id"], clicked["image_id"] = clicked["image_id"], masked["image_id"]

    tamper(taken, "cells/train.json", swap)
    assert "annotations that do not fit their image's kind" in faults_of(taken)["cells/train.json"]


def _sealed(stage: str, out: Path, made: list[dict[str, Any]]) -> Path:
    """Annotations on the weak images, with a manifest that names no input: the checks of their own stage end there."""
    with StageRun(stage, out.with_name(f"{out.name}.manifest.json"), GivenSplitSettings(), {}) as run:
        write_coco(out, {"images": half_labelled()["weak"]["images"], "annotations": made, "categories": CATEGORIES})
        run.output(out)
    return out


def _label(number: int, image: int, **more: Any) -> dict[str, Any]:
    """A mask that covers the upper half of its image, and with it the clicks."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[: HEIGHT // 2] = True
    common = {"id": number, "image_id": image, "category_id": 2, "source": "pseudo", "iscrowd": 0, "score": 0.7}
    return {**common, "segmentation": encode_mask(mask), "bbox": [0, 0, WIDTH, HEIGHT // 2], "area": 600, **more}


@pytest.mark.parametrize("count", ["points", "masked", "dropped", "without_a_click"])
def test_fates_of_labels_without_clicks(taken: Path, count: str) -> None:
    """One on the click of its class, one more there, and one where nobody clicked."""
    made = [_label(number, image, outcome="confident") for number, image in ((1, 30), (2, 30), (3, 34))]
    pseudo, shown = _sealed("confident_labels", RUN / "pseudo/semi.json", made), RUN / "quality/semi.shown.json"
    show_given.run(QualitySettings(shown=2), RUN / "weak.json", pseudo, shown)
    manifest = f"{IN_RUN}/quality/semi.shown.json.manifest.json"
    assert manifest not in faults_of(taken)
    edit(taken / manifest, lambda one: one["counts"].update({count: one["counts"][count] + 1}))
    assert "the files have" in faults_of(taken)[manifest]


@pytest.mark.parametrize("count", ["points", "masked", "unmasked", "dropped"])
def test_fates_of_clicks(taken: Path, count: str) -> None:
    """One has a mask, one a label without a mask, three have neither."""
    pointed = {"point": [10.5, 11.0], "predictor": "teacher", "status": "kept", "outcome": "rough"}
    masked, bare = (_label(number, 29 + number, **pointed, point_id=129 + number) for number in (1, 2))
    proposals = _sealed("proposals", RUN / "proposals/weak.json", [masked])
    bare |= {"segmentation": None, "outcome": "unmasked_no_proposal"}
    pseudo, shown = _sealed("pseudo", RUN / "pseudo/rough.json", [masked, bare]), RUN / "quality/rough.shown.json"
    show_given.run(QualitySettings(shown=2), RUN / "weak.json", pseudo, shown, proposals)
    manifest = f"{IN_RUN}/quality/rough.shown.json.manifest.json"
    assert manifest not in faults_of(taken)
    edit(taken / manifest, lambda one: one["counts"].update({count: 9}))
    assert f"counts: {count} is 9, the files have" in faults_of(taken)[manifest]
