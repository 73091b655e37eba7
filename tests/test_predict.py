"""wssis predict: what the stage evaluate finds, on any images; broken ones named; a killed run goes on."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from predict_fixtures import (
    INFERENCE,
    SETTINGS,
    SIZES,
    evaluated,
    predict,
    write_images,
    write_refiner,
    write_segmentor,
)

from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.predicting import recorded
from wssis.predicting.pictures import find_pictures
from wssis.stages import predict as predict_stage


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_images(tmp_path)


def _by_name(detections: Path, images: Path) -> list[dict[str, Any]]:
    """Detections with the file name in the place of the image id."""
    names = {one["id"]: one["file_name"] for one in json.loads(images.read_text())["images"]}
    return [{**one, "image_id": names[one["image_id"]]} for one in json.loads(detections.read_text())]


def test_detections_are_those_of_the_evaluation(study: Path, capsys: pytest.CaptureFixture) -> None:
    model, out = evaluated(study), study / "out"
    assert predict(model, study / "images", "--out", out) == 0
    expected = _by_name(model.with_name("detections.json"), study / "val.json")
    assert expected and _by_name(out / "detections.json", out / "images.json") == expected
    images = json.loads((out / "images.json").read_text())
    assert images["images"][0] == {"id": 1, "file_name": "11.png", "width": 60, "height": 40}
    assert [one["name"] for one in images["categories"]] == ["bar", "ring"]
    manifest = read_manifest(out / "predict.manifest.json")
    assert manifest["settings"] == SETTINGS.model_dump(mode="json") and manifest["counts"]["images"] == len(SIZES)
    assert not (out / "skipped.csv").exists() and not (out / ".predicted.jsonl").exists()
    text = capsys.readouterr().out
    assert "images/s; without reading and drawing" in text and "evaluate.manifest.json" in text


def test_options_change_the_recorded_settings(study: Path) -> None:
    model, out = evaluated(study), study / "out"
    assert predict(model, study / "images/11.png", "--max-detections", 2, "--short-side", 64, "--out", out) == 0
    settings = read_manifest(out / "predict.manifest.json")["settings"]
    assert settings["max_detections"] == 2
    assert settings["inference"] == {**INFERENCE.model_dump(), "short_side": 64}
    assert len(json.loads((out / "detections.json").read_text())) == 2


def test_masks_that_lost_their_last_pixel_are_left_out(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object of the network's size may vanish in a smaller image."""
    given = predict_stage.coco_results

    def shrunken(*arguments: Any) -> list[dict[str, Any]]:
        found = given(*arguments)
        return [{**one, "bbox": [3, 3, 0, 0]} if place == 0 else one for place, one in enumerate(found)]

    model = evaluated(study)
    assert predict(model, study / "images/11.png", "--out", study / "whole") == 0
    monkeypatch.setattr(predict_stage, "coco_results", shrunken)
    assert predict(model, study / "images/11.png", "--out", study / "less") == 0
    whole, less = (json.loads((study / name / "detections.json").read_text()) for name in ("whole", "less"))
    assert less == whole[1:]


def test_images_that_lie_where_the_results_shall_go(study: Path, capsys: pytest.CaptureFixture) -> None:
    model = evaluated(study)
    assert predict(model, study / "images", "--out", study / "images") == 2
    error = capsys.readouterr().err
    assert f"what lies in {study / 'images'} is passed over: give another --out" in error


def test_a_folder_with_the_outputs_of_a_stage_is_refused(study: Path, capsys: pytest.CaptureFixture) -> None:
    """The evaluation's detections.json lies beside the model."""
    model = evaluated(study)
    before = {path.name: path.read_bytes() for path in model.parent.iterdir() if path.is_file()}
    assert predict(model, study / "images", "--out", model.parent) == 2
    assert "evaluate.manifest.json lists detections.json, which must not be lost" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in model.parent.iterdir() if path.is_file()}


def test_a_manifest_of_other_tools_is_nothing_to_lose(study: Path) -> None:
    model, out = evaluated(study), study / "out"
    out.mkdir()
    (out / "manifest.json").write_text('{"name": "a web page"}')
    assert predict(model, study / "images/11.png", "--out", out) == 0


