"""Stage box-points: a box and labelled points for every object of the images that a mix labels this way.

From here on the masks of these images are hidden, as those of the images with single points are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wssis.config.box_points import BoxPointsSettings
from wssis.engine.box_pointing import BoxPoints, simulated_box_points
from wssis.errors import InputError, refuse
from wssis.formats.box_points import KEYS, read_box_points, write_box_points
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.points import write_hidden_ids
from wssis.formats.split import read_split

ORDER_STREAM = 2
IMAGE_KEYS = ("id", "file_name", "width", "height")
OUTPUTS = ("box_points.json", "box_hidden_ids.csv")
Coco = dict[str, Any]


def run(settings: BoxPointsSettings, train: Path, split: Path, out: Path) -> None:
    """Write out/box_points.json, box_hidden_ids.csv and box_points.manifest.json.

    box_points.json has the images of the settings' label kind and of each object its box and points
    (`wssis.formats.box_points`); an image without objects is verified empty. Crowd annotations get no box and are
    counted. box_hidden_ids.csv leads from its ids to those of train.json, for the pseudo-quality stage alone; of
    given labels it has no line.

    Raises:
        InputError: split.csv does not belong to train.json, or has no image of the kind; a mask without a pixel; or
            given boxes and points that are not of these images.
    """
    train, split, out = Path(train), Path(split), Path(out)
    inputs = {"train": train, "split": split} | ({"given": Path(settings.file)} if settings.file else {})
    with StageRun("box_points", out / "box_points.manifest.json", settings, inputs) as stage:
        coco, kinds = read_labels(train), read_split(split)
        if {image["id"] for image in coco["images"]} != set(kinds):
            raise InputError(f"{split}: lists other images than {train}; run split again")
        chosen = [image for image in coco["images"] if kinds[image["id"]] == settings.label_kind]
        if not chosen:
            raise InputError(f"{split}: no image is of kind {settings.label_kind}; raise its share in the mix")
        labelled = {image["id"] for image in chosen}
        if settings.file is None:
            objects = [one for one in coco["annotations"] if one["image_id"] in labelled]
            kept = [one for one in objects if not one["iscrowd"]]
            annotations, hidden, wrong = _simulated(kept, coco["images"], settings)
            counts = {"crowd": len(objects) - len(kept), "wrong_labels": wrong}
        else:
            annotations, hidden, counts = given_annotations(Path(settings.file), coco, labelled), {}, {}
        images = [{key: image[key] for key in IMAGE_KEYS} for image in chosen]
        content = {"images": images, "annotations": annotations, "categories": coco["categories"]}
        write_box_points(out / OUTPUTS[0], content)
        write_hidden_ids(out / OUTPUTS[1], hidden)
        stage.output(*(out / name for name in OUTPUTS))
        stage.counts |= _counts(content) | counts


def _counts(content: Mapping[str, Any]) -> dict[str, int]:
    annotations = content["annotations"]
    return {
        "box_images": len(content["images"]),
        "boxes": len(annotations),
        "points": sum(len(one["point_labels"]) for one in annotations),
        "object_points": sum(sum(one["point_labels"]) for one in annotations),
        "verified_empty": len(content["images"]) - len({one["image_id"] for one in annotations}),
    }


def _simulated(
    objects: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, Any]], settings: BoxPointsSettings
) -> tuple[list[dict[str, Any]], dict[int, int], int]:
    """Annotations of box_points.json, the way from their ids to those of train.json, and how many labels are wrong.

    Order and ids in train.json may tell of the masks, so the new order is drawn, and the new ids count along it.
    """
    given = sorted(objects, key=lambda one: (one["image_id"], one["id"]))
    made = simulated_box_points(given, {image["id"]: image for image in images}, settings)
    places = sorted(range(len(given)), key=lambda place: given[place]["id"])
    order = np.random.default_rng([settings.seed, ORDER_STREAM]).permutation(len(given)).tolist()
    drawn = list(enumerate((places[rank] for rank in order), start=1))
    annotations = [_annotation(identity, given[place], made, place) for identity, place in drawn]
    return annotations, {identity: given[place]["id"] for identity, place in drawn}, made.wrong


def _annotation(identity: int, truth: Mapping[str, Any], made: BoxPoints, place: int) -> dict[str, Any]:
    return {
        "id": identity,
        "image_id": truth["image_id"],
        "category_id": truth["category_id"],
        "bbox": made.boxes[place].tolist(),
        "point_coords": made.coords[place].tolist(),
        "point_labels": made.labels[place].tolist(),
    }


def given_annotations(path: Path, train: Mapping[str, Any], labelled: set[int]) -> list[dict[str, Any]]:
    """The annotations of given boxes and points that lie on the labelled images, in the order of their ids.

    Args:
        path: in the form of box_points.json; it may hold further images of the training set.
        train: content of train.json; its annotations are not looked at.
        labelled: ids of the images that the mix labels this way.

    Raises:
        InputError: a labelled image is missing in the file, or it has an image or category that train.json has not.
    """
    given = read_box_points(path)
    problems = [*_image_problems(given, train, labelled), *_category_problems(given, train)]
    refuse([f"{path}: {problem}" for problem in problems])
    own = sorted((one for one in given["annotations"] if one["image_id"] in labelled), key=lambda one: one["id"])
    return [{key: one[key] for key in KEYS} for one in own]


def _image_problems(given: Coco, train: Mapping[str, Any], labelled: set[int]) -> list[str]:
    """Images that are missing, unknown, or other ones under the same id."""
    known = {image["id"]: image for image in train["images"]}
    here = {image["id"]: image for image in given["images"]}
    lacking = [f"image {one} is missing; label it, or list it without annotations if it shows no object"
               for one in sorted(labelled - here.keys())]  # fmt: skip
    unknown = [f"image {one} is not in train.json; ids must be those of the data set"
               for one in sorted(here.keys() - known.keys())]  # fmt: skip
    other = [
        f"image {one} is {_frame(here[one])}; in train.json it is {_frame(known[one])}: ids must be the data set's"
        for one in sorted(here.keys() & known.keys())
        if _frame(here[one]) != _frame(known[one])
    ]
    return [*lacking, *unknown, *other]


def _frame(image: Mapping[str, Any]) -> str:
    return f"{image['file_name']} ({image['width']} x {image['height']})"


def _category_problems(given: Coco, train: Mapping[str, Any]) -> list[str]:
    """Categories that train.json has not, or under another name, used by an annotation or not."""
    known = {category["id"]: category["name"] for category in train["categories"]}
    return [
        f"category {one['id']} ({one['name']}) is not in train.json, which has"
        f" {known.get(one['id'], 'none of that id')}; use the data set's ids"
        for one in given["categories"]
        if known.get(one["id"]) != one["name"]
    ]
