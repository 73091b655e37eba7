"""Stage points: one simulated point per object, on the full and the weak images alike.

From here on the masks of the weak images are hidden.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wssis.config.data_stages import PointsSettings
from wssis.engine.pointing import simulated_points
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.points import write_full_points, write_hidden_ids
from wssis.formats.split import read_split
from wssis.geometry.points import Point

ORDER_STREAM = 2
WEAK_IMAGE_KEYS = ("id", "file_name", "width", "height")


def weak_annotations(
    annotations: list[dict[str, Any]], points: Mapping[int, Point], settings: PointsSettings
) -> tuple[Iterator[dict[str, Any]], dict[int, int]]:
    """Annotations of weak.json, one after another, and the way back: their ids -> ids in train.json.

    Order and ids in train.json may tell of the masks (of their size, or of who drew them), so the new order is drawn,
    and the new ids count along it.

    Args:
        points: annotation id in train.json -> point.
    """
    given = sorted(annotations, key=lambda annotation: annotation["id"])
    order = np.random.default_rng([settings.seed, ORDER_STREAM]).permutation(len(given))
    numbered = list(enumerate((given[place] for place in order.tolist()), start=1))
    weak = (
        {"id": identity, "image_id": a["image_id"], "category_id": a["category_id"], "point": list(points[a["id"]])}
        for identity, a in numbered
    )
    return weak, {identity: a["id"] for identity, a in numbered}


def run(settings: PointsSettings, train: Path, split: Path, full: Path, out: Path, workers: int = 0) -> None:
    """Write out/full_points.csv, weak.json, hidden_ids.csv and points.manifest.json.

    weak.json has the images of kind "point" and of each object id, image_id, category_id and point [x, y]; an image
    without objects is verified empty. Crowd annotations get no point and are counted. hidden_ids.csv leads from the
    ids of weak.json to those of train.json, for the pseudo-quality stage alone. With `workers`, that many processes
    draw the masks of a large set.

    Raises:
        InputError: split.csv does not belong to train.json; or a mask without a pixel.
    """
    train, split, full, out = Path(train), Path(split), Path(full), Path(out)
    inputs = {"train": train, "split": split, "full": full}
    with StageRun("points", out / "points.manifest.json", settings, inputs) as stage_run:
        masks = ("segmentation", "iscrowd")
        coco, kinds, full_coco = read_labels(train, *masks), read_split(split), read_labels(full, *masks)
        images = {image["id"]: image for image in coco["images"]}
        if set(images) != set(kinds):
            raise InputError(f"{split}: lists other images than {train}; run split again")
        pointed = [annotation for annotation in coco["annotations"] if kinds[annotation["image_id"]] == "point"]
        weak_objects = [annotation for annotation in pointed if not annotation["iscrowd"]]
        objects = [annotation for annotation in full_coco["annotations"] if not annotation["iscrowd"]]
        drawn = [*weak_objects, *objects]
        ids = [annotation["id"] for annotation in drawn]
        points = dict(zip(ids, simulated_points(drawn, images, settings, workers), strict=True))
        weak, hidden = weak_annotations(weak_objects, points, settings)
        weak_images = [
            {key: image[key] for key in WEAK_IMAGE_KEYS} for image in coco["images"] if kinds[image["id"]] == "point"
        ]
        content = {"images": weak_images, "annotations": weak, "categories": coco["categories"]}
        write_coco(out / "weak.json", content)
        write_full_points(out / "full_points.csv", {a["id"]: points[a["id"]] for a in objects})
        write_hidden_ids(out / "hidden_ids.csv", hidden)
        stage_run.output(out / "weak.json", out / "full_points.csv", out / "hidden_ids.csv")
        stage_run.counts |= {
            "full_points": len(objects),
            "weak_images": len(weak_images),
            "weak_points": len(weak_objects),
            "verified_empty": len(weak_images) - len({annotation["image_id"] for annotation in weak_objects}),
            "weak_crowd": len(pointed) - len(weak_objects),
            "full_crowd": len(full_coco["annotations"]) - len(objects),
        }
