"""Stage prepare: refuse bad annotations, write good ones in one form."""

from pathlib import Path

from wssis.checking.parts import Part, annotation_problems, image_problems, read_parts
from wssis.config.data_stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.coco import write_coco
from wssis.formats.coco_normal import normal_form
from wssis.formats.manifest import StageRun
from wssis.formats.remark import refusal


def run(
    settings: PrepareSettings,
    train_annotations: Path,
    val_annotations: Path,
    out: Path,
    train_images: Path | None = None,
    val_images: Path | None = None,
    workers: int = 0,
) -> None:
    """Check two COCO files and write out/train.json, out/val.json, out/prepare.manifest.json.

    Args:
        train_images, val_images: image folders. They are looked at only where the annotations are refused, so that
            one list has everything that is wrong; otherwise that is left to check_images.
        workers: processes that look at images.

    Raises:
        InputError: names every problem of both files, and of their images.
    """
    paths = {"train": Path(train_annotations), "val": Path(val_annotations)}
    folders = {"train": train_images, "val": val_images}
    parts = [Part(name, path, folders[name] and Path(folders[name])) for name, path in paths.items()]
    out = Path(out)
    refuse_overwriting(paths.values(), [out / f"{name}.json" for name in paths])
    with StageRun("prepare", out / "prepare.manifest.json", settings, paths) as stage_run:
        given, unreadable = read_parts(parts)
        problems = unreadable + annotation_problems(parts, given, settings.zero_area)
        if problems:
            raise InputError(refusal(problems + image_problems(parts, given, workers)))
        for subset, coco in given.items():
            content, dropped = normal_form(coco, settings.zero_area)
            write_coco(out / f"{subset}.json", content)
            stage_run.output(out / f"{subset}.json")
            stage_run.counts[f"{subset}_images"] = len(content["images"])
            stage_run.counts[f"{subset}_objects"] = sum(not a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_crowd"] = sum(a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_dropped"] = dropped
