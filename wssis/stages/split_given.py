"""Stage split-given: the split of half-labelled files, which say themselves which images have masks."""

from collections import Counter
from pathlib import Path

from wssis.config.half_labelled import GivenSplitSettings
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.labels_file import check_labels, read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.split import part_of, read_split, write_split


def run(settings: GivenSplitSettings, train: Path, given: Path, out: Path) -> None:
    """Write out/split.csv, full.json (with masks), unlabelled.json (images only) and split.manifest.json.

    Args:
        settings: none.
        train: train.json of the data set: masks of the full images, points of the weak ones.
        given: given.csv of the data set: the label kind of every image of train.json.
        out: folder of the run.

    Raises:
        InputError: given.csv does not belong to train.json.
    """
    with StageRun("split_given", out / "split.manifest.json", settings, {"train": train, "given": given}) as stage_run:
        coco, kinds = read_labels(train), read_split(given)
        if {image["id"] for image in coco["images"]} != set(kinds):
            raise InputError(f"{given}: lists other images than {train}; run take-given again")
        full = part_of(coco, kinds, "full", with_annotations=True)
        check_labels(full, train, "segmentation", "iscrowd")
        write_split(out / "split.csv", kinds)
        write_coco(out / "full.json", full)
        write_coco(out / "unlabelled.json", part_of(coco, kinds, "unlabelled", with_annotations=False))
        stage_run.output(out / "split.csv", out / "full.json", out / "unlabelled.json")
        stage_run.counts |= {f"{kind}_images": count for kind, count in sorted(Counter(kinds.values()).items())}
        stage_run.counts["full_objects"] = sum(not annotation["iscrowd"] for annotation in full["annotations"])
        stage_run.counts["full_crowd"] = sum(annotation["iscrowd"] for annotation in full["annotations"])
