"""docs/bdd100k.md on a tiny made-up BDD100K: its commands run as written, and the study's DAG can be built."""

from pathlib import Path
from typing import Any

import pytest
from convert_fixtures import picture, written
from dag_runs import REPOSITORY, Clone, planned_jobs
from doc_blocks import run_block, shell_blocks

from wssis.formats.coco import encode_mask, read_coco

W, H = 32, 18


def _mask(left: int) -> dict[str, Any]:
    return encode_mask([[left <= x < left + 4 and 5 <= y < 12 for x in range(W)] for y in range(H)])


def _frame(name: str, *labels: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "labels": [{"id": f"{n}", "category": one, **of} for n, (one, of) in enumerate(labels)]}


def _box(left: float) -> dict[str, Any]:
    return {"box2d": {"x1": left, "y1": 5.0, "x2": left + 3, "y2": 11.0}}


def made_up(folder: Path) -> None:
    """data/bdd100k as it is downloaded: a picture with masks, and one for validation, are among the 100K, too."""
    root = folder / "data/bdd100k"
    names = {"10k/train": ("a.jpg", "b.jpg"), "10k/val": ("v.jpg",), "100k/train": ("a.jpg", "v.jpg", "w.jpg", "x.jpg")}
    for part, files in names.items():
        for name in files:
            picture(root / "images" / part, name, (W, H))
    rles, boxes = root / "labels/ins_seg/rles", root / "labels/det_20"
    car, rider, other = ("car", {"rle": _mask(2)}), ("rider", {"rle": _mask(9)}), ("trailer", {"rle": _mask(20)})
    written(rles / "ins_seg_train.json", [_frame("a.jpg", car, rider), _frame("b.jpg", car, other)])
    written(rles / "ins_seg_val.json", [_frame("v.jpg", rider)])
    written(boxes / "det_train.json", [
        _frame("a.jpg", ("car", _box(2))), _frame("v.jpg", ("rider", _box(9))),
        _frame("w.jpg", ("car", _box(2)), ("traffic light", _box(20))), _frame("x.jpg"),
    ])  # fmt: skip


@pytest.fixture
def converted(tmp_path: Path) -> Clone:
    """A clone of the workflow with that data, converted by the first block of the document."""
    clone = Clone.create(tmp_path / "clone")
    made_up(clone.folder)
    convert, _ = shell_blocks(REPOSITORY / "docs/bdd100k.md")
    run_block(convert, clone.folder)
    return clone


def test_conversion_and_dag(converted: Clone) -> None:
    full, val, weak = (read_coco(converted.folder / f"data/bdd100k/{name}.json") for name in ("full", "val", "weak"))
    assert [one["name"] for one in full["categories"]] == ["car", "rider"]
    assert full["categories"] == val["categories"] == weak["categories"]
    assert [one["file_name"] for one in weak["images"]] == ["w.jpg", "x.jpg"]
    assert [(one["category_id"], one["point"]) for one in weak["annotations"]] == [(1, [3.5, 8.0])]
    ids = [image["id"] for coco in (full, val, weak) for image in coco["images"]]
    assert len(set(ids)) == len(ids) == 5
    _, plan = shell_blocks(REPOSITORY / "docs/bdd100k.md")
    assert plan.strip() == "snakemake -n --configfile studies/bdd100k.yaml"
    done = converted.snakemake("-n", study="studies/bdd100k.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not found" not in done.stderr and "missing" not in done.stderr
    jobs = planned_jobs(done.stdout + done.stderr)
    assert jobs["train_student"] == 5 and jobs["train_teacher"] == 1 and jobs["train_refiner"] == 1
