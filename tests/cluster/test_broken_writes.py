"""Killed in the middle of a write, or out of disk: nothing half-written under a final name, the same digests after."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wssis.formats.coco import encode_mask, write_coco
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import digest_of, read_manifest

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
SIDE = 64
STEPS = 20
TEACHER = {
    "network": {"backbone": {"weights": "none", "norm": "batch", "frozen_stages": 0}},
    "schedule": {"iterations": STEPS, "warmup": 3, "decay": "cosine", "steps": []},
    "optimizer": {"name": "adamw", "lr": 0.05, "batch": 4, "ema": 0.9, "threads": 1},
    "snapshots": [10, STEPS],
}
Command = Callable[[Path], list[str]]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """One image with four objects and their proposals: four shards of one crop each."""
    folder = tmp_path / "inputs"
    (folder / "images").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "images" / "1.png")
    digest = hashlib.sha256((folder / "images" / "1.png").read_bytes()).hexdigest()
    write_images_table(folder / "images.csv", [ImageRow("train", 1, "1.png", SIDE, SIDE, digest)])
    objects = []
    for number in range(4):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[5:25, 12 * number : 12 * number + 10] = True
        objects.append({"id": number + 1, "image_id": 1, "category_id": 3, "segmentation": encode_mask(mask),
                        "bbox": [12 * number, 5, 10, 20], "area": 200, "iscrowd": 0})  # fmt: skip
    coco = {"images": [{"id": 1, "file_name": "1.png", "width": SIDE, "height": SIDE}],
            "categories": [{"id": 3, "name": "bar"}]}  # fmt: skip
    write_coco(folder / "full.json", {**coco, "annotations": objects})
    about = {"score": 0.5, "predictor": "fold0"}
    proposals = [{**one, "point_id": one["id"], "point": [one["bbox"][0] + 5, 15], **about} for one in objects]
    write_coco(folder / "proposals.json", {**coco, "annotations": proposals})
    return folder


def _split(inputs: Path, out: Path) -> list[str]:
    settings = {"full_percent": 100.0, "unlabelled_percent": 0.0, "seed": 0}
    return ["split", "--train", f"{inputs}/full.json", "--out", str(out), "--settings", json.dumps(settings)]


def _crops(inputs: Path, out: Path) -> list[str]:
    paths = {"proposals": "proposals.json", "median-boxes-from": "full.json", "targets": "full.json",
             "image-dir": "images", "images-table": "images.csv"}  # fmt: skip
    options = [text for name, path in paths.items() for text in (f"--{name}", f"{inputs}/{path}")]
    settings = json.dumps({"size": 512, "shard_megabytes": 1})
    return ["crops", *options, "--out", str(out / "full.zarr"), "--settings", settings]


def _teacher(inputs: Path, out: Path) -> list[str]:
    options = ["--full", f"{inputs}/full.json", "--images-table", f"{inputs}/images.csv", "--image-dir", "images"]
    where = ["--state-root", str(out / ".state"), "--out", str(out)]
    return ["train-teacher", *options, *where, "--settings", json.dumps(TEACHER)]


def _run(*words: str, dying: tuple[str, int] = ("nothing", 0)) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "dying.py"), dying[0], str(dying[1]), *words]
    environment = {"PYTHONPATH": str(HERE.parents[1])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def _well(*words: str) -> None:
    done = _run(*words)
    assert done.returncode == 0, done.stderr


def _manifests(out: Path) -> list[Path]:
    return [path for path in out.glob("*manifest.json") if not path.name.startswith(".tmp-")]


def _digests(out: Path) -> dict[str, str]:
    """What the manifests in a folder vouch for, found to be true; without the metrics, which have times in them."""
    found = {name: digest for path in _manifests(out) for name, digest in read_manifest(path)["outputs"].items()}
    assert found and {name: digest_of(out / name) for name in found} == found
    return {name: digest for name, digest in found.items() if name != "metrics.jsonl"}


@pytest.mark.parametrize(
    ("command", "name", "count", "absent"),
    [
        pytest.param(_split, "full.json", 1, "full.json", id="JSON"),
        pytest.param(_split, "split.manifest.json", 1, "split.manifest.json", id="manifest"),
        pytest.param(_crops, "zarr", 12, "full.zarr", id="store"),
        pytest.param(_crops, "full.zarr.manifest.json", 1, "full.zarr.manifest.json", id="manifest of a store"),
        pytest.param(_teacher, "state.pt", 2, "model.safetensors", id="resume state"),
        pytest.param(_teacher, "snapshot2.safetensors", 1, "snapshot2.safetensors", id="snapshot"),
        pytest.param(_teacher, "model.safetensors", 1, "model.safetensors", id="checkpoint"),
    ],
)
def test_killed_while_writing(
    inputs: Path, tmp_path: Path, command: Command, name: str, count: int, absent: str
) -> None:
    _well(*command(inputs, tmp_path / "undisturbed"))
    out = tmp_path / "killed"
    killed = _run(*command(inputs, out), dying=(name, count))
    assert killed.returncode == -9, killed.stderr
    assert any(out.rglob(".tmp-*")), "killed in the middle of it"
    assert not _manifests(out), "nothing vouches for half a run"
    assert not (out / absent).exists(), "not under its final name before it is whole"
    _well(*command(inputs, out))
    assert not any(out.rglob(".tmp-*"))
    assert _digests(out) == _digests(tmp_path / "undisturbed")


def test_training_goes_on_from_the_save_before_the_one_it_died_in(inputs: Path, tmp_path: Path) -> None:
    assert _run(*_teacher(inputs, tmp_path), dying=("state.pt", 9)).returncode == -9
    _well(*_teacher(inputs, tmp_path))
    assert read_manifest(tmp_path / "manifest.json")["counts"]["resumed_from_step"] == 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of the given size, or gives the mounted one another."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = False

    def resize(size: str) -> Path:
        nonlocal mounted
        options = f"remount,size={size}" if mounted else f"size={size}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount a small disk here: {done.stderr.decode().strip()}")
        mounted = True
        return disk

    yield resize
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("command", "size"),
    [
        pytest.param(_crops, "1500k", id="crops"),
        pytest.param(_teacher, "8k", id="training"),
        pytest.param(_split, "4k", id="split"),
    ],
)
def test_disk_full(
    inputs: Path, tmp_path: Path, small_disk: Callable[[str], Path], command: Command, size: str
) -> None:
    _well(*command(inputs, tmp_path / "undisturbed"))
    out = small_disk(size)
    full = _run(*command(inputs, out))
    assert full.returncode != 0
    last = full.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "No space left on device" in last and "free some space" in last
    assert not _manifests(out)
    assert not any(out.rglob(".tmp-*")), "the disk is not left full of half a file"
    small_disk("64m")
    _well(*command(inputs, out))
    assert _digests(out) == _digests(tmp_path / "undisturbed")
