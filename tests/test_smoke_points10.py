"""Boxes with points for real: the smoke study of their arms, its report and audit, and its blindness to masks."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dag_runs import copy_workflow

from wssis.audit.auditing import audit_study
from wssis.formats.coco import read_coco
from wssis.formats.manifest import read_manifest

pytestmark = pytest.mark.slow
STUDY = Path("results/smoke-points10")
RUN = STUDY / "smoke-carparts/25pct/s0/base"
AFTER_BOXES = ("train_box_student", "box_pseudo", "train_student", "evaluate")
ARMS = {"supervised", "oracle", "points10", "points10-implicit", "points10-selftrain", "points10-solov2",
        "mask-rcnn-supervised", "mask-rcnn-oracle"}  # fmt: skip


def _snakemake(folder: Path, *arguments: str) -> str:
    """Run the study in `folder`, a copy of the workflow; what it printed."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
    }
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "study.yaml"]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _clone(folder: Path, data: Path, **changes: Any) -> Path:
    """A copy of the workflow with the smoke study, some of its `run` replaced."""
    copy_workflow(folder)
    text = (folder / "studies/smoke-points10.yaml").read_text().replace("../shared/data", str(data))
    study = yaml.safe_load(text)
    study["run"] |= changes
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the study has been run."""
    folder = _clone(tmp_path_factory.mktemp("smoke") / "clone", shared_data)
    _snakemake(folder, "--cores", "2")
    return folder


def _outputs(folder: Path) -> dict[str, str]:
    """Digest of everything the run's manifests list, by its path; metrics.jsonl, which has durations, apart."""
    found = {}
    for path in sorted((folder / RUN).rglob("*manifest.json")):
        for name, digest in read_manifest(path)["outputs"].items():
            found[(path.parent / name).relative_to(folder / RUN).as_posix()] = digest
    return {name: digest for name, digest in found.items() if not name.endswith("metrics.jsonl")}


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
    assert "Nothing to be done" in _snakemake(finished, "-n")


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
    seen = _outputs(folder)
    train = folder / STUDY / "smoke-carparts/train.json"
    coco = json.loads(train.read_text())
    boxed = {image["id"] for image in read_coco(folder / RUN / "box_points.json")["images"]}
    assert len(boxed) == 18
    for annotation in coco["annotations"]:
        if annotation["image_id"] in boxed:
            annotation |= {"segmentation": [[0, 0, 1, 0, 1, 1]], "bbox": [0, 0, 1, 1], "area": 0.5}
    train.write_text(json.dumps(coco))
    for name in ("pseudo", "students"):
        shutil.rmtree(folder / RUN / name)
    boxed_arms = [arm for arm in sorted(ARMS) if arm.startswith("points10")]
    wanted = [f"{RUN}/students/{arm}/scores.json" for arm in boxed_arms]
    _snakemake(folder, "--cores", "2", *wanted, "--allowed-rules", *AFTER_BOXES, "--rerun-triggers", "mtime")
    blind = _outputs(folder)
    assert {name: seen[name] for name in blind} == blind
    assert {f"students/{arm}/scores.json" for arm in boxed_arms} <= blind.keys()


def test_no_masks_at_all(tmp_path: Path, shared_data: Path) -> None:
    """A mix without full images: boxes with points alone train a network, and its masks a student."""
    folder = _clone(tmp_path / "clone", shared_data, mixes=["boxes"], arms=["points10-selftrain", "points10-solov2"])
    study = yaml.safe_load((folder / "study.yaml").read_text()) | {"mixes": {"boxes": {"full": 0, "points10": 100}}}
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    _snakemake(folder, "--cores", "2")
    run = folder / STUDY / "smoke-carparts/boxes/s0/base"
    assert read_coco(run / "full.json")["images"] == []
    assert len(read_coco(run / "box_points.json")["images"]) == 24
    assert audit_study(folder / STUDY).faults == []
