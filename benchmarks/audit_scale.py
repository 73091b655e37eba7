"""wssis audit on a study of COCO's size: seconds and memory.

`python -m benchmarks.audit_scale` writes the made-up files of one run, 849,949 points and 10,052 crowd regions on
118,287 images, 1 % of them with masks, into a temporary folder (or --folder, which is kept), audits it by the command
line, and prints a line. Wanted: 60 s on two cores.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.coco_scale import measured
from wssis.config.data_stages import PointsSettings, PrepareSettings, SplitSettings
from wssis.config.mask_stages import ProposalsSettings, PseudoSettings, QualitySettings
from wssis.config.segmentor_stages import TeacherSettings
from wssis.engine.pseudo_quality import COLUMNS as QUALITY_COLUMNS
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import encode_mask, mask_box, write_coco
from wssis.formats.image_facts import ImageFacts, write_image_facts
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.ledger import LedgerRow, open_ledger
from wssis.formats.manifest import StageRun
from wssis.formats.points import write_full_points, write_hidden_ids
from wssis.formats.split import write_split
from wssis.formats.table import write_table

IMAGES, OBJECTS, CROWD = 118_287, 849_949, 10_052
WIDTH, HEIGHT = 640, 480
FULL_EVERY = 100
WANTED_SECONDS = 60
CATEGORIES = [{"id": number, "name": f"class {number}"} for number in range(1, 81)]
POLYGON = [[round(100 + 30 * float(f(turn)), 2) for turn in np.linspace(0, 6, 20) for f in (np.cos, np.sin)]]
CROWD_RLE = {"size": [HEIGHT, WIDTH], "counts": [1000, *[200] * 300, WIDTH * HEIGHT - 61_000]}
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
MASK = np.hypot(ROWS - 100, COLUMNS - 100) * (1 + 0.1 * np.sin(COLUMNS)) < 20
MADE = {"segmentation": encode_mask(MASK), "bbox": mask_box(MASK), "area": int(MASK.sum())}
Numbers = NDArray[np.int64]


class Made:
    """The made-up data: image of every annotation (A,), 1-based; crowd ones come last."""

    def __init__(self, images: int, objects: int, crowd: int) -> None:
        self.images, self.crowd_from = images, objects
        rng = np.random.default_rng(2017)
        self.image = np.concatenate([rng.integers(1, images + 1, objects), rng.integers(1, images + 1, crowd)])
        self.category = rng.integers(1, len(CATEGORIES) + 1, objects + crowd)
        self.point = rng.integers(0, HEIGHT - 1, (objects + crowd, 2)).astype(float)
        self.full = self.image % FULL_EVERY == 0
        self.is_crowd = np.arange(objects + crowd) >= objects

    def frame(self, *, full: bool | None = None) -> dict[str, Any]:
        """Images and categories: of all, or of the full or the weak images."""
        ids = [i for i in range(1, self.images + 1) if full is None or (i % FULL_EVERY == 0) == full]
        sides = {"width": WIDTH, "height": HEIGHT}
        return {"images": [{"id": i, "file_name": f"{i:012d}.jpg", **sides} for i in ids], "categories": CATEGORIES}

    def truth(self, which: NDArray[np.bool_], **more: object) -> Iterator[dict[str, Any]]:
        """Annotations with masks."""
        for place in np.flatnonzero(which).tolist():
            crowd = bool(self.is_crowd[place])
            yield {
                **self._ids(place + 1, place), "segmentation": CROWD_RLE if crowd else POLYGON,
                "bbox": [70, 70, 60, 60], "area": 2800.0, "iscrowd": int(crowd), **more,
            }  # fmt: skip

    def points(self, places: Numbers) -> Iterator[dict[str, Any]]:
        """Annotations of weak.json, numbered from 1."""
        for number, place in enumerate(places.tolist(), start=1):
            yield {**self._ids(number, place), "point": self.point[place].tolist()}

    def proposals(self, places: Numbers, numbers: Numbers, write: Any, predictor: str) -> Iterator[dict[str, Any]]:
        """Annotations of proposals/{side}.json; each one's row is written into the ledger."""
        for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
            x, y = self.point[place].tolist()
            ids = self._ids(number, place)
            write(LedgerRow(ids["image_id"], number, ids["category_id"], x, y, predictor, number, "kept", 2, 0.512345,
                            0.912345, 0.612345, MADE["area"], True, 0, 0, False, ""))  # fmt: skip
            yield {
                **ids, "point_id": number, "point": [x, y], **MADE, "iscrowd": 0, "score": 0.512345,
                "maskness": 0.912345, "category_score": 0.612345, "level": 2, "predictor": predictor, "status": "kept",
            }  # fmt: skip

    def pseudo(self, places: Numbers, first: int) -> Iterator[dict[str, Any]]:
        """The full annotations, then one for every weak point, numbered from `first` on."""
        yield from self.truth(self.full, source="full")
        for number, place in enumerate(places.tolist(), start=1):
            yield {
                **self._ids(first + number, place), **MADE, "iscrowd": 0, "source": "pseudo", "outcome": "rough",
                "score": 0.512345, "point": self.point[place].tolist(), "point_id": number,
            }  # fmt: skip

    def _ids(self, number: int, place: int) -> dict[str, int]:
        return {"id": number, "image_id": int(self.image[place]), "category_id": int(self.category[place])}


