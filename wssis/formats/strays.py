"""Files that nobody asked for: what other programs leave in any folder they pass through."""

from collections.abc import Iterator
from pathlib import Path

SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"
STRAYS = (SNAKEMAKE_TIMESTAMP, ".DS_Store")


def without_strays(folder: Path) -> Iterator[Path]:
    """What is in a folder, but for such files."""
    return (path for path in Path(folder).iterdir() if path.name not in STRAYS)
