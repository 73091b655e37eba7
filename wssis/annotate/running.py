"""A labelling session from the command line: open or go on, serve the page, end."""

import secrets
import signal
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from wssis.annotate.box_board import BoxBoard
from wssis.annotate.changes import CATEGORIES, IMAGES, NARROWED
from wssis.annotate.coco_file import CocoFile
from wssis.annotate.given import find_files, new_setup, number_images, read_given
from wssis.annotate.image_content import shown
from wssis.annotate.journal import Journal
from wssis.annotate.outputs import Files, Writer
from wssis.annotate.point_board import PointBoard
from wssis.annotate.server import PageServer
from wssis.annotate.session import Session
from wssis.annotate.setup import LabelImage, Request, Setup, setup_of
from wssis.errors import InputError

VERSION = 1
"""Of the journal."""


def run(request: Request, port: int = 0, browser: bool = True, finish: bool = False) -> None:
    """Serve the page until interrupted; finish: write the files and end.

    Raises:
        InputError: something given cannot be used; see `new_setup` and `Journal`.
    """
    if request.out.suffix != ".json" or request.out.is_dir():
        raise InputError(f"{request.out}: --out is a COCO file, such as weak.json; give a name that ends in .json")
    files = Files(request.out)
    pictures = find_files(request)
    session = open_session(request, pictures, files, grow=not finish)
    writer = Writer(session, files)
    if finish:
        writer.write()
        session.close()
    else:
        _serve(session, writer, files, pictures, port, browser)
    print(summary(session, files))


def open_session(request: Request, pictures: Mapping[str, Path], files: Files, grow: bool = True) -> Session:
    """Begin a session, or go on with the one that the journal holds; grow: new images and classes join that.

    Raises:
        InputError: see `run`.
    """
    if not files.journal.exists() and files.weak.exists() and request.points != files.weak:
        raise InputError(
            f"{files.weak}: exists, without the journal of a session ({files.journal.name}); give --points"
            f" {files.weak} to go on from its points, or another --out"
        )
    given = (request.categories, request.images_from, request.points, request.boxes)
    if files.unlabelled.resolve() in [path.resolve() for path in given if path is not None]:
        raise InputError(f"{files.unlabelled}: was given, and would be overwritten; give another --out")
    journal = Journal(files.journal)
    try:
        if journal.dropped:
            print(f"{files.journal}: dropped a last line of {journal.dropped} bytes that was cut short")
        setup = _resumed(request, pictures, journal, grow) if journal.lines else _begun(request, pictures, journal)
        board = BoxBoard(setup) if setup.boxes else PointBoard(setup)
        return Session(journal, setup, board)
    except BaseException:
        journal.close()
        raise


def _begun(request: Request, pictures: Mapping[str, Path], journal: Journal) -> Setup:
    setup = new_setup(request, pictures)
    if setup.left_out:
        print(f"{setup.left_out} images left out: {request.categories} has their masks")
    if setup.crowds:
        print(f"{setup.crowds} crowd regions get no points")
    line = {"wssis_annotate": VERSION, **setup.as_json()}
    journal.append(line)
    journal.lines.append(line)
    return setup


def _resumed(request: Request, pictures: Mapping[str, Path], journal: Journal, grow: bool) -> Setup:
    """The setup of the journal, with images and categories that have come since, where it is to grow."""
    setup = _continued(journal)
    given = read_given(request)
    fresh = new_setup(request, pictures, given) if _says_classes(request) else None
    _same_labels(setup, fresh, request, journal)
    new = _new_pictures(setup, fresh, pictures, journal)
    if not grow:
        if new:
            print(f"{len(new)} images of IMAGES are not in this session; --finish takes up none")
        return setup
    if fresh is not None:
        _more_categories(setup, fresh.categories, journal)
    setup = _more_narrow(setup, request, journal)
    missing = _missing_options(setup, request)
    if new and missing:
        print(f"{len(new)} images of IMAGES are not in this session, and none joins: give {missing} again, as before,"
              " to tell which of them belong to it")  # fmt: skip
    elif new:
        _more_images(setup, new, given, journal)
    print(f"going on with {journal.path}")
    return setup


def _continued(journal: Journal) -> Setup:
    """The setup as the journal has it."""
    head = dict(journal.lines[0])
    if head.pop("wssis_annotate", None) != VERSION:
        raise InputError(f"{journal.path}: was not written by this version of wssis annotate; give another --out")
    setup = setup_of(head)
    for line in journal.lines[1:]:
        if line.get("what") == IMAGES:
            setup.images.extend(LabelImage(**image) for image in line["images"])
        elif line.get("what") == CATEGORIES:
            setup.categories.update({int(key): name for key, name in line["categories"].items()})
        elif line.get("what") == NARROWED:
            setup = replace(setup, narrowed_by=line["by"])
    return setup


