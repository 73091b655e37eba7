"""docs/tutorial.md as written: its shell blocks, in order, on tiny made-up data and with a study of few steps."""

import csv
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from dag_runs import REPOSITORY, copy_workflow
from doc_blocks import blocks, run_block, shell_blocks
from snakemake.utils import update_config
from test_studies import merged_raw
from tutorial_data import MASKED, write_tutorial_data

from wssis.config.validate import validate_study
from wssis.formats.atomic import write_json
from wssis.formats.coco import read_coco

TUTORIAL = REPOSITORY / "docs/tutorial.md"
RUN = Path("results/mine/mine/given/s0/base")
NETWORK = {
    "backbone": {"name": "resnet18", "weights": "none", "frozen_stages": 0, "norm": "batch"},
    "fpn_channels": 32, "instance_channels": 32, "instance_convs": 1, "mask_channels": 32, "kernel_channels": 32,
    "grids": [12, 10, 8, 6, 4],
}  # fmt: skip
HELD_OUT = 2
"""A fifth of the images with masks."""
STEPS = {"iterations": 20, "warmup": 5}
SIZE = {"short_sides": [96], "long_side": 96}
FEW_STEPS = {
    "inference": {"short_side": 96, "long_side": 96, "score_threshold": 0.005, "update_threshold": 0.001,
                  "candidates": 50},
    "teacher": {"network": NETWORK, "schedule": STEPS, "optimizer": {"batch": 4}, "augmentation": SIZE,
                "snapshots": [10, 20]},
    "student": {"network": NETWORK, "schedule": STEPS, "optimizer": {"batch": 4}, "augmentation": SIZE},
    "crops": {"size": 32},
    "refiner": {
        "network": {"backbone": NETWORK["backbone"], "aspp_channels": 32, "decoder_channels": [32, 16, 16, 16],
                    "heatmap_sigma": 1.0, "heatmap_radius": 3},
        "schedule": STEPS, "optimizer": {"batch": 8},
    },
    "report": {"bootstrap": 20},
}  # fmt: skip
"""Laid over the tutorial's study: what would take half an hour takes a minute or two. Its AP means nothing."""


def _studies() -> dict[Path, str]:
    """The tutorial's study files, by where they are to be, as their first lines say."""
    texts = blocks(TUTORIAL, "yaml")
    paths = [re.fullmatch(r"# (studies/[\w-]+\.yaml)", text.splitlines()[0]) for text in texts]
    return {Path(path[1]): text for path, text in zip(paths, texts, strict=True) if path is not None}


def _write_studies(folder: Path, **changes: Any) -> None:
    """Write both, the first with changes laid over it."""
    (first, text), (second, rest) = _studies().items()
    raw = yaml.safe_load(text)
    update_config(raw, changes)
    (folder / first).write_text(yaml.safe_dump(raw))
    (folder / second).write_text(rest)


def test_the_studies_of_the_tutorial_are_legal() -> None:
    """The second is laid over the first: its settings, other labels, and the images that the first held out."""
    raw, studies = merged_raw(), []
    for text in _studies().values():
        update_config(raw, yaml.safe_load(text))
        studies.append(validate_study(raw))
    first, second = studies
    assert (first.study, second.study) == ("mine", "mine-2")
    assert first.points.strategy == "interior", "people hardly ever click at the centre of mass"
    assert second.teacher == first.teacher and second.inference == first.inference and second.points == first.points
    before, after = first.datasets["mine"], second.datasets["mine"]
    assert before.val_annotations is None and after.val_annotations == "data/mine/val.json"
    assert after.val_images == before.full_images == after.full_images


def _correct(folder: Path) -> None:
    """What a person does in CVAT, on half of the images: a mask in the place of every point without one."""
    tree = ElementTree.parse(folder / "data/mine/worst.xml")
    images = tree.getroot().findall("image")
    for image in images[len(images) // 2 :]:
        tree.getroot().remove(image)
    for point in tree.getroot().iterfind("image/points"):
        x, y = (min(max(float(side), 4), 92) for side in point.get("points", "").split(","))
        point.tag = "polygon"
        point.set("points", ";".join(f"{x + dx},{y + dy}" for dx, dy in ((-4, -4), (4, -4), (4, 4), (-4, 4))))
    tree.write(folder / "data/mine/corrected.xml")


@pytest.mark.slow
def test_the_second_study_keeps_the_images_held_out(tmp_path: Path) -> None:
    """Sections 2, 3 and 7 as written, but without training: the true masks of two images stand for corrected ones."""
    folder = tmp_path / "clone"
    copy_workflow(folder)
    write_tutorial_data(folder)
    _write_studies(folder)
    written = shell_blocks(TUTORIAL)
    for block in written[:2]:
        run_block(block, folder)
    weak = read_coco(folder / "data/mine/weak.json")
    corrected = {image["file_name"] for image in weak["images"][:2]}
    drawn = read_coco(folder / "drawn/train.json")
    images = [image for image in drawn["images"] if image["file_name"] in corrected]
    ids = {image["id"] for image in images}
    annotations = [one for one in drawn["annotations"] if one["image_id"] in ids]
    write_json(folder / "true.json", {**drawn, "images": images, "annotations": annotations})
    run_block("wssis export cvat true.json --out data/mine/corrected.xml", folder)
    make = "snakemake --cores 1 --configfile studies/mine.yaml"
    run_block(f"{make} -- results/mine/mine/val.json", folder)
    (block,) = [one for one in written if "cp results/mine/mine/val.json" in one]
    assert f"left out: {HELD_OUT} images" in run_block(block, folder)
    (check,) = [one for one in written if "studies/mine-2.yaml" in one]
    assert "training and validation" not in run_block(check, folder)
    run_block(f"{make} studies/mine-2.yaml -- results/mine-2/mine/val.json", folder)
    held, again, train = (
        {image["file_name"] for image in read_coco(folder / f"results/{file}.json")["images"]}
        for file in ("mine/mine/val", "mine-2/mine/val", "mine-2/mine/train")
    )
    assert held == again and len(held) == HELD_OUT and not held & train and corrected <= train
    assert len(train) == 24 - HELD_OUT


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    copy_workflow(folder)
    write_tutorial_data(folder)
    _write_studies(folder, **FEW_STEPS)
    said = []
    for block in shell_blocks(TUTORIAL):
        if "data/mine/corrected.xml" in block:
            _correct(folder)
        said.append(run_block(block, folder))
    full, weak = (read_coco(folder / f"data/mine/{name}.json") for name in ("full", "weak"))
    assert len(full["images"]) == MASKED and len(weak["images"]) == 24 - MASKED
    assert "images that --without names" in said[1]
    assert (folder / "results/mine/report/index.html").is_file()
    assert (folder / RUN / "students/wssis/model.safetensors").is_file()
    assert (folder / "data/mine/worst.xml").is_file()
    done, rest = (read_coco(folder / f"data/mine/{name}-2.json") for name in ("full", "weak"))
    held_out = read_coco(folder / "data/mine/val.json")
    assert len(done["images"]) > MASKED - len(held_out["images"])
    assert len(done["images"]) + len(rest["images"]) + len(held_out["images"]) == 24
    assert len(json.loads((folder / "data/mine/found/images.json").read_text())["images"]) == 4
    points = [row for row in csv.DictReader((folder / "data/mine/clicks.csv").open()) if row["category"]]
    pseudo = [one for one in read_coco(folder / RUN / "pseudo/wssis.json")["annotations"] if one["source"] == "pseudo"]
    names = {image["file_name"] for image in weak["images"]}
    assert len(pseudo) == sum(row["image"] in names for row in points) > 0
