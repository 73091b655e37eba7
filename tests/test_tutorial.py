"""docs/tutorial.md as written: its shell blocks, in order, on tiny made-up data and with a study of few steps."""

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from dag_runs import REPOSITORY, copy_workflow
from doc_blocks import blocks, run_block, shell_blocks
from snakemake.utils import update_config
from test_studies import merged_raw
from tutorial_data import MASKED, write_tutorial_data

from wssis.config.validate import validate_study
from wssis.formats.coco import read_coco

TUTORIAL = REPOSITORY / "docs/tutorial.md"
RUN = Path("results/mine/mine/given/s0/base")
NETWORK = {
    "backbone": {"name": "resnet18", "weights": "none", "frozen_stages": 0, "norm": "batch"},
    "fpn_channels": 32, "instance_channels": 32, "instance_convs": 1, "mask_channels": 32, "kernel_channels": 32,
    "grids": [12, 10, 8, 6, 4],
}  # fmt: skip
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


def _study() -> tuple[Path, str]:
    """Where the tutorial's study file is to be, as its first line says, and the file."""
    (text,) = blocks(TUTORIAL, "yaml")
    path = re.fullmatch(r"# (studies/\w+\.yaml)", text.splitlines()[0])
    assert path is not None
    return Path(path[1]), text


def test_the_study_of_the_tutorial_is_legal() -> None:
    _, text = _study()
    raw = merged_raw()
    update_config(raw, yaml.safe_load(text))
    assert validate_study(raw).study == "mine"


def _correct(folder: Path) -> None:
    """What a person does in CVAT: here, half of the images, whose points without mask are removed."""
    tree = ElementTree.parse(folder / "data/mine/worst.xml")
    images = tree.getroot().findall("image")
    for image in images[len(images) // 2 :]:
        tree.getroot().remove(image)
    for image in images:
        for point in image.findall("points"):
            image.remove(point)
    tree.write(folder / "data/mine/corrected.xml")


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    copy_workflow(folder)
    write_tutorial_data(folder)
    path, text = _study()
    raw = yaml.safe_load(text)
    update_config(raw, FEW_STEPS)
    (folder / path).write_text(yaml.safe_dump(raw))
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
    assert len(done["images"]) > MASKED and len(done["images"]) + len(rest["images"]) == 24
    assert len(json.loads((folder / "data/mine/found/images.json").read_text())["images"]) == 4
    points = [row for row in csv.DictReader((folder / "data/mine/clicks.csv").open()) if row["category"]]
    pseudo = [one for one in read_coco(folder / RUN / "pseudo/wssis.json")["annotations"] if one["source"] == "pseudo"]
    names = {image["file_name"] for image in weak["images"]}
    assert len(pseudo) == sum(row["image"] in names for row in points) > 0
