"""Stage check_images: open and hash every image once, so that later stages can trust what they read."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from wssis.config.stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import StageRun

SHOWN = 200
"""Problems that are printed in full; the rest is counted."""


@dataclass(frozen=True)
class _Expected:
    """One image as its annotation file has it."""

    subset: str
    image_id: int
    file_name: str
    folder: Path
    width: int
    height: int


def check_image(expected: _Expected) -> ImageRow | str:
    """Decode one image wholly and hash its file; the row of the table, or what is wrong and what to do.

    The size is that of the stored pixels: EXIF orientation is ignored, as COCO does.
    """
    path = expected.folder / expected.file_name
    label = f"{path}: image {expected.image_id} of {expected.subset}"
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            image.convert("RGB")
            size = image.size
    except FileNotFoundError:
        return f"{label}: missing; put it there, or correct the image folder or file_name"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"{label}: unreadable or truncated ({error}); copy it again or remove it from the annotations"
    if size != (expected.width, expected.height):
        return (
            f"{label}: is {size[0]} x {size[1]} px, the annotations say {expected.width} x {expected.height};"
            " correct whichever is wrong"
        )
    digest = hashlib.sha256(content).hexdigest()
    return ImageRow(expected.subset, expected.image_id, expected.file_name, *size, digest)


def _expected(subset: str, annotations: Path, folder: Path) -> list[_Expected]:
    images = sorted(read_coco(annotations)["images"], key=lambda image: image["id"])
    return [_Expected(subset, i["id"], i["file_name"], folder, i["width"], i["height"]) for i in images]


def _outcomes(expected: Sequence[_Expected], workers: int) -> Iterator[ImageRow | str]:
    """Check all images, in order; in this process if there are no workers."""
    if workers == 0:
        yield from map(check_image, expected)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(check_image, expected, chunksize=16)


def duplicates(rows: Sequence[ImageRow]) -> list[tuple[ImageRow, ImageRow]]:
    """Pairs of a training and a validation image whose files are equal to the byte."""
    train = {row.sha256: row for row in rows if row.subset == "train"}
    return [(train[row.sha256], row) for row in rows if row.subset == "val" and row.sha256 in train]


def run(
    settings: PrepareSettings,
    train: Path,
    val: Path,
    train_images: Path,
    val_images: Path,
    out: Path,
    workers: int = 0,
) -> None:
    """Check the images of train.json and val.json and write images.csv and its manifest.

    Images that are in both subsets are counted in the manifest (`train_images_in_val`).

    Raises:
        InputError: names every image that is missing, unreadable, truncated or of another size.
    """
    out = Path(out)
    inputs = {"train": Path(train), "val": Path(val)}
    with StageRun("check_images", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage_run:
        expected = _expected("train", inputs["train"], Path(train_images))
        expected += _expected("val", inputs["val"], Path(val_images))
        checked = list(tqdm(_outcomes(expected, workers), total=len(expected), desc="images", disable=None))
        problems = [outcome for outcome in checked if isinstance(outcome, str)]
        if problems:
            rest = len(problems) - SHOWN
            more = [f"... and {rest} more of the like"] if rest > 0 else []
            raise InputError("\n".join([f"{len(problems)} problem(s) with images:", *problems[:SHOWN], *more]))
        rows = [outcome for outcome in checked if isinstance(outcome, ImageRow)]
        write_images_table(out, rows)
        stage_run.output(out)
        stage_run.counts["images"] = len(rows)
        stage_run.counts["train_images_in_val"] = len(duplicates(rows))
