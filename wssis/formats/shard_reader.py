"""Single records out of a sharded Zarr v3 array, straight from its files.

Zarr reads whole shards well, but needs milliseconds for one record (`docs/performance.md`). Here the index at the end
of a shard (offset and length of every chunk, uint64 little-endian, and 4 bytes of checksum) is read once, and a record
costs one read and one decompression.
"""

import json
from pathlib import Path

import numpy as np
from numcodecs import Zstd

from wssis.errors import InputError

CHECKSUM_BYTES = 4
ENTRY_BYTES = 16


class ShardReader:
    """Records of the array in `folder`: uint8, one record per chunk, zstd, several chunks in a shard.

    Raises:
        InputError: the array is stored in another way.
    """

    def __init__(self, folder: Path) -> None:
        described = json.loads((folder / "zarr.json").read_text())
        sharding = described["codecs"][0]
        if not _readable(described, sharding):
            raise InputError(f"{folder}: stored in a way that is not read here; run the crops stage again")
        self._folder = folder
        self._shape = tuple(described["shape"][1:])
        self._per_shard: int = described["chunk_grid"]["configuration"]["chunk_shape"][0]
        self._codec = Zstd()
        self._indices: dict[int, np.ndarray] = {}

    def record(self, index: int) -> np.ndarray:
        """Record `index`, uint8, read-only.

        Raises:
            InputError: the shard is missing or damaged.
        """
        shard, row = divmod(index, self._per_shard)
        path = self._folder.joinpath("c", str(shard), *("0" for _ in self._shape))
        try:
            with path.open("rb") as file:
                if shard not in self._indices:
                    file.seek(-(ENTRY_BYTES * self._per_shard + CHECKSUM_BYTES), 2)
                    entries = np.frombuffer(file.read(ENTRY_BYTES * self._per_shard), dtype="<u8")
                    self._indices[shard] = entries.reshape(self._per_shard, 2)
                offset, length = (int(number) for number in self._indices[shard][row])
                file.seek(offset)
                content = self._codec.decode(file.read(length))
            return np.frombuffer(content, np.uint8).reshape(self._shape)
        except (OSError, ValueError, RuntimeError, OverflowError) as error:
            message = f"{path}: record {index} cannot be read ({error})"
            raise InputError(f"{message}; delete the store and run the crops stage again") from error


def _readable(described: dict, sharding: dict) -> bool:
    """Whether an array's metadata say what this reader expects."""
    if described["data_type"] != "uint8" or sharding["name"] != "sharding_indexed":
        return False
    inside = sharding["configuration"]
    names = [codec["name"] for codec in inside["codecs"]]
    return names == ["bytes", "zstd"] and inside["index_location"] == "end" and inside["chunk_shape"][0] == 1
