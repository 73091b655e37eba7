"""wssis show: what an artifact is, where it comes from, and what is in it, as text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from textwrap import fill
from typing import Any

from wssis.audit.artifact import Artifact, recognised
from wssis.audit.contents import DAMAGE
from wssis.audit.digests import short
from wssis.audit.listing import Listing, listing_of
from wssis.audit.show_tables import content_of
from wssis.audit.values import flat, wrapped
from wssis.config.resolve import settings_read, unread
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.overview.table import duration, size, table


def show(path: Path) -> str:
    """The artifact at a path, in words and tables.

    Raises:
        InputError: it is none, or damaged.
    """
    artifact = recognised(path)
    with one_line(path):
        return "\n".join(_lines(artifact))


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Whatever reading a damaged file raises is told in one line.

    Raises:
        InputError: in the place of any such error.
    """
    try:
        yield
    except DAMAGE as error:
        what = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: damaged, or not what its name says ({what}); run its stage again") from error


def _lines(artifact: Artifact) -> Iterator[str]:
    path = artifact.path
    yield from (f"{path}", f"{artifact.title}, {size(_bytes(path))}", "")
    listing = listing_of(path)
    if artifact.kind == "manifest":
        yield from _origin(read_manifest(path), None)
    elif listing is None:
        yield "no manifest lists it: nothing says who made it"
    else:
        yield from _origin(read_manifest(listing.manifest), listing)
    yield from _content(artifact)


def _content(artifact: Artifact) -> Iterator[str]:
    for title, text in content_of(artifact):
        yield ""
        yield from ([title] if title else [])
        yield text


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def _digest(manifest: Mapping[str, Any], listing: Listing) -> str:
    """The digest of an artifact, or of the folder that it is listed with."""
    digest = f"sha256 {short(manifest['outputs'][listing.output])}..."
    return digest if listing.whole else f"in {listing.output}, which as a whole has {digest}"


def _origin(manifest: Mapping[str, Any], listing: Listing | None) -> Iterator[str]:
    """Stage, settings, inputs and counts.

    listing: what the manifest has of the artifact; None of the manifest itself.
    """
    finished = manifest.get("finished")
    when = f", finished {datetime.fromisoformat(finished):%Y-%m-%d %H:%M} UTC" if finished else ""
    yield f"made by {manifest['stage']}, seed {manifest.get('seed')}{when}, took {duration(manifest.get('duration'))}"
    digest = "" if listing is None else f"{_digest(manifest, listing)}, "
    yield f"{digest}code {short(manifest['code'])}..."
    yield "settings"
    nested = manifest["settings"]
    left_out = unread(manifest["stage"], nested, manifest["inputs"])
    yield from (f"  {line}" for line in wrapped(flat(settings_read(manifest))))
    idle = sorted(left_out & {*nested, *flat(nested)})
    if idle:
        told = f"(not read by {manifest['stage']}: {', '.join(idle)})"
        yield from fill(told, 110, initial_indent="  ", subsequent_indent="  ").splitlines()
    if manifest["inputs"]:
        yield "inputs"
        rows = [(f"  {key}", one["path"], f"{short(one['sha256'])}...") for key, one in manifest["inputs"].items()]
        yield from table(("  name", "path", "sha256"), rows, left=3).splitlines()[1:]
    if manifest["counts"]:
        yield "counts"
        yield from (f"  {line}" for line in wrapped(manifest["counts"]))
    if manifest.get("retained") is False:
        yield "temporary: its outputs may be gone"