def test_without_a_manifest_of_this_model_the_size_must_be_given(study: Path, capsys: pytest.CaptureFixture) -> None:
    model = evaluated(study)
    write_segmentor(model, [{"id": 1, "name": "x"}])
    assert predict(model, study / "images", "--out", study / "out") == 2
    error = capsys.readouterr().err
    assert "the evaluate.manifest.json beside it is of another file" in error and "--short-side" in error
    assert not (study / "out").exists()
    assert predict(model, study / "images", "--short-side", 48, "--out", study / "out") == 0
    model.with_name("evaluate.manifest.json").unlink()
    assert predict(model, study / "images", "--out", study / "out") == 2
    assert "no evaluate.manifest.json lies beside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("images", "images: is a folder, not a segmentor's model.safetensors; the model comes first, then the images"),
        ("images/11.png", "11.png: not a whole safetensors file"),
        ("short.safetensors", "short.safetensors: not a whole safetensors file"),
        ("none.safetensors", "none.safetensors: checkpoint not found"),
    ],
)
def test_what_is_no_model_is_told_first(
    study: Path, name: str, message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / "short.safetensors").write_bytes(write_segmentor(study / "model.safetensors").read_bytes()[:-9])
    monkeypatch.setattr(recorded, "digest_of", lambda path: pytest.fail(f"{path} is hashed"))
    for arguments in ([study / name, study / "images"], [study / "images", "--points", study / "weak.json", "--teacher",
                                                         study / name]):  # fmt: skip
        assert predict(*arguments, "--out", study / "out") == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("key", ["settings", "inputs"])
def test_a_manifest_that_lacks_a_part_is_named(study: Path, key: str, capsys: pytest.CaptureFixture) -> None:
    model = evaluated(study)
    manifest = model.with_name("evaluate.manifest.json")
    manifest.write_text(json.dumps({name: value for name, value in read_manifest(manifest).items() if name != key}))
    assert predict(model, study / "images", "--out", study / "out") == 2
    assert f"evaluate.manifest.json: not a manifest (no {key} listed)" in capsys.readouterr().err


def test_images_of_all_kinds(study: Path, capsys: pytest.CaptureFixture) -> None:
    folder, model = study / "mine", evaluated(study)
    (folder / "sub").mkdir(parents=True)
    colour = Image.open(study / "images/12.png")
    for name, mode in (("grey", "L"), ("alpha", "RGBA"), ("palette", "P"), ("plain", "RGB")):
        colour.convert(mode).save(folder / f"{name}.png")
    Image.fromarray(np.zeros((40, 40), np.uint16)).save(folder / "deep.png")
    exif = colour.getexif()
    exif[0x0112] = 6
    colour.resize((50, 30)).save(folder / "sub/turned.jpg", exif=exif)
    (folder / "text.jpg").write_text("no image")
    (folder / "short.png").write_bytes((study / "images/12.png").read_bytes()[:-900])
    (folder / "notes.txt").write_text("not looked at")
    assert predict(model, folder, "--out", folder / "out", "--overlays", "all") == 1
    images = json.loads((folder / "out/images.json").read_text())["images"]
    names = ["alpha.png", "grey.png", "palette.png", "plain.png", "sub/turned.jpg"]
    assert [one["file_name"] for one in images] == names
    assert (images[-1]["width"], images[-1]["height"]) == (50, 30), "as stored, not turned"
    skipped = dict(list(csv.reader((folder / "out/skipped.csv").open()))[1:])
    assert set(skipped) == {"deep.png", "short.png", "text.jpg"} and "more than 8 bits" in skipped["deep.png"]
    error = capsys.readouterr().err
    assert "sub/turned.jpg" in error and "skipped: short.png: unreadable or truncated" in error
    found = _by_name(folder / "out/detections.json", folder / "out/images.json")
    own = {name: [{**one, "image_id": 0} for one in found if one["image_id"] == name] for name in names}
    assert own["alpha.png"] == own["plain.png"] != own["grey.png"]
    painted = sorted(path.relative_to(folder / "out/overlays").as_posix() for path in folder.rglob("overlays/**/*.jpg"))
    assert painted == [*(f"{name}.jpg" for name in names[:-1]), "sub/turned.jpg"]
    first = (folder / "out/detections.json").read_bytes()
    assert predict(model, folder, "--out", folder / "out", "--overlays", 2) == 1, "its own overlays are no images"
    assert (folder / "out/detections.json").read_bytes() == first
    assert len(list(folder.rglob("overlays/**/*.jpg"))) == 2, "old overlays are removed"


def _killed(monkeypatch: pytest.MonkeyPatch, after: int) -> list[list[str]]:
    """Let a run die after some batches; the batches that were begun, by file name."""
    begun: list[list[str]] = []
    real = predict_stage.detect_pixels

    def dying(segmentor, rows, *rest):
        begun.append([row.file_name for row in rows])
        if len(begun) > after:
            raise KeyboardInterrupt
        return real(segmentor, rows, *rest)

    monkeypatch.setattr(predict_stage, "detect_pixels", dying)
    return begun


