"""Stage points-given: the clicks of half-labelled files, and one simulated point per object of their full images.

Only the refiner's training pairs need points on full images. They stand for clicks: the settings should say how the
team clicks, or the refiner learns from points that weak images do not have.
"""

from pathlib import Path

from wssis.config.data_stages import PointsSettings
from wssis.engine.pointing import simulated_points
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.labels_file import check_labels, read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.points import write_full_points
from wssis.formats.split import part_of, read_split

IMAGE_KEYS = ("id", "file_name", "width", "height")
POINT_KEYS = ("id", "image_id", "category_id", "point")


def run(settings: PointsSettings, train: Path, split: Path, full: Path, out: Path, workers: int = 0) -> None:
    """Write out/full_points.csv, weak.json and points.manifest.json.

    weak.json has the images of kind "point", and the clicks as they were given; an image without any is verified empty.

    Args:
        settings: how the points of the full images are simulated.
        train: train.json of the data set. split, full: split.csv and full.json of the run.
        out: folder of the run.
        workers: processes that draw the masks of many objects.

    Raises:
        InputError: split.csv does not belong to train.json; or a mask without a pixel.
    """
    inputs = {"train": train, "split": split, "full": full}
    with StageRun("points_given", out / "points.manifest.json", settings, inputs) as stage_run:
        coco, kinds = read_labels(train), read_split(split)
        full_coco = read_labels(full, "segmentation", "iscrowd")
        if {image["id"] for image in coco["images"]} != set(kinds):
            raise InputError(f"{split}: lists other images than {train}; run split-given again")
        weak = part_of(coco, kinds, "point", with_annotations=True)
        check_labels(weak, train, "point")
        images = {image["id"]: image for image in full_coco["images"]}
        objects = [annotation for annotation in full_coco["annotations"] if not annotation["iscrowd"]]
        points = simulated_points(objects, images, settings, workers)
        write_full_points(out / "full_points.csv", dict(zip((a["id"] for a in objects), points, strict=True)))
        content = {
            "images": [{key: image[key] for key in IMAGE_KEYS} for image in weak["images"]],
            "annotations": [{key: one[key] for key in POINT_KEYS} for one in weak["annotations"]],
            "categories": weak["categories"],
        }
        write_coco(out / "weak.json", content)
        stage_run.output(out / "weak.json", out / "full_points.csv")
        stage_run.counts |= {
            "full_points": len(objects),
            "weak_images": len(weak["images"]),
            "weak_points": len(weak["annotations"]),
            "verified_empty": len(weak["images"]) - len({one["image_id"] for one in weak["annotations"]}),
            "weak_crowd": 0,
            "full_crowd": len(full_coco["annotations"]) - len(objects),
        }
