"""What earlier runs took: one record per manifest found, with its duration, its speed and the size of its outputs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.config.half_labelled import HalfLabelledDataset
from wssis.errors import InputError
from wssis.formats.coco_stream import count_items
from wssis.formats.manifest import read_manifest
from wssis.formats.remark import Fault

DECIDES = ("network", "augmentation", "inference", "size", "masks", "pairs")
"""Keys of settings that decide how long one image takes; records with other values say nothing of a job."""
PACE = ("batch", "micro_batch", "precision", "compile", "threads")
"""Keys of a training's optimizer that change its images per second, too."""
NEEDED = {"stage": str, "settings": dict, "counts": dict, "duration": int | float}
"""Keys of a manifest that a record is made of, and what they hold."""
SIZES = (
    ("images",),
    ("train_images", "val_images"),
    ("full_images", "weak_images"),
    ("full_images", "point_images"),
    ("labelled_images", "images_left_out"),
    ("full_images",),
    ("weak_images",),
    ("box_images",),
    ("points",),
)
"""Counts that say how many images (or points) a run handled; the first that are all there count."""


@dataclass(frozen=True)
class Record:
    """One earlier run of a stage.

    Attributes:
        stage, settings: as in the manifest.
        seconds: how long it took, from start to manifest.
        images_per_second: of a training, over all its steps; None for anything else, or where nothing was trained.
        images: how many images (for `quality`: points) it handled; None where the counts do not tell.
        outputs: bytes of its outputs; None where they are gone, or were not measured.
        gpu: whether it was a training on a GPU, as its metrics say.
    """

    stage: str
    settings: Mapping[str, Any]
    seconds: float
    images_per_second: float | None
    images: int | None
    outputs: int | None
    gpu: bool = False

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether the run says how long a job with these settings takes."""
        return all(self.settings.get(key) == settings.get(key) for key in DECIDES)

    def keeps_pace(self, settings: Mapping[str, Any]) -> bool:
        """Whether a training that fits also had the same batch, precision and threads."""
        own, other = self.settings.get("optimizer", {}), settings.get("optimizer", {})
        return all(own.get(key) == other.get(key) for key in PACE)


def read_records(folders: Iterable[Path], sized: bool = True) -> list[Record]:
    """The records of all manifests below the folders.

    sized: measure the outputs, too; a store has many files.

    Raises:
        InputError: a manifest is damaged.
    """
    return [_record(path, sized) for folder in folders for path in sorted(folder.rglob("*manifest.json"))]


def _record(path: Path, sized: bool) -> Record:
    manifest = read_manifest(path)
    missing = [key for key, kind in NEEDED.items() if not isinstance(manifest.get(key), kind)]
    if missing:
        raise InputError(f"{path}: not a manifest (no sound {', '.join(missing)}); delete it and run its stage again")
    settings, counts = manifest["settings"], manifest["counts"]
    return Record(
        stage=manifest["stage"],
        settings=settings,
        seconds=manifest["duration"],
        images_per_second=_speed(settings, counts),
        images=_images(counts),
        outputs=_bytes(path.parent / name for name in manifest["outputs"]) if sized else None,
        gpu=_on_gpu(path.parent / "metrics.jsonl") if "training_seconds" in counts else False,
    )


def _on_gpu(metrics: Path) -> bool:
    """Whether the lines of a training tell how much memory of a GPU it took: without a GPU, none does."""
    if not metrics.is_file():
        return False
    with metrics.open(encoding="utf-8") as stream:
        return '"gpu_memory_mb"' in stream.readline()


def _speed(settings: Mapping[str, Any], counts: Mapping[str, Any]) -> float | None:
    """Images per second over a whole training; what the counts give is the speed of its last steps."""
    seconds = counts.get("training_seconds")
    return None if not seconds else counts["steps"] * settings["optimizer"]["batch"] / float(seconds)


def _images(counts: Mapping[str, Any]) -> int | None:
    for keys in SIZES:
        if all(key in counts for key in keys):
            return sum(int(counts[key]) for key in keys)
    return None


def _bytes(paths: Iterable[Path]) -> int | None:
    """Size of files and folders; None if one of them is gone."""
    total = 0
    for path in paths:
        if not path.exists():
            return None
        total += sum(file.stat().st_size for file in _files(path))
    return total


def _files(path: Path) -> Iterator[Path]:
    yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)


@dataclass(frozen=True)
class DataSetSize:
    """Images and objects of a data set; objects of the training images. Of half-labelled ones, images by kind, too."""

    train_images: int
    val_images: int
    train_objects: int
    full_images: int = 0
    weak_images: int = 0


def _count_unlabelled(path: Path) -> int:
    from wssis.formats.given_file import read_given  # Imports NumPy, which a bill does without but here.

    found = read_given(path, images_alone=True)
    if isinstance(found, Fault):
        raise InputError(str(found.at(path)))
    return len(found["images"])


def count_half_labelled(given: HalfLabelledDataset) -> DataSetSize:
    """Sizes of half-labelled files that no study has taken yet, crowd regions among the objects.

    Raises:
        InputError: a file is missing or is no COCO file.
    """
    full, weak = count_items(Path(given.full_annotations)), count_items(Path(given.weak_annotations))
    rest = 0 if given.unlabelled is None else _count_unlabelled(Path(given.unlabelled))
    if given.val_annotations is None:
        val = max(1, int(full["images"] * given.val_share + 0.5))
        kept = full["images"] - val
    else:
        val, kept = count_items(Path(given.val_annotations))["images"], full["images"]
    objects = round(full["annotations"] * kept / max(1, full["images"])) + weak["annotations"]
    return DataSetSize(kept + weak["images"] + rest, val, objects, kept, weak["images"])


def count_annotations(train: Path, val: Path) -> DataSetSize:
    """Sizes of a data set that no study has prepared yet, from its annotation files.

    Raises:
        InputError: a file is missing or is no COCO file.
    """
    counted = count_items(train)
    return DataSetSize(counted["images"], count_items(val)["images"], counted["annotations"])