def test_a_killed_run_goes_on(study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    model = evaluated(study)
    (study / "images/00.png").write_bytes((study / "images/11.png").read_bytes()[:-900])
    arguments = (model, study / "images", "--overlays", "all", "--out")
    assert predict(*arguments, study / "whole") == 1
    with monkeypatch.context() as patch:
        _killed(patch, after=1)
        assert predict(*arguments, study / "out") not in (0, 2)
    assert not (study / "out/detections.json").exists()
    with (study / "out/.predicted.jsonl").open("ab") as stream:
        stream.write(b'{"file_name":"15.png","stamp":[1')  # a line that was cut short
    begun = _killed(monkeypatch, after=99)
    assert predict(*arguments, study / "out") == 1
    assert 1 < sum(map(len, begun)) < len(SIZES)
    assert "kept from the interrupted run" in capsys.readouterr().out
    for name in ("detections.json", "images.json", "skipped.csv"):
        assert (study / "out" / name).read_bytes() == (study / "whole" / name).read_bytes()
    whole = {path.name: path.read_bytes() for path in (study / "whole/overlays").iterdir()}
    assert {path.name: path.read_bytes() for path in (study / "out/overlays").iterdir()} == whole


@pytest.mark.parametrize("change", ["settings", "image"])
def test_what_has_changed_is_predicted_again(study: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    model = evaluated(study)
    with monkeypatch.context() as patch:
        _killed(patch, after=2)
        assert predict(model, study / "images", "--out", study / "out") not in (0, 2)
    more = ()
    if change == "image":
        shutil.copy(study / "images/11.png", study / "images/14.png")
    else:
        more = ("--max-detections", 3)
    assert predict(model, study / "images", "--out", study / "out", *more) == 0
    assert predict(model, study / "images", "--out", study / "fresh", *more) == 0
    assert (study / "out/detections.json").read_bytes() == (study / "fresh/detections.json").read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["nowhere"], "nowhere: no such file"),
        (["images", "--score-threshold", "3"], "inference.score_threshold"),
        (["images", "--overlays", "few"], "--overlays: a number, all or none"),
        (["images", "--refiner", "x"], "--refiner needs --points"),
        ([], "predict MODEL IMAGES"),
    ],
)
def test_bad_input_is_one_error(
    study: Path, more: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = evaluated(study)
    monkeypatch.chdir(study)
    assert predict(model, *more, "--out", study / "out") == 2
    assert message in capsys.readouterr().err


def test_a_refiner_cannot_detect(study: Path, capsys: pytest.CaptureFixture) -> None:
    model = write_refiner(study / "model.safetensors")
    assert predict(model, study / "images", "--short-side", 48, "--out", study / "out") == 2
    assert "not a segmentor" in capsys.readouterr().err
    assert not list((study / "out").rglob("*")), "nothing is left behind"


def test_several_places_have_names_under_the_common_folder(study: Path) -> None:
    model = evaluated(study)
    (study / "more").mkdir()
    shutil.copy(study / "images/11.png", study / "more")
    given = (study / "more", study / "images/11.png", study / "images/12.png", study / "images/../images/12.png")
    assert predict(model, *given, "--out", study / "out") == 0
    images = json.loads((study / "out/images.json").read_text())["images"]
    assert [one["file_name"] for one in images] == ["images/11.png", "images/12.png", "more/11.png"]


def test_links_are_named_by_their_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC and git-annex keep the files in a store, under names of their own; two links to one file are two images."""
    for name in ("links/sub", "store/more", "photos"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "store/9f3ab2.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "photos/d.png")
    for name in ("a.png", "b.png", "sub/c.png"):
        (tmp_path / "links" / name).symlink_to(tmp_path / "store/9f3ab2.png")
    (tmp_path / "store/more/stored").symlink_to(tmp_path / "photos")
    out, names = tmp_path / "out", ["a.png", "b.png", "sub/c.png"]
    monkeypatch.chdir(tmp_path / "links/sub")
    for folder in (tmp_path / "links", Path(".."), Path("../sub/..")):
        assert list(find_pictures([folder], out)) == names
    twice = [tmp_path / "links/a.png", Path("../a.png"), Path("c.png"), tmp_path / "links/sub"]
    assert list(find_pictures(twice, out)) == ["a.png", "sub/c.png"]
    assert list(find_pictures([tmp_path / "store/more/stored"], out)) == ["d.png"]
    both = [tmp_path / "store/more/stored", tmp_path / "links/a.png", tmp_path / "photos/d.png"]
    assert list(find_pictures(both, out)) == ["links/a.png", "store/more/stored/d.png"]
    with pytest.raises(InputError, match=r"passed over: give another --out"):
        find_pictures([tmp_path / "store"], tmp_path / "store")
