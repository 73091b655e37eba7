"""COCO annotation files: read, write, and the masks in them.

A mask is a boolean array (H, W). In a file it is a list of polygons (pixel corners at integer coordinates), an
uncompressed RLE (counts: list of int) or a compressed RLE (counts: str), all in COCO's column-major order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from wssis.errors import InputError
from wssis.formats.atomic import temporary_path
from wssis.formats.json_text import dumps, loads, pieces


def read_coco(path: Path) -> dict[str, Any]:
    """Read a COCO file; a missing "annotations" or "images" list is an error, not an empty list.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    path = Path(path)
    try:
        coco = loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: annotation file not found; correct the path") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); export the file again") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(coco, dict) or not isinstance(coco.get(key), list):
            raise InputError(f'{path}: has no list "{key}"; a COCO instances file is expected')
    return coco


def write_coco(path: Path, coco: Mapping[str, Any]) -> None:
    """Write a COCO file atomically, as compact JSON in the given order, with a final newline.

    Lists are written piece by piece; a value may also be an iterator, whose items then never exist all at once.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    with temporary_path(path) as temporary, temporary.open("wb") as stream:
        stream.writelines(_text(coco))


def _text(coco: Mapping[str, Any]) -> Iterator[bytes]:
    for number, (key, value) in enumerate(coco.items()):
        yield (b"," if number else b"{") + dumps(key) + b":"
        if isinstance(value, list | Iterator):
            yield from pieces(value)
        else:
            yield dumps(value)
    yield b"}\n"


def annotations_by_image(coco: Mapping[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Image id -> its annotations in file order; every image of the file has an entry, also the empty ones."""
    groups: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        groups[annotation["image_id"]].append(annotation)
    return groups


def class_indices(coco: Mapping[str, Any]) -> dict[int, int]:
    """Category id -> class index: its place among the sorted ids.

    >>> class_indices({"categories": [{"id": 7}, {"id": 2}]})
    {2: 0, 7: 1}
    """
    return {category: index for index, category in enumerate(sorted(item["id"] for item in coco["categories"]))}


def compressed(segmentation: Sequence[Sequence[float]] | Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    """pycocotools' compressed RLE (counts: bytes) of a segmentation in any of the three forms; polygons are united."""
    if not isinstance(segmentation, Mapping):
        return mask_api.merge(mask_api.frPyObjects(list(segmentation), height, width))
    if isinstance(segmentation["counts"], list):
        return mask_api.frPyObjects(dict(segmentation), height, width)
    return dict(segmentation)


def compressed_many(segmentations: Iterable[Any], height: int, width: int) -> list[dict[str, Any]]:
    """`compressed` of each segmentation of equally large images; all their polygons are rasterised in one call."""
    given = list(segmentations)
    rings = [ring for one in given if isinstance(one, list) for ring in one]
    drawn = iter(mask_api.frPyObjects(rings, height, width) if rings else ())
    made = []
    for one in given:
        if not isinstance(one, list):
            made.append(compressed(one, height, width))
            continue
        parts = list(islice(drawn, len(one)))
        made.append(parts[0] if len(parts) == 1 else mask_api.merge(parts))
    return made


def mask_area(segmentation: Any, height: int, width: int) -> int:
    """Pixels of a sound segmentation's mask."""
    return int(mask_api.area(compressed(segmentation, height, width)))


def decode_mask(annotation: Mapping[str, Any], height: int, width: int) -> NDArray[np.bool_]:
    """The annotation's mask, boolean (height, width).

    Raises:
        InputError: see `segmentation_of`.
    """
    return mask_api.decode(compressed(segmentation_of(annotation, height, width), height, width)).astype(bool)


def segmentation_of(annotation: Mapping[str, Any], height: int, width: int) -> Any:
    """The annotation's segmentation, in any of the three forms.

    Raises:
        InputError: there is none, or an RLE of another size than (height, width).
    """
    segmentation = annotation.get("segmentation")
    if not segmentation:
        raise InputError(f"annotation {annotation.get('id')}: has no segmentation; give it a mask or leave it out")
    if isinstance(segmentation, Mapping) and list(segmentation["size"]) != [height, width]:
        raise InputError(
            f"annotation {annotation.get('id')}: RLE of size {list(segmentation['size'])} in an image of"
            f" [{height}, {width}] (height, width); export it again"
        )
    return segmentation


def encode_mask(mask: NDArray[Any]) -> dict[str, Any]:
    """Compressed RLE of a mask (H, W), ready for JSON: {"size": [H, W], "counts": str}."""
    rle = mask_api.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def mask_box(mask: NDArray[Any]) -> list[int]:
    """COCO box [x, y, w, h] of a mask (H, W), px; all zero for an empty mask.

    >>> mask_box(np.array([[0, 0, 0], [0, 1, 1]]))
    [1, 1, 2, 1]
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return [0, 0, 0, 0]
    return [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
