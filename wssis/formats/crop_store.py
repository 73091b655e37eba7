"""The refiner's tensors on disk: a Zarr v3 group with one record per crop.

Legend: N crops, S side in px, T other points over all crops. Points are [x, y] in px of the crop.

| array | shape, dtype | what |
|---|---|---|
| image | N,S,S,3 uint8 | RGB crop |
| rough | N,S,S uint8 | rough mask, 0 or 1; in a soft store the probability of 0 to 1 x 255 |
| target | N,S,S uint8 | true mask; only in a store to train on |
| heatmap | N,S,S uint8 | the point's Gaussian x 255, for the reader's eye only |
| point | N,2 float32 | the object's own point |
| other_points | T,2 float32 | other points in the window, crop after crop |
| other_start | N+1 int64 | those of crop i go from start[i] to start[i + 1] |
| label | N int64 | class index |
| window | N,4 int32 | xyxy in the image, exclusive x2, y2 |
| proposal_id, image_id, point_id | N int64 | where the crop comes from |

The pixel arrays are cut into shards of `shard_records` crops: a shard is written whole, once, by one worker. The
process that creates the store writes the table; nothing appears under the final name before all is there.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from wssis.errors import InputError
from wssis.formats.shard_reader import ShardReader

PIXELS = {"image": 3, "rough": 0, "target": 0, "heatmap": 0}  # array -> channels (0: no channel axis)
CACHED_MEGABYTES = 1024


@dataclass(frozen=True)
class CropTable:
    """All that is known of N crops except their pixels; see the module's table for shapes and dtypes."""

    point: np.ndarray
    other_points: np.ndarray
    other_start: np.ndarray
    label: np.ndarray
    window: np.ndarray
    proposal_id: np.ndarray
    image_id: np.ndarray
    point_id: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def others(self, index: int) -> np.ndarray:
        """Other points (P, 2) in the window of crop `index`."""
        return self.other_points[self.other_start[index] : self.other_start[index + 1]]


@dataclass(frozen=True)
class CropLayout:
    """What a store says of itself: categories in class-index order, side, heat map, whether it has targets, and whether
    its rough masks are soft."""

    size: int
    shard_records: int
    has_target: bool
    categories: list[dict[str, Any]]
    heatmap_sigma: float
    heatmap_radius: int
    soft: bool = False

    @property
    def attributes(self) -> dict[str, Any]:
        """Its fields as a store holds them; what came later is there only where it is set."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return found if self.soft else {name: value for name, value in found.items() if name != "soft"}

    @property
    def arrays(self) -> list[str]:
        """Names of the pixel arrays."""
        return [name for name in PIXELS if name != "target" or self.has_target]


def records_per_shard(size: int, megabytes: int) -> int:
    """Crops in a shard of the largest array (RGB), so that it stays within `megabytes` of raw bytes; at least 1."""
    return max(1, megabytes * 2**20 // (size * size * 3))


def shards(count: int, shard_records: int) -> list[tuple[int, int]]:
    """First and one past the last record of every shard.

    >>> shards(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + shard_records, count)) for first in range(0, count, shard_records)]


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr group, whatever state it is in."""
    return (path / "zarr.json").is_file()


def create_store(path: Path, layout: CropLayout, table: CropTable) -> None:
    """Write the table and the empty pixel arrays of a new store at `path`, a temporary name of the caller's."""
    group = zarr.create_group(path, zarr_format=3, attributes=layout.attributes)
    for field in fields(table):
        values = getattr(table, field.name)
        array = group.create_array(field.name, shape=values.shape, dtype=values.dtype, chunks=_whole(values.shape))
        array[...] = values
    for name in layout.arrays:
        _create_pixels(group, name, len(table), layout)


def write_shard(path: Path, first: int, pixels: Mapping[str, np.ndarray]) -> None:
    """Write the crops from record `first` on, the whole of one shard of every pixel array.

    Raises:
        ValueError: the crops are not exactly one shard, so that another writer could touch the same file.
    """
    group = zarr.open_group(path, mode="r+", zarr_format=3)
    layout = _layout(group)
    if set(pixels) != set(layout.arrays):
        raise ValueError(f"a shard needs the arrays {layout.arrays}, got {sorted(pixels)}")
    for name, values in pixels.items():
        if (first, first + len(values)) not in shards(group[name].shape[0], layout.shard_records):
            raise ValueError(f"records {first} ... {first + len(values)} of {name} are not one shard")
        with zarr.config.set({"array.write_empty_chunks": True}):  # a missing shard is a broken store, never "all zero"
            group[name][first : first + len(values)] = values


