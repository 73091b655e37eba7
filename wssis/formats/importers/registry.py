"""The label formats that can be read, by the name that `wssis convert` knows them by."""

from wssis.formats.importers import bdd100k, coco, csv_points, cvat, instance_png, label_studio, labelme, voc
from wssis.formats.importers.reader import Reader

READERS: dict[str, dict[str, Reader]] = {
    "points": {
        "coco-keypoints": Reader(coco.read_keypoints, options=("keypoint", "corners"), keeps_ids=True),
        "coco-points": Reader(coco.read_points, options=("corners",), keeps_ids=True),
        "cvat": Reader(cvat.read_points, upright=True),
        "label-studio": Reader(label_studio.read_points, upright=True),
        "labelme": Reader(labelme.read_points, upright=True),
        "bdd100k": Reader(bdd100k.read_points),
        "csv": Reader(csv_points.read_points, upright=True, options=("corners",)),
    },
    "masks": {
        "coco": Reader(coco.read_masks, keeps_ids=True),
        "cvat": Reader(cvat.read_masks, upright=True),
        "label-studio": Reader(label_studio.read_masks, upright=True),
        "labelme": Reader(labelme.read_masks, upright=True),
        "instance-png": Reader(instance_png.read_masks, options=("category",)),
        "voc": Reader(voc.read_masks, images="JPEGImages"),
        "bdd100k": Reader(bdd100k.read_masks),
    },
}
"""Kind of label -> format -> reader."""
