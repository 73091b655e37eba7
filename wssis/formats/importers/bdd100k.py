"""BDD100K's own JSON (Scalabel): masks of ins_seg, and the centres of det_20's boxes as points.

A mask is an `rle`, or `poly2d` with straight and Bezier edges; polygons of one label are parts of one object. What is
marked `crowd` or `ignored` becomes a crowd region, or has no point. A box ends with the pixels x2, y2: its corners are
pixel indices, and so is its centre.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, number, objects, pair, read_json, whole

STEPS = 16
"""Straight pieces that stand for one Bezier curve."""
Corner = tuple[float, float]


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add all labels of a file of frames, or of a folder of such files.

    Raises:
        InputError: no JSON, or no list of frames.
    """
    for image, place, label in _labels(source, into):
        _add_mask(into, image, place, label)


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add the centre of every box of a file of frames, or of a folder of such files.

    Raises:
        InputError: no JSON, or no list of frames.
    """
    for image, place, label in _labels(source, into):
        if _is_crowd(label):
            into.passed_over["crowd regions, which have no point"] += 1
        else:
            _add_point(into, image, place, label)


def _labels(source: Path, into: Collected) -> Iterator[tuple[LabelledImage, Place, dict[str, Any]]]:
    """Labels of the images that are taken, in the order of the files."""
    for path in _files(source):
        for frame, size in _frames(path):
            labels = list(objects(frame.get("labels")))
            image = into.add_image(Place(path, f"frame {frame.get('name')!r}"), frame.get("name"), *size)
            if image is None:
                into.passed_over[ON_REFUSED] += len(labels)
                continue
            for label in labels:
                yield image, Place(path, f"frame {image.name!r}, label {label.get('id')!r}"), label


def _files(source: Path) -> list[Path]:
    files = sorted(source.glob("*.json")) if source.is_dir() else [source]
    if not files:
        raise InputError(f"{source}: holds no JSON file; name the folder or the file of BDD100K's labels")
    return files


def _frames(path: Path) -> Iterator[tuple[dict[str, Any], tuple[object, object]]]:
    """Frames with their width and height, px, where the file says them: at the frame, in an RLE, or for all."""
    content = read_json(path)
    frames = content.get("frames") if isinstance(content, dict) else content
    if isinstance(content, dict) and frames is None and "labels" in content:
        frames = [content]
    if not isinstance(frames, list):
        raise InputError(f"{path}: is no list of frames; BDD100K's ins_seg or det_20 JSON is expected")
    config = content.get("config") if isinstance(content, dict) else None
    common = config.get("imageSize") if isinstance(config, dict) else None
    for frame in objects(frames):
        size = frame.get("size") or common
        if isinstance(size, dict):
            yield frame, (whole(size.get("width")), whole(size.get("height")))
        else:
            yield frame, _rle_size(frame)


def _rle_size(frame: dict[str, Any]) -> tuple[object, object]:
    for label in objects(frame.get("labels")):
        rle = label.get("rle")
        if isinstance(rle, dict) and isinstance(rle.get("size"), list) and len(rle["size"]) == 2:
            return whole(rle["size"][1]), whole(rle["size"][0])
    return None, None


def _is_crowd(label: dict[str, Any]) -> bool:
    attributes = label.get("attributes")
    marks = attributes if isinstance(attributes, dict) else {}
    return any(bool(marks.get(mark)) for mark in ("crowd", "ignored"))


def _add_point(into: Collected, image: LabelledImage, place: Place, label: dict[str, Any]) -> None:
    box = label.get("box2d")
    if not isinstance(box, dict):
        reason = f"on {image.name}: has no box2d; det_20's JSON is expected"
        into.refuse(place, "no box", reason, image)
        return
    x1, y1, x2, y2 = (number(box.get(key)) for key in ("x1", "y1", "x2", "y2"))
    into.add_point(image, place, label.get("category"), (x1 + x2) / 2, (y1 + y2) / 2)


def _add_mask(into: Collected, image: LabelledImage, place: Place, label: dict[str, Any]) -> None:
    try:
        segmentation = _segmentation(label)
    except ValueError as error:
        into.refuse(place, "unsound mask", f"on {image.name}: {error}; correct or remove the label", image)
    else:
        into.add_mask(image, place, label.get("category"), segmentation, iscrowd=int(_is_crowd(label)))


def _segmentation(label: dict[str, Any]) -> Any:
    if label.get("rle"):
        rle = label["rle"]
        return {"size": rle.get("size"), "counts": rle.get("counts")} if isinstance(rle, dict) else rle
    if not label.get("poly2d"):
        raise ValueError("has neither rle nor poly2d")
    return [[side for corner in _ring(part) for side in corner] for part in objects(label["poly2d"])]


def _ring(part: dict[str, Any]) -> list[Corner]:
    """Corners of a polygon. `types` has a letter for each vertex: L, a corner; C, the first control point of a cubic
    Bezier curve, to which the two vertices behind it belong, the first corner of the ring behind the last.

    >>> _ring({"vertices": [[0, 0], [4, 0], [4, 4]], "types": "LLL", "closed": True})
    [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)]
    """
    given = part.get("vertices")
    vertices = [pair(vertex) for vertex in given] if isinstance(given, list) else []
    types = part.get("types", "L" * len(vertices))
    if not isinstance(types, str) or len(types) != len(vertices) or set(types) - {"L", "C"}:
        raise ValueError(f"its {len(vertices)} vertices need as many types L or C, not {types!r}")
    if not part.get("closed", True):
        raise ValueError("its poly2d is an open line, not a polygon")
    if types.startswith("C"):
        raise ValueError("its poly2d begins within a curve")
    corners: list[Corner] = []
    place = 0
    while place < len(vertices):
        if types[place] == "L":
            corners.append(vertices[place])
            place += 1
            continue
        behind = [*vertices[place:], vertices[0]][:3]
        if len(behind) < 3:
            raise ValueError("its poly2d ends within a curve")
        corners += _curve(corners[-1], *behind)
        place += 3
    return corners


def _curve(begin: Corner, first: Corner, second: Corner, end: Corner) -> list[Corner]:
    """Points of a cubic Bezier curve, its begin left out, its end included."""
    points = []
    for step in range(1, STEPS + 1):
        t = step / STEPS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        x, y = (sum(w * p[axis] for w, p in zip(weights, (begin, first, second, end), strict=True)) for axis in (0, 1))
        points.append((x, y))
    return points