class CropStore:
    """Reader of a store: whole shards in order, or any records; a small store is read once and kept in memory.

    Raises:
        InputError: no store there, or one with an array or a shard missing.
    """

    def __init__(self, path: Path, cache_megabytes: int = CACHED_MEGABYTES) -> None:
        try:
            group = zarr.open_group(path, mode="r", zarr_format=3)
            self.layout = _layout(group)
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise InputError(f"{path}: not a crop store ({error}); delete it and run the crops stage again") from error
        self.path = path
        self.table = CropTable(**{field.name: _array(group, field.name, path)[...] for field in fields(CropTable)})
        self._arrays = {name: _array(group, name, path) for name in self.layout.arrays}
        self._check_shards()
        self._readers = {name: ShardReader(path / name) for name in self._computed()}
        self._cache_megabytes = cache_megabytes
        self._cached: dict[str, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def megabytes(self) -> float:
        """Raw size of the pixel arrays, without the heat map, which nothing computes with."""
        channels = sum(max(1, PIXELS[name]) for name in self._computed())
        return len(self) * self.layout.size**2 * channels / 2**20

    def record(self, index: int) -> dict[str, np.ndarray]:
        """Pixels of one crop: image (S, S, 3), rough (S, S) and, where it is known, target (S, S), all uint8."""
        memory = self._memory()
        if memory is not None:
            return {name: memory[name][index] for name in self._computed()}
        return {name: reader.record(index) for name, reader in self._readers.items()}

    def records(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Pixels of the crops first ... last - 1; quickest where they are one shard of `shards()`."""
        return {name: self._arrays[name][first:last] for name in self._computed()}

    def shards(self) -> list[tuple[int, int]]:
        """Ranges to read whole with `records`."""
        return shards(len(self), self.layout.shard_records)

    def _computed(self) -> list[str]:
        return [name for name in self.layout.arrays if name != "heatmap"]

    def _memory(self) -> dict[str, np.ndarray] | None:
        """The whole store, read at the first call, shard by shard, if it is small enough; else None."""
        if self._cached is None and self.megabytes <= self._cache_megabytes:
            parts = [self.records(first, last) for first, last in self.shards()]
            self._cached = {name: np.concatenate([part[name] for part in parts]) for name in self._computed()}
        return self._cached

    def _check_shards(self) -> None:
        expected = len(self.shards())
        for name in self.layout.arrays:
            found = sum(1 for path in (self.path / name / "c").rglob("*") if path.is_file()) if expected else 0
            if found != expected:
                message = f"{self.path}: array {name} has {found} of {expected} shards"
                raise InputError(f"{message}; delete the store and run the crops stage again")


def _layout(group: zarr.Group) -> CropLayout:
    later = {"soft": False}
    return CropLayout(**later | {field.name: group.attrs[field.name] for field in fields(CropLayout)
                                 if field.name not in later or field.name in group.attrs})  # fmt: skip


def _array(group: zarr.Group, name: str, path: Path) -> zarr.Array:
    """An array of the store at `path`.

    Raises:
        InputError: it has none of that name that can be read.
    """
    found = None
    with suppress(KeyError, ValueError):
        found = group[name]
    if not isinstance(found, zarr.Array):
        raise InputError(f"{path}: has no array {name}; delete the store and run the crops stage again")
    return found


def _whole(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, length) for length in shape)


def _create_pixels(group: zarr.Group, name: str, count: int, layout: CropLayout) -> None:
    tail = (layout.size, layout.size, *((PIXELS[name],) if PIXELS[name] else ()))
    group.create_array(
        name,
        shape=(count, *tail),
        dtype=np.uint8,
        chunks=(1, *tail),
        shards=(min(layout.shard_records, max(1, count)), *tail),
    )
