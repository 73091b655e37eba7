"""Which images look alike: copies at another size, quality or brightness, frames of one video, retouched pictures.

Two images look alike where their grey pictures of 16 x 16 px, each box a mean, have a correlation of ALIKE or more. It
does not see mirrored, turned or cropped copies, and images whose small picture is flat look like nothing.

N: images. F: side of the small picture squared.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

ALIKE = 0.97
"""Least correlation of images that look alike."""
COARSE = 4
"""Side of the block of low frequencies that is searched."""
NEIGHBOURS = 8
"""Most neighbours of an image that are compared with it; groups still hang together through each other."""
LEAST_SPREAD = 4.0
"""Standard deviation of grey values, of 255, from which a small picture says something."""


def alike_groups(thumbnails: NDArray[np.uint8], least: float = ALIKE) -> list[int | None]:
    """Number of each image's group, from 0 in the order of its first image; None for an image like no other.

    thumbnails: uint8 (N, side, side).

    A group is whatever hangs together by pairs that look alike.
    """
    if len(thumbnails) < 2:
        return [None] * len(thumbnails)
    distinct, place = np.unique(thumbnails.reshape(len(thumbnails), -1), axis=0, return_inverse=True)
    label = _components(distinct.reshape(-1, *thumbnails.shape[1:]), least)[place.ravel()]
    spread = thumbnails.reshape(len(thumbnails), -1).std(axis=1) >= LEAST_SPREAD
    size = np.bincount(label[spread], minlength=int(label.max()) + 1)
    numbers: dict[int, int] = {}
    return [
        numbers.setdefault(one, len(numbers)) if seen and size[one] > 1 else None
        for one, seen in zip(label.tolist(), spread.tolist(), strict=True)
    ]


def _components(pictures: NDArray[np.uint8], least: float) -> NDArray[np.int64]:
    """Label (N,) of every picture; equal labels hang together."""
    grey = pictures.astype(np.float32)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    norm = np.linalg.norm(grey, axis=(1, 2), keepdims=True)
    plain = norm[:, 0, 0] < LEAST_SPREAD * pictures.shape[1]
    grey /= np.maximum(norm, 1e-6)
    # |a - b|^2 = 2 - 2 correlation, and an orthonormal transform's part of the differences is no larger than all.
    coarse = dctn(grey, axes=(1, 2), norm="ortho")[:, :COARSE, :COARSE].reshape(len(grey), -1)
    reach = float(np.sqrt(2 - 2 * least))
    ranks = range(1, min(NEIGHBOURS + 1, len(grey)) + 1)
    _, near = KDTree(coarse).query(coarse, k=list(ranks), distance_upper_bound=reach + 1e-4)
    first, rank = np.nonzero(near < len(grey))
    second = near[first, rank]
    flat = grey.reshape(len(grey), -1)
    kept = (first != second) & ~plain[first] & ~plain[second]
    first, second = first[kept], second[kept]
    alike = np.einsum("nf,nf->n", flat[first], flat[second]) >= least
    first, second = first[alike], second[alike]
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(grey), len(grey)))
    return connected_components(links, directed=False)[1]
