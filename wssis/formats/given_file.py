"""A COCO file that somebody else has written: read with a word on whatever may be wrong with it as a file."""

import codecs
from pathlib import Path
from typing import Any

from wssis.formats.json_text import loads
from wssis.formats.remark import Fault

LISTS = ("images", "annotations", "categories")


def read_given(path: Path, images_alone: bool = False) -> dict[str, Any] | Fault:
    """Content of a COCO file with its three lists, or why there is none. A byte order mark is read over.

    images_alone: a file of images nobody labelled, which may lack annotations and categories.
    """
    try:
        content = path.read_bytes()
        coco = loads(content.removeprefix(codecs.BOM_UTF8))
    except FileNotFoundError:
        return _fault("annotation file not found", "correct the path")
    except IsADirectoryError:
        return _fault("is a folder", "name the annotation file in it")
    except PermissionError:
        return _fault("may not be read", "correct its permissions")
    except UnicodeDecodeError:
        return _fault("is not in UTF-8, as JSON must be", "save it as UTF-8")
    except ValueError as error:
        what = f"not readable as JSON ({error})" if content else "is empty, 0 bytes"
        return _fault(what, "export the file again")
    if images_alone and isinstance(coco, dict):
        coco = {"annotations": [], "categories": [], **coco}
    return _bad_form(coco) or coco


def _bad_form(coco: object) -> Fault | None:
    expected = "a COCO instances file is expected"
    if not isinstance(coco, dict):
        kind = "a list" if isinstance(coco, list) else "a single value"
        return _fault(f"holds {kind}, no object with images", expected)
    missing = next((key for key in LISTS if not isinstance(coco.get(key), list)), None)
    return missing and _fault(f'has no list "{missing}"', expected)


def _fault(what: str, remedy: str) -> Fault:
    return Fault("file", what, remedy)
