"""The made-up annotation file of COCO's kind: the same bytes again, sound, and passed by the first three stages."""

import json
from pathlib import Path

import pytest
from dag_runs import REPOSITORY

from wssis.config.data_stages import PointsSettings, PrepareSettings, SplitSettings
from wssis.formats.coco import read_coco
from wssis.formats.manifest import read_manifest
from wssis.stages import points, prepare, split

IMAGES = 300


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of 300 images."""
    monkeypatch.syspath_prepend(REPOSITORY)
    from benchmarks.synthetic_coco import write_annotations

    write_annotations(tmp_path / "a.json", IMAGES)
    write_annotations(tmp_path / "again.json", IMAGES)
    return tmp_path / "a.json"


def test_it_is_like_coco(made: Path) -> None:
    assert made.read_bytes() == made.with_name("again.json").read_bytes()
    coco = read_coco(made)
    annotations = coco["annotations"]
    assert len(coco["images"]) == IMAGES and len(coco["categories"]) == 80
    assert len(annotations) == round(860_001 * IMAGES / 118_287)
    crowd = [annotation for annotation in annotations if annotation["iscrowd"]]
    assert 5 < len(crowd) < 50 and all(isinstance(a["segmentation"]["counts"], list) for a in crowd)
    assert sum(len(a["segmentation"]) > 1 for a in annotations if not a["iscrowd"]) > 100


def test_the_first_stages_pass_it(made: Path) -> None:
    out, run = made.parent / "out", made.parent / "run"
    prepare.run(PrepareSettings(zero_area="drop"), made, made, out)
    split.run(SplitSettings(full_percent=10), out / "train.json", run)
    points.run(PointsSettings(), out / "train.json", run / "split.csv", run / "full.json", run)
    found = read_manifest(run / "points.manifest.json")["counts"]
    assert found["weak_images"] == 270 and found["weak_points"] > 1500
    assert json.loads((out / "prepare.manifest.json").read_text())["counts"]["train_dropped"] < 5
