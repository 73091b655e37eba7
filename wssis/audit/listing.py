"""Which manifest lists a file: as an output, or as a part of a folder that is one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wssis.audit.places import MANIFEST_SUFFIX, is_manifest
from wssis.errors import InputError
from wssis.formats.manifest import manifest_of, read_manifest


@dataclass(frozen=True)
class Listing:
    """What a manifest has of a file.

    Attributes:
        manifest: its path.
        output: the output, relative to the manifest's folder.
        whole: whether the file is that output, not a file in it.
    """

    manifest: Path
    output: str
    whole: bool

    @property
    def path(self) -> Path:
        """Where the output is."""
        return self.manifest.parent / self.output


def listing_of(path: Path) -> Listing | None:
    """The manifest nearest to a file that lists it, or a folder around it; None where there is none."""
    if is_manifest(path.name):
        return None
    own = manifest_of(path)
    if own is not None:
        return Listing(own, path.name, True)
    path = path.absolute()
    return next((found for folder in path.parents for found in _listings(folder, path)), None)


def _listings(folder: Path, path: Path) -> Iterator[Listing]:
    """What the manifests in a folder list of a file below it."""
    below = path.relative_to(folder).as_posix()
    for manifest in sorted(folder.glob(f"*{MANIFEST_SUFFIX}")):
        for output in _outputs(manifest) if is_manifest(manifest.name) else ():
            if below == output or below.startswith(f"{output}/"):
                yield Listing(manifest, output, below == output)


def _outputs(manifest: Path) -> list[str]:
    try:
        return list(read_manifest(manifest)["outputs"]) if manifest.is_file() else []
    except InputError:  # A file of that name by another program, which is nobody's business here.
        return []