def write_study(folder: Path, images: int = IMAGES, objects: int = OBJECTS, crowd: int = CROWD) -> None:
    """Write one run of a study, as far as ledgers and training sets go, with its manifests."""
    made = Made(images, objects, crowd)
    data, run = folder / "coco", folder / "coco/1pct/s0/base"
    _data_set(made, data)
    weak = np.flatnonzero(~made.full & ~made.is_crowd)
    full = np.flatnonzero(made.full & ~made.is_crowd)
    _labels(made, data, run, weak, full)
    _teacher(made, run)
    for side, places, numbers in (("full", full, full + 1), ("weak", weak, np.arange(1, len(weak) + 1))):
        _proposals(made, data, run, side, places, numbers)
    out = run / "pseudo/rough.json"
    inputs = {"full": run / "full.json", "weak": run / "weak.json", "proposals": run / "proposals/weak.json"}
    rough = PseudoSettings(masks="rough")
    with StageRun("pseudo", out.with_name("rough.json.manifest.json"), rough, inputs) as stage:
        frame, rest = made.frame(full=True), made.frame(full=False)
        frame["images"] += rest["images"]
        write_coco(out, frame | {"annotations": made.pseudo(weak, objects + crowd)})
        stage.output(out)
        stage.counts.update(
            full_images=images - len(rest["images"]), full_annotations=int(made.full.sum()),
            weak_images=len(rest["images"]), weak_points=len(weak), pseudo_masks=len(weak), rough=len(weak),
        )  # fmt: skip
    _quality(made, run, weak)


def _data_set(made: Made, data: Path) -> None:
    with StageRun("prepare", data / "prepare.manifest.json", PrepareSettings(), {}) as stage:
        everything = np.ones(len(made.image), bool)
        write_coco(data / "train.json", made.frame() | {"annotations": made.truth(everything)})
        write_coco(data / "val.json", made.frame() | {"annotations": []})
        stage.output(data / "train.json", data / "val.json")
        stage.counts.update(train_images=made.images, train_objects=int((~made.is_crowd).sum()),
                            train_crowd=int(made.is_crowd.sum()), val_images=made.images)  # fmt: skip
    inputs = {"train": data / "train.json", "val": data / "val.json"}
    with StageRun("check_images", data / "images.csv.manifest.json", PrepareSettings(), inputs) as stage:
        rows = [ImageRow(part, i, f"{i:012d}.jpg", WIDTH, HEIGHT, digit * 64)
                for part, digit in (("train", "0"), ("val", "1")) for i in range(1, made.images + 1)]  # fmt: skip
        write_images_table(data / "images.csv", rows)
        facts = (ImageFacts(one.subset, one.image_id, "RGB", 1, None) for one in rows)
        write_image_facts(data / "image_facts.csv", facts)
        stage.output(data / "images.csv", data / "image_facts.csv")
        stage.counts["images"] = len(rows)


def _labels(made: Made, data: Path, run: Path, weak: Numbers, full: Numbers) -> None:
    crowd = made.is_crowd
    inputs = {"train": data / "train.json"}
    with StageRun("split", run / "split.manifest.json", SplitSettings(), inputs) as one:
        kinds = {i: "point" if i % FULL_EVERY else "full" for i in range(1, made.images + 1)}
        write_split(run / "split.csv", kinds)
        write_coco(run / "full.json", made.frame(full=True) | {"annotations": made.truth(made.full)})
        write_coco(run / "unlabelled.json", {"images": [], "annotations": [], "categories": CATEGORIES})
        one.output(*(run / name for name in ("split.csv", "full.json", "unlabelled.json")))
        images = sum(kind == "full" for kind in kinds.values())
        one.counts.update(full_images=images, point_images=made.images - images, full_objects=len(full),
                          full_crowd=int((made.full & crowd).sum()))  # fmt: skip
    inputs = {"train": data / "train.json", "split": run / "split.csv", "full": run / "full.json"}
    with StageRun("points", run / "points.manifest.json", PointsSettings(), inputs) as one:
        frame = made.frame(full=False)
        write_coco(run / "weak.json", frame | {"annotations": made.points(weak)})
        write_full_points(run / "full_points.csv", {place + 1: tuple(made.point[place]) for place in full.tolist()})
        write_hidden_ids(run / "hidden_ids.csv", dict(enumerate((weak + 1).tolist(), start=1)))
        one.output(*(run / name for name in ("weak.json", "full_points.csv", "hidden_ids.csv")))
        one.counts.update(
            full_points=len(full), weak_images=len(frame["images"]), weak_points=len(weak),
            verified_empty=len(frame["images"]) - len(np.unique(made.image[weak])),
            weak_crowd=int((~made.full & crowd).sum()), full_crowd=int((made.full & crowd).sum()),
        )  # fmt: skip


