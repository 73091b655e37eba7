"""wssis show and wssis trace: every output of every manifest of a study, and every file in outputs that are folders."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from given_fixtures import take_half_labelled
from PIL import Image

from wssis.audit.artifact import recognised
from wssis.audit.show import show
from wssis.audit.show_data import labels_of
from wssis.audit.show_pictures import FIGURES, SHEETS, write_picture
from wssis.audit.trace import ancestry, tree
from wssis.errors import InputError
from wssis.formats.json_file import read_json

RUN = "shapes/50pct/s0/base"


def _outputs(study: Path) -> Iterator[tuple[str, Path]]:
    """Stage and path of every output that is there; a folder of files comes with each of its files."""
    for manifest in sorted(study.rglob("*manifest.json")):
        content = json.loads(manifest.read_text())
        for path in (manifest.parent / name for name in content["outputs"]):
            if path.is_dir() and path.suffix != ".zarr":
                yield from ((content["stage"], one) for one in sorted(path.iterdir()))
            yield content["stage"], path


def _show_all(study: Path, pictures: Path) -> dict[str, set[str]]:
    """Show every output as text, and one of each kind as a picture; stage -> kinds of its outputs."""
    found: dict[str, set[str]] = {}
    drawn: set[str] = set()
    for stage, path in _outputs(study):
        kind = recognised(path).kind
        text = show(path)
        assert f"\nmade by {stage}, " in text and "\nsettings\n" in text and "sha256 " in text, path
        assert len(text.partition("\nsettings\n")[2].splitlines()) > 3, path
        assert tree(ancestry(path))
        found.setdefault(stage, set()).add(kind)
        if kind in FIGURES.keys() | SHEETS and kind not in drawn:
            drawn.add(kind)
            assert write_picture(path, pictures / f"{kind}.png")
    return found


def test_every_output_of_a_study(sound_study: Path, tmp_path: Path) -> None:
    found = _show_all(sound_study, tmp_path)
    stages = {json.loads(path.read_text())["stage"] for path in sound_study.rglob("*manifest.json")}
    assert found.keys() == stages and len(stages) > 15
    assert found["report"] == {"page", "score_table", "curves", "tables", "report_table", "latex"}
    assert found["generate"] == {"coco", "images", "image"}
    assert found["check_images"] == {"images_table", "image_facts"} and found["data_warnings"] == {"warnings"}
    assert found["quality"] == {"quality", "shown"} and found["box_points"] == {"coco", "hidden_ids"}
    assert found["score_thresholds"] == {"thresholds"} and found["evaluate"] == {"detections", "scores"}


def test_every_output_of_half_labelled_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = _show_all(take_half_labelled(Path("results/half/cells")), tmp_path)
    assert found["take_given"] == {"coco", "split"} and found["points_given"] == {"coco", "points"}
    assert found["split_given"] == {"coco", "split"}


def test_images_that_the_report_shows(sound_study: Path, tmp_path: Path) -> None:
    path = sound_study / RUN / "quality/wssis.shown.json"
    records = read_json(path)["images"]
    text = show(path)
    assert f"{len(records)} images with {sum(len(one['objects']) for one in records)} objects: 2 by the rule" in text
    (line,) = [line for line in text.splitlines() if line.startswith(records[0]["file_name"])]
    mean = np.mean([one["iou_pseudo"] for one in records[0]["objects"]])
    assert "by mask quality" in line and line.endswith(f"  {mean:.2f}")
    told = write_picture(path, tmp_path / "a.png")
    assert told == f"2 of {len(records)} images, chosen by the rule: rough masks, pseudo masks, hidden masks"
    assert write_picture(path, tmp_path / "b.png", names=[records[-1]["file_name"]]).startswith("1 of ")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 6 + 3 * 266


def test_a_mask_of_another_size_is_not_drawn(sound_study: Path, tmp_path: Path) -> None:
    content = read_json(sound_study / RUN / "quality/wssis.shown.json")
    record = next(one for one in content["images"] if one["fair"])
    record["objects"][0]["truth"] = {"size": [9, 9], "counts": [81]}
    (tmp_path / "wssis.shown.json").write_text(json.dumps(content, separators=(",", ":")))
    with pytest.raises(InputError, match=r"shown\.json: annotation \d+: RLE of size"):
        write_picture(tmp_path / "wssis.shown.json", tmp_path / "a.png")


def test_a_folder_of_images_and_one_of_them(sound_study: Path, tmp_path: Path) -> None:
    folder = sound_study / "shapes/images/train"
    text = show(folder)
    assert "10 images, 000001.png ... 000010.png" in text and "64 x 64 px, RGB, PNG" in text
    assert write_picture(folder, tmp_path / "a.png") == "all 10 images"
    assert write_picture(folder, tmp_path / "b.png", names=["000002"]) == "1 of 10 images, as named"
    image = folder / "000002.png"
    text = show(image)
    assert "in images/train, which as a whole has sha256 " in text and "objects in train.json" in text
    assert write_picture(image, tmp_path / "c.png") == "the image with its labels in train.json"
    with pytest.raises(InputError, match="is one image; leave --image out"):
        write_picture(image, tmp_path / "d.png", names=["000002"])
    (tmp_path / "e.png").write_bytes(image.read_bytes())
    assert "no manifest lists it" in show(tmp_path / "e.png")
    assert write_picture(tmp_path / "e.png", tmp_path / "f.png") == "the image"


def test_pages_and_tables_of_the_report(sound_study: Path) -> None:
    report = sound_study / "report"
    page = show(report / "gallery.html")
    assert "the answer: 0 tables, 1 diagrams, 0 pictures; open it in a browser" in page
    assert "headings\n  What was found" in page and "\ninputs\n  scores " in page
    tables = show(report / "tables")
    assert "2 files: 1 .csv, 1 .tex" in tables and "gap-shapes.csv  How much of the gap: 100 %     1        2" in tables
    assert show(report / "tables/gap-shapes.csv").endswith("arm    of the gap\nwssis        68 %")
    assert show(report / "tables/gap-shapes.tex").endswith(r"\end{table}")
    curves = show(report / "curves.json")
    assert curves.splitlines()[-1].split() == ["wssis", "50pct", "0.5", "69.3", "69.3", "69.3"]


@pytest.mark.parametrize("name", ["index.html", "tables/gap-shapes.tex", "tables/gap-shapes.csv"])
def test_cut_off(study: Path, name: str) -> None:
    path = study / "report" / name
    path.write_bytes(path.read_bytes().rstrip()[:-3])
    with pytest.raises(InputError, match=rf"{path.name}: .*; run its stage again"):
        show(path)


def test_predictions_are_drawn_on_training_images(study: Path, tmp_path: Path) -> None:
    detections = read_json(study / RUN / "teacher/detections.json")
    known = {image["id"] for image in read_json(study / "shapes/train.json")["images"]}
    path = study / RUN / "quality/wssis.predictions.json"
    path.write_text(json.dumps([one for one in detections if one["image_id"] in known]))
    assert "detections of score 0.3 and more" in write_picture(path, tmp_path / "a.png")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "mini: the folder of a study; give an artifact in it"),
        ("report", r"report: a folder that is no artifact; give a file or a \.zarr store in it"),
        (f"{RUN}/teacher", "teacher: a folder that is no artifact"),
        (f"{RUN}/crops/full.zarr/zarr.json", r"zarr\.json: a part of full\.zarr, which is shown as a whole; give that"),
        ("shapes/images/train/gone.png", r"gone\.png: not found; correct the path"),
    ],
)
def test_folders_and_parts(sound_study: Path, path: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        recognised(sound_study / path)


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.html", "a.png", "a.safetensors", "a.manifest.json"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name}: is empty; run its stage again"):
        show(tmp_path / name)


def test_an_image_that_lies_in_no_study() -> None:
    assert labels_of(Path("/a.png")) is None and labels_of(Path("/data/a.png")) is None
