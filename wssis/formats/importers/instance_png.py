"""A folder of instance PNGs: one for each image, of the same name (or with _mask, _instances, ... behind it).

The value of a pixel is the number of its instance in the image, 0 is background. All are of one class.
"""

from pathlib import Path

import numpy as np

from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.formats.importers.collected import Collected, Place
from wssis.formats.importers.label_images import read_label_image
from wssis.formats.importers.reader import Options

ENDINGS = ("", "_mask", "_masks", "_instance", "_instances", "_instanceIds", "_label", "_labels")


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add one mask for every value of every PNG but 0.

    Raises:
        InputError: no such folder, no PNG in it, no image folder, or no class named.
    """
    if options.category is None:
        raise InputError(f"{source}: the PNGs do not name a class; name it with --category")
    paths = sorted(source.glob("*.png")) if source.is_dir() else []
    if not paths:
        raise InputError(f"{source}: is no folder with PNG files; name the one that holds the masks")
    stems = into.sizes.of_stems(str(source))
    for path in paths:
        _add(path, into, options.category, stems)


def _add(path: Path, into: Collected, category: str, stems: dict[str, list[str]]) -> None:
    whole_file = Place(path, "whole file")
    own = [path.stem.removesuffix(ending) for ending in ENDINGS if path.stem.endswith(ending)]
    names = [name for stem in own for name in stems.get(stem, [])]
    if len(names) != 1:
        found = f"{len(names)} images ({', '.join(names)})" if names else "no image"
        into.refuse(whole_file, "image file", f"{found} of its name in {into.sizes.folder}; name them alike")
        return
    try:
        label = read_label_image(path)
    except InputError as error:
        into.refuse(whole_file, "file", str(error))
        return
    instances = [value for value in np.unique(label.values).tolist() if value]
    if label.coloured or instances == [255]:
        kind = "is in colour" if label.coloured else "has the one value 255, as a foreground mask has"
        into.refuse(whole_file, "no instances", f"{kind}; write one number for each instance: 1, 2, 3, ...")
        return
    image = into.add_image(whole_file, names[0], *label.size)
    for value in instances if image is not None else ():
        into.add_mask(image, Place(path, f"instance {value}"), category, encode_mask(label.values == value))
