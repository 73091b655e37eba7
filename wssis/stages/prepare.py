"""Stage prepare: refuse bad annotations, write good ones in one form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wssis.config.stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_check import check_coco
from wssis.formats.coco_normal import normal_form
from wssis.formats.manifest import StageRun

SHOWN = 200
"""Problems that are printed in full; the rest is counted."""


def _disagreements(train: Mapping[str, Any], val: Mapping[str, Any], val_path: Path) -> list[str]:
    """Categories of the validation file that the training file has not, or under another name."""
    names = {category.get("id"): category.get("name") for category in train["categories"]}
    problems = []
    for category in val["categories"]:
        identity, name = category.get("id"), category.get("name")
        if names.get(identity) != name:
            there = f"called {names[identity]!r}" if identity in names else "missing"
            problems.append(
                f"{val_path}: category {identity!r} ({name!r}) is {there} in the training file; make both lists equal"
            )
    return problems


def refusal(problems: list[str]) -> str:
    """The problems as one message: a line each, the count first."""
    shown = problems[:SHOWN]
    rest = len(problems) - len(shown)
    more = [f"... and {rest} more of the like"] if rest else []
    return "\n".join([f"{len(problems)} problem(s) in the data:", *shown, *more])


def run(settings: PrepareSettings, train_annotations: Path, val_annotations: Path, out: Path) -> None:
    """Check two COCO files and write out/train.json, out/val.json, out/prepare.manifest.json.

    Raises:
        InputError: names every problem of both files.
    """
    paths = {"train": Path(train_annotations), "val": Path(val_annotations)}
    out = Path(out)
    with StageRun("prepare", out / "prepare.manifest.json", settings, paths) as stage_run:
        given = {subset: read_coco(path) for subset, path in paths.items()}
        problems = [line for subset in given for line in check_coco(given[subset], paths[subset], settings.zero_area)]
        problems = problems or _disagreements(given["train"], given["val"], paths["val"])
        if problems:
            raise InputError(refusal(problems))
        for subset, coco in given.items():
            content, dropped = normal_form(coco, settings.zero_area)
            write_coco(out / f"{subset}.json", content)
            stage_run.output(out / f"{subset}.json")
            stage_run.counts[f"{subset}_images"] = len(content["images"])
            stage_run.counts[f"{subset}_objects"] = sum(not a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_crowd"] = sum(a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_dropped"] = dropped
