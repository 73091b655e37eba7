"""Warnings about images that are legal and odd, and about the points clicked in them."""

from collections.abc import Iterator, Sequence

from wssis.checking.known import Labelling, Looked
from wssis.checking.parts import VAL
from wssis.formats.images_table import ImageRow
from wssis.formats.remark import Fault, Remark

WEAK = ("point", "points10")
"""Kinds of images whose masks are hidden, and whose labels are paid for."""
MUCH_LARGER = 4
"""Times the short side in training from which an image's own counts as much larger."""
_ALPHA = ("transparency is dropped", "where they are not opaque, save them on the background you want")
_CONVERTED = ("they become RGB without a colour profile", "save them as RGB if colours matter")
LOSSY = {mode: _ALPHA for mode in ("LA", "PA", "RGBA")} | {mode: _CONVERTED for mode in ("CMYK", "YCbCr", "LAB", "HSV")}
"""Pillow's kind of pixels -> what is lost, and what to do."""


def size_warnings(rows: Sequence[ImageRow], short_side: int) -> Iterator[Remark]:
    """Images that lose most of their pixels on the way into the network; one warning a part.

    short_side: largest in training, px.
    """
    for part, own in _by_part(rows).items():
        large = [row for row in own if min(row.width, row.height) > MUCH_LARGER * short_side]
        if large:
            worst = max(large, key=lambda row: min(row.width, row.height))
            what = (
                f"is {worst.width} x {worst.height} px, more than {MUCH_LARGER} times the {short_side} px of training,"
                f" one of {len(large)} such images among the {len(own)} of {part}"
            )
            remedy = "small objects vanish: cut them into tiles, or raise augmentation.short_sides"
            yield Fault("image much larger than in training", what, remedy).at(worst.file_name, _image(worst))


def orientation_warnings(looked: Looked) -> Iterator[Remark]:
    """EXIF orientations that turn or mirror an image on the screen of its annotator."""
    for row, facts in zip(looked.rows, looked.facts, strict=True):
        if facts.orientation != 1:
            what = f"has EXIF orientation {facts.orientation}: viewers turn or mirror it, training does not"
            remedy = "see that its labels fit the stored pixels, or turn the pixels themselves"
            yield Fault("EXIF orientation", what, remedy).at(row.file_name, _image(row))


def pixel_warnings(looked: Looked) -> Iterator[Remark]:
    """Kinds of pixels that lose something on the way to RGB; one warning for each."""
    for mode, (what, remedy) in LOSSY.items():
        rows = [row for row, facts in zip(looked.rows, looked.facts, strict=True) if facts.mode == mode]
        if rows:
            fault = Fault("pixels", f"has {mode} pixels, like {len(rows)} images in all: {what}", remedy)
            yield fault.at(rows[0].file_name, _image(rows[0]))


def name_warnings(rows: Sequence[ImageRow]) -> Iterator[Remark]:
    """File names of one part that differ in case only."""
    for own in _by_part(rows).values():
        first: dict[str, ImageRow] = {}
        for row in own:
            other = first.setdefault(row.file_name.casefold(), row)
            if other is not row:
                what = f"differs from {other.file_name} (image {other.image_id}) in upper and lower case only"
                yield Fault("file names alike", what, "rename one: some disks take them for one file").at(
                    row.file_name, _image(row)
                )


def copies_in_val(looked: Looked) -> Iterator[Remark]:
    """Validation images that equal a training image, or look like one."""
    train = [place for place, row in enumerate(looked.rows) if row.subset != VAL]
    val = [place for place, row in enumerate(looked.rows) if row.subset == VAL]
    remedy = "the AP is too good by it: take it out of either"
    for place, other, equal in _copies(looked, train, val):
        kind, words = ("same image", "is the same file as") if equal else ("near-duplicates", "looks like")
        what = f"{words} {looked.rows[other].file_name}, {_image(looked.rows[other])}"
        row = looked.rows[place]
        yield Fault(f"{kind} in training and validation", what, remedy).at(row.file_name, _image(row))


def copies_in_weak(looked: Looked, labelling: Labelling) -> Iterator[Remark]:
    """How many weak images equal an image with masks, or look like one."""
    kinds = [labelling.kinds.get((row.subset, row.image_id), "") for row in looked.rows]
    full = [place for place, kind in enumerate(kinds) if kind == "full"]
    weak = [place for place, kind in enumerate(kinds) if kind in WEAK]
    pairs = list(_copies(looked, full, weak))
    if pairs:
        first, other = (looked.rows[place] for place in pairs[0][:2])
        where = f" of {labelling.name}" if labelling.name else ""
        what = (
            f"looks like {other.file_name}, image {other.image_id}, which has masks; so do {len(pairs)} of"
            f" {len(weak)} weak images{where} in all, {sum(equal for *_, equal in pairs)} byte by byte"
        )
        remedy = "masks are easier there than elsewhere: remove copies, or split by group"
        yield Fault("near-duplicates in full and weak", what, remedy).at(first.file_name, _image(first))


def _copies(looked: Looked, originals: Sequence[int], others: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Place of a copy, of its first original, and whether the files are equal. All are places in the tables."""
    equal = {looked.rows[place].sha256: place for place in reversed(originals)}
    alike = {looked.facts[place].alike: place for place in reversed(originals)}
    for place in others:
        row, group = looked.rows[place], looked.facts[place].alike
        if row.sha256 in equal:
            yield place, equal[row.sha256], True
        elif group is not None and group in alike:
            yield place, alike[group], False


def point_warnings(looked: Looked) -> Iterator[Remark]:
    """Clicked points where no object can be seen, or where exporters put clicks from outside the image."""
    flat = Fault("point on nothing", "its point lies amid pixels of one colour", "see that it is on its object")
    clipped = "see that it was not clipped from outside the image"
    heap = "its point lies on the image's outermost pixels, as do more than on those beside them"
    border = Fault("point at the border", heap, clipped)
    for fault, which in ((flat, "flat_points"), (border, "border_points")):
        for row, facts in zip(looked.rows, looked.facts, strict=True):
            yield from (fault.at(row.file_name, f"{_image(row)}, annotation {n}") for n in getattr(facts, which))


def _by_part(rows: Sequence[ImageRow]) -> dict[str, list[ImageRow]]:
    parts: dict[str, list[ImageRow]] = {}
    for row in rows:
        parts.setdefault(row.subset, []).append(row)
    return parts


def _image(row: ImageRow) -> str:
    return f"image {row.image_id} of {row.subset}"
