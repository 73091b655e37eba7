"""Where the label of a weak object lies: its point, or a point that stands for its box."""

from collections.abc import Mapping
from typing import Any

HALF_PIXEL = 0.5


def place_of_label(annotation: Mapping[str, Any]) -> list[float]:
    """[x, y] in pixel indices, (0, 0) the centre of the top-left pixel.

    Args:
        annotation: of weak.json, with its point; or of box_points.json: its first point on the object or, without one,
            the middle of its box, both half a pixel less than in that file.

    >>> place_of_label({"bbox": [2, 4, 5, 3], "point_coords": [[2.5, 4.5], [6.0, 5.0]], "point_labels": [0, 1]})
    [5.5, 4.5]
    >>> place_of_label({"bbox": [2, 4, 5, 3], "point_coords": [], "point_labels": []})
    [4.0, 5.0]
    """
    if "point" in annotation:
        return list(annotation["point"])
    pairs = zip(annotation["point_coords"], annotation["point_labels"], strict=True)
    x, y, width, height = annotation["bbox"]
    place = next((point for point, label in pairs if label), (x + width / 2, y + height / 2))
    return [float(side) - HALF_PIXEL for side in place]
