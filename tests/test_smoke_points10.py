"""Boxes with points for real: the smoke study of their arms, its report and audit, and its blindness to masks."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from real_runs import all_finished, blank_masks, clone_for, outputs_of, smoke_study, snakemake, without_time

from wssis.audit.auditing import audit_study
from wssis.formats.coco import read_coco
from wssis.formats.manifest import read_manifest

pytestmark = pytest.mark.slow
STUDY = Path("results/smoke-points10")
RUN = STUDY / "smoke-carparts/25pct/s0/base"
AFTER_BOXES = ("train_box_student", "box_pseudo", "train_student", "evaluate")
ARMS = {"supervised", "oracle", "points10", "points10-implicit", "points10-selftrain", "points10-solov2",
        "mask-rcnn-supervised", "mask-rcnn-oracle"}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the study has been run."""
    folder = clone_for(smoke_study("smoke-points10", shared_data), tmp_path_factory.mktemp("smoke") / "clone")
    snakemake(folder, "--cores", "2")
    return folder


def test_every_arm_is_in_the_report_with_its_days(finished: Path) -> None:
    with (finished / STUDY / "report/scores.csv").open() as stream:
        rows = {row["arm"]: row for row in csv.DictReader(stream)}
    assert set(rows) == ARMS
    counts = read_manifest(finished / RUN / "box_points.manifest.json")["counts"]
    assert counts["points"] == 10 * counts["boxes"]
    for model, seconds in (("label_days_cheng", 28.8 + 14.4 + 7 + 9), ("label_days_pointwssis", 7 + 9)):
        days = {arm: float(row[model]) for arm, row in rows.items()}
        boxed = {days[name] for name in ARMS if name.startswith("points10")}
        assert boxed == {days["points10"]}
        bought = days["points10"] - days["mask-rcnn-supervised"]
        assert days["mask-rcnn-supervised"] == days["supervised"] < days["points10"] < days["mask-rcnn-oracle"]
        assert bought >= counts["boxes"] * seconds / 86_400 - 1e-4
    assert rows["points10"]["points"] == "10 in each box"
    page = (finished / STUDY / "report/index.html").read_text()
    assert "boxes with points (10 in each box)" in page and "Training set of Points in boxes, self-trained" in page
    assert "Nothing to be done" in snakemake(finished, "-n")


def test_every_job_counts_as_finished(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all_finished(finished, monkeypatch)


def test_the_audit_finds_nothing(finished: Path) -> None:
    audit = audit_study(finished / STUDY)
    assert audit.faults == [] and not any("no check" in line for line in audit.unchecked)


def test_self_training_has_a_mask_or_a_reason_for_every_box(finished: Path) -> None:
    made = read_coco(finished / RUN / "pseudo/points10-selftrain.json")
    pseudo = [one for one in made["annotations"] if one["source"] == "pseudo"]
    boxes = read_coco(finished / RUN / "box_points.json")["annotations"]
    assert sorted(one["point_id"] for one in pseudo) == [one["id"] for one in boxes]
    assert all((one["outcome"] == "boxed") == bool(one["segmentation"]) for one in pseudo)


def test_blind_to_hidden_masks(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "blind"
    shutil.copytree(finished, folder)
    seen = without_time(outputs_of(folder / RUN))
    train = folder / STUDY / "smoke-carparts/train.json"
    coco = json.loads(train.read_text())
    boxed = {image["id"] for image in read_coco(folder / RUN / "box_points.json")["images"]}
    assert len(boxed) == 18
    blank_masks(coco, boxed)
    train.write_text(json.dumps(coco))
    for name in ("pseudo", "students"):
        shutil.rmtree(folder / RUN / name)
    boxed_arms = [arm for arm in sorted(ARMS) if arm.startswith("points10")]
    wanted = [f"{RUN}/students/{arm}/scores.json" for arm in boxed_arms]
    snakemake(folder, "--cores", "2", *wanted, "--allowed-rules", *AFTER_BOXES, "--rerun-triggers", "mtime")
    blind = without_time(outputs_of(folder / RUN))
    assert {name: seen[name] for name in blind} == blind
    assert {f"students/{arm}/scores.json" for arm in boxed_arms} <= blind.keys()


def test_no_masks_at_all(tmp_path: Path, shared_data: Path) -> None:
    """A mix without full images: boxes with points alone train a network, and its masks a student."""
    study = smoke_study("smoke-points10", shared_data) | {"mixes": {"boxes": {"full": 0, "points10": 100}}}
    study["run"] |= {"mixes": ["boxes"], "arms": ["points10-selftrain", "points10-solov2"]}
    folder = clone_for(study, tmp_path / "clone")
    snakemake(folder, "--cores", "2")
    run = folder / STUDY / "smoke-carparts/boxes/s0/base"
    assert read_coco(run / "full.json")["images"] == []
    assert len(read_coco(run / "box_points.json")["images"]) == 24
    assert audit_study(folder / STUDY).faults == []
