"""The crop store: what is written is what is read, shard by shard, and never half of it."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import zarr

from wssis.errors import InputError
from wssis.formats.atomic import temporary_folder
from wssis.formats.crop_store import (
    CropLayout,
    CropStore,
    CropTable,
    create_store,
    is_store,
    records_per_shard,
    write_shard,
)
from wssis.formats.shard_reader import ShardReader

SIZE = 32


def _layout(shard_records: int = 2, has_target: bool = True) -> CropLayout:
    categories = [{"id": 3, "name": "a"}, {"id": 9, "name": "b"}]
    return CropLayout(SIZE, shard_records, has_target, categories, heatmap_sigma=6.0, heatmap_radius=19)


def _table(count: int) -> CropTable:
    rng = np.random.default_rng(0)
    start = np.arange(count + 1, dtype=np.int64) * 2
    return CropTable(
        point=rng.uniform(0, SIZE, (count, 2)).astype(np.float32),
        other_points=rng.uniform(0, SIZE, (2 * count, 2)).astype(np.float32),
        other_start=start,
        label=np.arange(count, dtype=np.int64) % 2,
        window=np.tile(np.array([1, 2, 30, 40], np.int32), (count, 1)),
        proposal_id=np.arange(count, dtype=np.int64) + 100,
        image_id=np.arange(count, dtype=np.int64) + 7,
        point_id=np.arange(count, dtype=np.int64) + 50,
    )


def _pixels(first: int, last: int, has_target: bool = True) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(first)
    pixels = {"image": rng.integers(0, 256, (last - first, SIZE, SIZE, 3)).astype(np.uint8)}
    for name in ("rough", "heatmap", *(("target",) if has_target else ())):
        pixels[name] = rng.integers(0, 2, (last - first, SIZE, SIZE)).astype(np.uint8)
    return pixels


def _write(path: Path, count: int = 5, shard_records: int = 2) -> list[dict[str, np.ndarray]]:
    create_store(path, _layout(shard_records), _table(count))
    written = []
    for first in range(0, count, shard_records):
        written.append(_pixels(first, min(first + shard_records, count)))
        write_shard(path, first, written[-1])
    return written


def test_round_trip(tmp_path: Path) -> None:
    written = _write(tmp_path / "a.zarr")
    store = CropStore(tmp_path / "a.zarr")
    assert len(store) == 5 and store.layout == _layout()
    for name in ("image", "rough", "target"):
        whole = np.concatenate([part[name] for part in written])
        assert np.array_equal(np.stack([store.record(i)[name] for i in range(5)]), whole)
        assert np.array_equal(np.concatenate([store.records(*span)[name] for span in store.shards()]), whole)
    assert np.array_equal(store.table.others(3), _table(5).other_points[6:8])
    assert np.array_equal(store.table.point, _table(5).point)


def test_reading_without_cache_gives_the_same(tmp_path: Path) -> None:
    _write(tmp_path / "a.zarr")
    cached, uncached = CropStore(tmp_path / "a.zarr"), CropStore(tmp_path / "a.zarr", cache_megabytes=0)
    assert all(np.array_equal(cached.record(i)["image"], uncached.record(i)["image"]) for i in range(5))


def test_workers_write_disjoint_shards(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    create_store(path, _layout(), _table(5))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(write_shard, [(path, first, _pixels(first, min(first + 2, 5))) for first in (4, 0, 2)])
    store = CropStore(path)
    assert np.array_equal(store.records(2, 4)["image"], _pixels(2, 4)["image"])
    assert len([file for file in (path / "image" / "c").rglob("*") if file.is_file()]) == 3


def test_part_of_a_shard_is_refused(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", _layout(), _table(5))
    with pytest.raises(ValueError, match="not one shard"):
        write_shard(tmp_path / "a.zarr", 0, _pixels(0, 1))
    with pytest.raises(ValueError, match="not one shard"):
        write_shard(tmp_path / "a.zarr", 1, _pixels(1, 3))


def test_missing_shard_is_named(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", _layout(), _table(5))
    write_shard(tmp_path / "a.zarr", 0, _pixels(0, 2))
    with pytest.raises(InputError, match="1 of 3 shards"):
        CropStore(tmp_path / "a.zarr")


@pytest.mark.parametrize("name", ["rough", "label"])
@pytest.mark.parametrize("left", [None, "not JSON"])
def test_missing_array_is_named(tmp_path: Path, name: str, left: str | None) -> None:
    _write(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / name)
    if left is not None:
        (tmp_path / "a.zarr" / name).mkdir()
        (tmp_path / "a.zarr" / name / "zarr.json").write_text(left)
    with pytest.raises(InputError, match=rf"a\.zarr: has no array {name}; delete the store and run the crops"):
        CropStore(tmp_path / "a.zarr")


def test_shard_of_zeros_is_on_disk(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", _layout(), _table(2))
    write_shard(tmp_path / "a.zarr", 0, {name: 0 * values for name, values in _pixels(0, 2).items()})
    assert not CropStore(tmp_path / "a.zarr").record(1)["rough"].any()


def test_no_crops_is_a_legal_store(tmp_path: Path) -> None:
    create_store(tmp_path / "a.zarr", _layout(), _table(0))
    assert len(CropStore(tmp_path / "a.zarr")) == 0


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a crop store"):
        CropStore(tmp_path / "nothing.zarr")


def test_shard_size_is_bounded() -> None:
    assert records_per_shard(256, 256) * 256 * 256 * 3 <= 256 * 2**20
    assert records_per_shard(4096, 1) == 1


def _write_and_die(path: Path) -> None:
    with temporary_folder(path, is_store) as temporary:
        create_store(temporary, _layout(), _table(5))
        write_shard(temporary, 0, _pixels(0, 2))
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_writer_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and not path.exists()
    with temporary_folder(path, is_store) as temporary:
        _write(temporary)
    assert len(CropStore(path)) == 5


def test_damaged_shard_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "a.zarr")
    store = CropStore(tmp_path / "a.zarr", cache_megabytes=0)
    shard = tmp_path / "a.zarr" / "image" / "c" / "1" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[50:])
    assert store.record(0)["image"].shape == (SIZE, SIZE, 3)
    with pytest.raises(InputError, match=r"image/c/1/0/0/0: record 2 cannot be read"):
        store.record(2)
    shard.write_bytes(b"")
    with pytest.raises(InputError, match="record 3 cannot be read"):
        store.record(3)


def test_reader_survives_a_fork_of_the_loader(tmp_path: Path) -> None:
    written = _write(tmp_path / "a.zarr")
    store = CropStore(tmp_path / "a.zarr", cache_megabytes=0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.map(store.record, [4])[0]["image"], written[2]["image"][0])


def test_array_stored_otherwise_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", shape=(4, 8, 8), dtype=np.uint8, chunks=(1, 8, 8))
    with pytest.raises(InputError, match="stored in a way"):
        ShardReader(tmp_path / "a")