def _teacher(made: Made, run: Path) -> None:
    """Weights that were given, as those of an imported teacher: nothing was trained."""
    out = run / "teacher"
    inputs = {"full": run / "full.json", "images_table": run.parents[2] / "images.csv"}
    with StageRun("teacher", out / "manifest.json", TeacherSettings(), inputs) as one:
        about = {"kind": "solov2", "categories": json.dumps(CATEGORIES), "imported": "made up"}
        for name in ("model", "snapshot1", "snapshot2"):
            save_model(out / f"{name}.safetensors", {"weight": torch.zeros(1)}, about)
            one.output(out / f"{name}.safetensors")
        images = made.images // FULL_EVERY
        one.counts.update(imported="made up", images=images, objects=int(made.full.sum()))


def _proposals(made: Made, data: Path, run: Path, side: str, places: Numbers, numbers: Numbers) -> None:
    out, predictor = run / f"proposals/{side}.json", "teacher"
    inputs = {"annotations": run / f"{side}.json", "images_table": data / "images.csv",
              predictor: run / "teacher/model.safetensors"}  # fmt: skip
    given = ProposalsSettings()
    with StageRun("proposals", out.with_name(f"{out.name}.manifest.json"), given, inputs) as stage:
        frame = made.frame(full=side == "full")
        with open_ledger(out.with_suffix(".csv")) as write:
            write_coco(out, frame | {"annotations": made.proposals(places, numbers, write, predictor)})
        stage.output(out, out.with_suffix(".csv"))
        count = len(places)
        stage.counts.update(images=len(frame["images"]), points=count, records=count, status_kept=count,
                            predictor_teacher=count)  # fmt: skip


def _quality(made: Made, run: Path, weak: Numbers) -> None:
    out = run / "quality/rough.csv"
    inputs = {
        "train": run.parents[2] / "train.json", "weak": run / "weak.json", "hidden_ids": run / "hidden_ids.csv",
        "pseudo": run / "pseudo/rough.json",
    }  # fmt: skip
    with StageRun("quality", out.with_name("rough.csv.manifest.json"), QualitySettings(), inputs) as stage:
        rows = ((number, place + 1, int(made.image[place]), int(made.category[place]), 2800, 0, "masked", 0.5, 0.6, 0.6)
                for number, place in enumerate(weak.tolist(), start=1))  # fmt: skip
        write_table(out, QUALITY_COLUMNS, rows)
        stage.output(out)
        stage.counts.update(points=len(weak), masked=len(weak))


def benchmark(folder: Path, images: int, objects: int, crowd: int) -> None:
    """Write the study unless it is there, audit it, and print one line."""
    begun = time.perf_counter()
    if not (folder / "coco/1pct/s0/base/quality/rough.csv.manifest.json").exists():
        write_study(folder, images, objects, crowd)
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9
    print(f"{objects:,} points, {crowd:,} crowd, {stored:.2f} GB, made in {time.perf_counter() - begun:.0f} s")
    seconds, cpu, memory = measured([sys.executable, "-m", "wssis", "audit", str(folder)])
    print(f"audit {seconds:.1f} s, CPU {cpu:.1f} s, {memory:.2f} GB   wanted {WANTED_SECONDS} s")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--objects", type=int, default=OBJECTS)
    parser.add_argument("--crowd", type=int, default=CROWD)
    parser.add_argument("--folder", type=Path, help="where to work; kept, and its files used again")
    given = parser.parse_args()
    if given.folder is not None:
        benchmark(given.folder, given.images, given.objects, given.crowd)
        return
    with tempfile.TemporaryDirectory() as folder:
        benchmark(Path(folder), given.images, given.objects, given.crowd)


if __name__ == "__main__":
    main()
