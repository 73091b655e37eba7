"""A study of half-labelled files for real, through Snakemake: nuclei, a few steps per network. Its AP means nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_runs import clone_for, smoke_study, snakemake

from wssis.formats.coco import decode_mask, read_coco, write_coco
from wssis.formats.manifest import digest_of, read_manifest
from wssis.formats.scores import read_score_table

pytestmark = pytest.mark.slow
RUN = Path("results/nuclei/cells/given/s0/base")
FULL, WEAK = 8, 12
SCHEDULE = {"iterations": 4, "warmup": 1, "steps": []}


def _click(annotation: dict[str, Any], image: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A click on a pixel of the object, and nothing else of it."""
    rows, columns = np.nonzero(decode_mask(annotation, image["height"], image["width"]))
    place = rng.integers(len(rows))
    kept = {key: annotation[key] for key in ("id", "image_id", "category_id")}
    return {**kept, "point": [float(columns[place]), float(rows[place])]}


def _halve(source: Path, folder: Path) -> None:
    """Masks for the first images, clicks for the next, nothing for the rest; images in a folder for each kind."""
    coco, rng = read_coco(source / "annotations" / "instances_train.json"), np.random.default_rng(0)
    images = sorted(coco["images"], key=lambda image: image["id"])
    parts = {"full": images[:FULL], "weak": images[FULL : FULL + WEAK], "rest": images[FULL + WEAK :]}
    for name, own in parts.items():
        by_id = {image["id"]: image for image in own}
        annotations = [one for one in coco["annotations"] if one["image_id"] in by_id and name != "rest"]
        if name == "weak":
            annotations = [_click(one, by_id[one["image_id"]], rng) for one in annotations]
        write_coco(folder / f"{name}.json", coco | {"images": own, "annotations": annotations})
        (folder / name).mkdir(parents=True)
        for image in own:
            shutil.copy(source / "images" / "train" / image["file_name"], folder / name)


def _study(data: Path) -> dict[str, Any]:
    """The smoke study's networks, still shorter, on these files."""
    study = smoke_study("smoke", data)
    cells = {"kind": "half-labelled", "val_share": 0.25}
    for key, name in (("full_annotations", "full"), ("weak_annotations", "weak"), ("unlabelled", "rest")):
        cells |= {key: f"data/{name}.json", f"{key.removesuffix('_annotations')}_images": f"data/{name}"}
    for section in ("teacher", "student", "refiner"):
        study[section] |= {"schedule": SCHEDULE}
        study[section]["optimizer"] = {"batch": 2}
    study["teacher"]["snapshots"] = [2, 4]
    return study | {
        "study": "nuclei",
        "run": {"datasets": ["cells"], "mixes": ["given"], "seeds": ["s0"], "arms": ["semi", "wssis"]},
        "datasets": {"cells": cells},
        "points": {"strategy": "random"},
        "crops": {"size": 32, "temporary": True},
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the study has been run."""
    folder = clone_for(_study(shared_data), tmp_path_factory.mktemp("given") / "clone")
    _halve(shared_data / "smoke-nuclei", folder / "data")
    snakemake(folder, "--cores", "2")
    return folder


def test_it_reports(finished: Path) -> None:
    page = (finished / "results/nuclei/report/index.html").read_text()
    assert "Nobody has drawn the clicked objects" in page and "2 validation images were held out" in page
    rows = read_score_table(finished / "results/nuclei/report/scores.csv")
    assert [row["arm"] for row in rows] == ["teacher", "semi", "wssis"]
    assert {float(row["full_percent"]) for row in rows} == {round(100 * 6 / 22, 1)}
    assert "Nothing to be done" in snakemake(finished, "-n")


def test_moved_folders_rerun_nothing(finished: Path) -> None:
    text = (finished / "study.yaml").read_text()
    shutil.copytree(finished / "data" / "weak", finished / "moved")
    (finished / "study.yaml").write_text(text.replace("weak_images: data/weak", "weak_images: moved"))
    try:
        assert "Nothing to be done" in snakemake(finished, "-n")
    finally:
        (finished / "study.yaml").write_text(text)


def test_what_was_given_is_what_is_trained_on(finished: Path) -> None:
    given, weak = read_coco(finished / "data" / "weak.json"), read_coco(finished / RUN / "weak.json")
    assert sorted(weak["annotations"], key=lambda one: one["id"]) == sorted(
        given["annotations"], key=lambda one: one["id"]
    )
    pseudo = read_coco(finished / RUN / "pseudo" / "wssis.json")
    made = [one for one in pseudo["annotations"] if one["source"] == "pseudo"]
    assert {one["point_id"] for one in made} == {one["id"] for one in given["annotations"]}
    held_out = {image["id"] for image in read_coco(finished / RUN.parents[2] / "val.json")["images"]}
    assert len(held_out) == 2 and not held_out & {image["id"] for image in pseudo["images"]}
    shown = json.loads((finished / RUN / "quality" / "wssis.shown.json").read_text())
    assert {one["truth"] for image in shown["images"] for one in image["objects"]} == {None}


def test_manifests_tell_the_truth(finished: Path) -> None:
    for path in sorted((finished / RUN).rglob("*manifest.json")):
        manifest = read_manifest(path)
        for name, digest in manifest["outputs"].items() if manifest.get("retained", True) else ():
            assert digest_of(path.parent / name) == digest, name
    assert not list((finished / RUN).rglob("hidden_ids.csv")) and not list((finished / RUN / "quality").glob("*.csv"))
