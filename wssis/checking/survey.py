"""Every image opened once: the rows of images.csv, the facts beside them, and all problems."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc
from tqdm import tqdm

from wssis.checking.alike import alike_groups
from wssis.formats.image_check import THUMBNAIL, ExpectedImage, SeenImage, check_image
from wssis.formats.image_facts import ImageFacts
from wssis.formats.images_table import ImageRow
from wssis.formats.remark import Remark
from wssis.process_pool import process_pool

SOUND_SHARE = 0.6
"""Of the points on the two outermost rings of pixels, at most this share lies on the outer one in sound clicks."""
IMPROBABLE = 1e-3
"""So improbable as sound clicks must points on the outermost pixels be to be named."""


@dataclass(frozen=True)
class Survey:
    """What was found: `rows` and `facts` of the sound images, in the same order; `problems` of the others."""

    rows: list[ImageRow]
    facts: list[ImageFacts]
    problems: list[Remark]


def survey_images(expected: Sequence[ExpectedImage], workers: int = 0) -> Survey:
    """Look at all images, in their order.

    workers: processes beside this one; the result does not depend on it.
    """
    outcomes = list(tqdm(_outcomes(expected, workers), total=len(expected), desc="images", disable=None))
    seen = [outcome for outcome in outcomes if isinstance(outcome, SeenImage)]
    problems = [outcome for outcome in outcomes if isinstance(outcome, Remark)]
    pictures = np.frombuffer(b"".join(one.thumbnail for one in seen), np.uint8).reshape(-1, THUMBNAIL, THUMBNAIL)
    clipped = _clipped_parts(seen)
    facts = [
        ImageFacts(
            one.row.subset, one.row.image_id, one.mode, one.orientation, alike, one.flat_points,
            one.border_points if one.row.subset in clipped else (),
        )
        for one, alike in zip(seen, alike_groups(pictures), strict=True)
    ]  # fmt: skip
    return Survey([one.row for one in seen], facts, problems)


def _outcomes(expected: Sequence[ExpectedImage], workers: int) -> Iterator[SeenImage | Remark]:
    """Check all images, in order; in this process if there are no workers."""
    if workers == 0 or not expected:
        yield from map(check_image, expected)
        return
    with process_pool(workers) as pool:
        yield from pool.map(check_image, expected, chunksize=16)


def _clipped_parts(seen: Sequence[SeenImage]) -> set[str]:
    """Parts with more points on the outermost pixels than sound clicks put there.

    A single point tells nothing: objects that the border cuts off are clicked there, too. But sound clicks fall on the
    outermost pixels hardly more often than on those beside them (on random pixels of the nuclei 53 % of both, since
    slivers of small objects are left there); clipping heaps them up.
    """
    border: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    for one in seen:
        border[one.row.subset] += len(one.border_points)
        beside[one.row.subset] += one.beside_border
    return {part for part, on in border.items() if bdtrc(on - 1, on + beside[part], SOUND_SHARE) < IMPROBABLE}
