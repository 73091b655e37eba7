"""wssis audit of half-labelled data: sound files have no findings, and what does not add up is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_fixtures import half_labelled, write_half_labelled
from tampering import edit

from wssis.audit.auditing import audit_study
from wssis.config.half_labelled import GivenSplitSettings, TakeGivenSettings
from wssis.config.stages import PointsSettings, PrepareSettings
from wssis.formats.image_folders import one_folder
from wssis.formats.manifest import digest_of
from wssis.stages import check_images, points_given, split_given, take_given

CELLS = Path("results/half/cells")
RUN = CELLS / "given/s0/base"


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study of half-labelled files, as far as its points."""
    monkeypatch.chdir(tmp_path)
    paths = write_half_labelled(Path("data"), half_labelled())
    take_given.run(
        TakeGivenSettings(), **{part: (path, Path("data") / part) for part, path in paths.items()}, out=CELLS
    )
    train, val = CELLS / "train.json", CELLS / "val.json"
    with one_folder("data/full:data/weak:data/unlabelled") as images:
        check_images.run(PrepareSettings(), train, val, images, Path("data/val"), CELLS / "images.csv")
    split_given.run(GivenSplitSettings(), train, CELLS / "given.csv", RUN)
    points_given.run(PointsSettings(), train, RUN / "split.csv", RUN / "full.json", RUN)
    return CELLS.parent.resolve()


def _tamper(path: Path, change: Callable[[Any], object]) -> None:
    """Change a file, and make its manifest vouch for what it is now."""
    edit(path, change)
    for manifest in path.parent.glob("*manifest.json"):
        edit(manifest, lambda one: one["outputs"].update({path.name: digest_of(path)}) if path.name in one["outputs"]
             else None)  # fmt: skip


def _told(study: Path) -> str:
    return "\n".join(f"{fault.file}: {fault.what}" for fault in audit_study(study).faults)


def test_sound_files_have_no_findings(taken: Path) -> None:
    audit = audit_study(taken)
    assert audit.faults == [] and audit.manifests == 4 and audit.read >= 8


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (RUN / "weak.json", lambda c: c["annotations"].pop(), "weak.json: 1 clicks of train.json are missing: 133"),
        (RUN / "full.json", lambda c: c["annotations"].pop(), "of the full images in train.json are missing: 9"),
        (CELLS / "train.json", lambda c: c["images"].pop(), "given.csv: "),
        (RUN / "points.manifest.json", lambda c: c["counts"].update(weak_points=9), "weak_points"),
        (CELLS / "prepare.manifest.json", lambda c: c["counts"].update(train_objects=9), "train_objects"),
    ],
)
def test_what_does_not_add_up(taken: Path, file: Path, change: Callable[[Any], object], message: str) -> None:
    _tamper(file, change)
    assert message in _told(taken)


def test_masks_where_clicks_belong(taken: Path) -> None:
    def swap(coco: dict[str, Any]) -> None:
        masked = next(one for one in coco["annotations"] if "segmentation" in one)
        clicked = next(one for one in coco["annotations"] if "point" in one)
        masked["image_id"], clicked["image_id"] = clicked["image_id"], masked["image_id"]

    _tamper(CELLS / "train.json", swap)
    assert "train.json: annotations that do not fit their image's kind" in _told(taken)
