"""Stage generate: the embedded data set `shapes`, from its settings alone."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from wssis.config.data_stages import GenerateSettings
from wssis.errors import InputError
from wssis.formats.atomic import temporary_folder
from wssis.formats.coco import decode_mask, encode_mask, mask_box, write_coco
from wssis.formats.manifest import StageRun
from wssis.formats.photographs import photograph_paths, read_photographs
from wssis.formats.strays import without_strays
from wssis.geometry.shapes.drawn_masks import draw
from wssis.geometry.shapes.outlines import CATALOGUE
from wssis.geometry.shapes.scenes import Scene, draw_scene

SUBSETS = ("train", "val")


def _filled(rings: list[NDArray[np.float64]], height: int, width: int) -> NDArray[np.bool_]:
    return decode_mask({"segmentation": [ring.ravel().tolist() for ring in rings]}, height, width)


def _segmentation(mask: NDArray[np.bool_], polygon_error: float, rng: Generator) -> Any:
    """What the annotator drew: polygons; RLE where there is a hole, which COCO's polygons cannot say."""
    height, width = mask.shape
    outer, holes = draw(mask, polygon_error, rng)
    if holes:
        drawn = _filled(outer, height, width) & ~_filled(holes, height, width)
        return encode_mask(drawn if drawn.any() else mask)
    seen = bool(outer) and _filled(outer, height, width).any()
    return [ring.ravel().tolist() for ring in outer] if seen else encode_mask(mask)


def _annotation(
    category: int, mask: NDArray[np.bool_], exact: bool, polygon_error: float, rng: Generator
) -> dict[str, Any]:
    segmentation = encode_mask(mask) if exact else _segmentation(mask, polygon_error, rng)
    drawn = decode_mask({"segmentation": segmentation}, *mask.shape)
    return {
        "category_id": category + 1,
        "segmentation": segmentation,
        "bbox": mask_box(drawn),
        "area": int(drawn.sum()),
        "iscrowd": 0,
    }


def _save(scene: Scene, path: Path) -> None:
    Image.fromarray(scene.picture).save(path, compress_level=3)


def _subset(settings: GenerateSettings, subset: str, folder: Path) -> dict[str, Any]:
    """Draw one subset's images into `folder`; its COCO content. Image n depends on the settings and n alone."""
    count = settings.train_images if subset == "train" else settings.val_images
    photographs = read_photographs(subset)
    stream = SUBSETS.index(subset)
    order = np.random.default_rng([settings.seed, stream]).permutation(count)
    empty = set(order[: round(settings.empty * count)].tolist())
    images, annotations = [], []
    for number in range(count):
        rng = np.random.default_rng([settings.seed, stream, number])
        scene = draw_scene(settings, photographs, number in empty, rng)
        name = f"{number + 1:06d}.png"
        _save(scene, folder / name)
        images.append({"id": number + 1, "file_name": name, "width": settings.size, "height": settings.size})
        for category, mask in zip(scene.categories, scene.masks, strict=True):
            annotation = _annotation(category, mask, subset == "val", settings.polygon_error, rng)
            annotations.append({"id": len(annotations) + 1, "image_id": number + 1, **annotation})
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(list(CATALOGUE)[: settings.classes])]
    return {"images": images, "annotations": annotations, "categories": categories}


def _refuse_other_data(out: Path) -> None:
    """Somebody else's train.json and images are not to be replaced by drawn ones."""
    for subset in SUBSETS:
        path, images = out / f"{subset}.json", out / "images" / subset
        if path.exists() and not (images.is_dir() and any(without_strays(images)) and _all_drawn(images)):
            raise InputError(f"{path}: exists, and is none of the drawn data set's; name another folder with --out")


def _all_drawn(folder: Path) -> bool:
    """Whether every name in a folder is one of an image that is drawn here."""
    return all(re.fullmatch(r"\d{6}\.png", path.name) for path in without_strays(folder))


def run(settings: GenerateSettings, out: Path) -> None:
    """Write out/train.json, out/val.json, out/images/{train,val}/*.png and out/prepare.manifest.json.

    The masks of val.json are exact; those of train.json are drawn, with an error of about `polygon_error` px.

    Raises:
        InputError: scikit-image lacks the photographs of its wheel; or a data set of another origin is in the way.
    """
    out = Path(out)
    _refuse_other_data(out)
    inputs = {path.name: path for subset in SUBSETS for path in photograph_paths(subset)}
    with StageRun("generate", out / "prepare.manifest.json", settings, inputs) as stage_run:
        for subset in SUBSETS:
            with temporary_folder(out / "images" / subset, _all_drawn) as folder:
                folder.mkdir(parents=True)
                coco = _subset(settings, subset, folder)
            write_coco(out / f"{subset}.json", coco)
            stage_run.output(out / f"{subset}.json", out / "images" / subset)
            stage_run.counts[f"{subset}_images"] = len(coco["images"])
            stage_run.counts[f"{subset}_objects"] = len(coco["annotations"])
