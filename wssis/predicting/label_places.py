"""Where the label of an object goes in a picture: beside it, where no other object and no label is."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]
"""left, top, right, bottom in px of the picture; right and bottom are exclusive."""
LABEL_WEIGHT = 100
"""A pixel of a label counts as so many pixels of an object: labels lie on objects rather than on one another."""


class LabelPlaces:
    """What is taken in a picture of (width, height) px by objects and labels."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._taken: NDArray[np.uint16] = np.zeros((size[1], size[0]), np.uint16)

    def add_object(self, mask: NDArray[np.bool_]) -> None:
        """Keep labels off a mask (H, W) of the same image at any scale, where there is room."""
        height, width = self._taken.shape
        self._taken |= np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST), np.uint16)

    def place(self, box: Sequence[float], width: int, height: int) -> Box:
        """The best place of a label of width x height px for an object in `box` (left, top, right, bottom).

        It lies above or below the object, or else in it, where it hides least; of equal places it takes the first.
        """
        left, top, right, bottom = map(round, box)
        rows, columns = self._taken.shape
        places = []
        for x, y in _candidates(left, top, right, bottom, width, height):
            x, y = max(0, min(x, columns - width)), max(0, min(y, rows - height))
            places.append((x, y, x + width, y + height))
        best = min(places, key=lambda one: int(self._window(one).sum()))
        self._window(best)[...] = LABEL_WEIGHT
        return best

    def _window(self, box: Box) -> NDArray[np.uint16]:
        return self._taken[box[1] : box[3], box[0] : box[2]]


def _candidates(left: int, top: int, right: int, bottom: int, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Upper left corners of the label: above, below, then down the object from its lower edge, where no face is."""
    for y in (top - height, bottom):
        yield from ((left, y), (right - width, y))
    yield from (((left + right - width) // 2, y) for y in range(bottom - height, top - 1, -height))