def _new_pictures(
    setup: Setup, fresh: Setup | None, pictures: Mapping[str, Path], journal: Journal
) -> dict[str, Path]:
    """Pictures that the session does not have; InputError where one that it has is gone."""
    begun = {image.file_name for image in setup.images}
    gone = sorted(begun - set(pictures))
    if gone:
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        raise InputError(f"{journal.path}: {', '.join(gone[:3])}{more} is gone from IMAGES; put it back")
    # What has masks is not new; but what was begun goes on.
    wanted = set(pictures) if fresh is None else {image.file_name for image in fresh.images}
    return {name: path for name, path in pictures.items() if name in wanted - begun}


def _more_narrow(setup: Setup, request: Request, journal: Journal) -> Setup:
    """Remember options that say which images belong to the session, and were not given before."""
    before = setup.narrowed_by or []
    new = [option for option in request.narrowed_by if option not in before]
    if not new:
        return setup
    journal.append({"what": NARROWED, "by": [*before, *new]})
    return replace(setup, narrowed_by=[*before, *new])


def _missing_options(setup: Setup, request: Request) -> str:
    """Options without which nobody knows which images are to join, in words; empty where there is none."""
    if setup.narrowed_by is None:
        return "" if _says_classes(request) else "--categories or --class"
    return " and ".join(option for option in setup.narrowed_by if option not in request.narrowed_by)


def _says_classes(request: Request) -> bool:
    return any((request.categories, request.classes, request.points, request.boxes))


def _same_labels(setup: Setup, fresh: Setup | None, request: Request, journal: Journal) -> None:
    """Refuse other boxes or points than the session was begun with; the session's own outcome may be named."""
    now = replace(setup, boxes=[], points_per_box=0, seed=0) if fresh is None else fresh
    if (now.boxes, now.points_per_box, now.seed) != (setup.boxes, setup.points_per_box, setup.seed):
        raise InputError(
            f"{journal.path}: was begun with other --boxes, --points-per-box or --seed; give the same again, or another"
            " --out"
        )
    if request.points not in (None, request.out) and fresh is not None and fresh.points != setup.points:
        raise InputError(f"{journal.path}: was begun without {request.points}; leave it out, or give another --out")


def _more_categories(setup: Setup, given: Mapping[int, str], journal: Journal) -> None:
    """Take up new categories; InputError where one that was there is gone or has another name."""
    changed = [f"{key} {name!r}" for key, name in setup.categories.items() if given.get(key) != name]
    if changed:
        raise InputError(
            f"{journal.path}: was begun with category {', '.join(changed)}, which is not given so now; correct"
            " --categories or --class, or give another --out"
        )
    new = {key: name for key, name in given.items() if key not in setup.categories}
    if new:
        journal.append({"what": CATEGORIES, "categories": {str(key): name for key, name in new.items()}})
        setup.categories.update(new)


def _more_images(setup: Setup, new: Mapping[str, Path], given: Mapping[str, CocoFile], journal: Journal) -> None:
    """Take up new images."""
    if setup.boxes:
        raise InputError(f"{journal.path}: {next(iter(new))} is new, and has no boxes in this session; take it out")
    images = number_images(new, given, setup.images)
    rows: list[dict[str, Any]] = [
        {"id": i.id, "file_name": i.file_name, "width": i.width, "height": i.height} for i in images
    ]
    journal.append({"what": IMAGES, "images": rows})
    setup.images.extend(images)
    print(f"{len(new)} new images")


def _serve(
    session: Session, writer: Writer, files: Files, pictures: Mapping[str, Path], port: int, browser: bool
) -> None:
    paths = {image.id: pictures[image.file_name] for image in session.setup.images}
    try:
        server = PageServer(port, secrets.token_urlsafe(24), session, writer, lambda number: content_of(paths, number))
    except OSError as error:
        raise InputError(f"--port {port}: {error}; give another one, or 0 for any that is free") from None
    writer.start()
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"{server.url}\nEvery action is saved at once in {files.journal}. Ctrl-C ends.", flush=True)
    if browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
        session.close()
        writer.close()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def content_of(paths: Mapping[int, Path], number: int) -> tuple[str, bytes] | None:
    """Media type and bytes of an image by its id, as `shown` has them; None where there is no such image."""
    return shown(paths[number]) if number in paths else None


def summary(session: Session, files: Files) -> str:
    """What there is now, in words."""
    done = session.progress()
    kind = "points" if session.board.view == "points" else "answers"
    return (
        f"{files.weak}: {done['finished']} of {done['images']} images finished, {done['labels']} {kind} in all\n"
        f"{files.unlabelled}: the other {done['images'] - done['finished']} images\n"
        f"{files.seconds}: what it took"
    )
