"""The smoke study for real: complete, traceable, and blind to the masks of weak images."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dag_runs import copy_workflow

from wssis.formats.manifest import digest_of, read_manifest

pytestmark = pytest.mark.slow
RUN = Path("results/smoke/smoke-carparts/25pct/s0/base")
AFTER_POINTS = (
    "train_teacher", "train_fold", "propose_full", "propose_weak", "crops_full", "crops_weak", "train_refiner",
    "pseudo", "train_student", "evaluate",
)  # fmt: skip


def _snakemake(folder: Path, *arguments: str) -> str:
    """Run the smoke study in `folder`, a copy of the workflow; what it printed."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
    }
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "study.yaml"]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the smoke study has been run."""
    folder = tmp_path_factory.mktemp("smoke") / "clone"
    copy_workflow(folder)
    text = (folder / "studies" / "smoke.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("../shared/data", str(shared_data)))
    _snakemake(folder, "--cores", "2")
    return folder


def _outputs(folder: Path) -> dict[str, str]:
    """Digest of everything the run's manifests list, by its path."""
    found = {}
    for path in sorted((folder / RUN).rglob("*manifest.json")):
        for name, digest in read_manifest(path)["outputs"].items():
            found[(path.parent / name).relative_to(folder / RUN).as_posix()] = digest
    return found


def test_it_reports(finished: Path) -> None:
    page = finished / "results/smoke/report/index.html"
    assert "<html" in page.read_text()[:1000].lower()
    assert len((finished / "results/smoke/report/scores.csv").read_text().splitlines()) == 1 + 5
    assert "Nothing to be done" in _snakemake(finished, "-n")
    assert not any((finished / "results/.state").rglob("*.*")), "resume states are removed on success"


def test_manifests_tell_the_truth(finished: Path) -> None:
    outputs = _outputs(finished)
    assert {"weak.json", "teacher/model.safetensors", "crops/full.zarr", "pseudo/wssis.json"} <= set(outputs)
    for name, digest in outputs.items():
        assert digest_of(finished / RUN / name) == digest, name
    recorded = read_manifest(finished / RUN / "pseudo/wssis.json.manifest.json")["inputs"]
    assert recorded["refiner"]["sha256"] == outputs["refiner/model.safetensors"]


def test_every_file_is_in_a_manifest(finished: Path) -> None:
    outputs = _outputs(finished)
    stores = tuple(f"{name}/" for name in outputs if name.endswith(".zarr"))
    files = (path.relative_to(finished / RUN).as_posix() for path in (finished / RUN).rglob("*") if path.is_file())
    loose = [name for name in files if not name.endswith("manifest.json") and not name.startswith(stores)]
    assert sorted(set(loose) - set(outputs)) == []


def _without_time(outputs: dict[str, str]) -> dict[str, str]:
    """Without the digests of metrics.jsonl, which has durations and throughput beside the losses."""
    return {name: digest for name, digest in outputs.items() if not name.endswith("metrics.jsonl")}


def _losses(folder: Path) -> dict[str, list[tuple[float, ...]]]:
    """What the metrics say that is no matter of time: step, learning rate and losses, by file."""
    timed = {"images_per_second", "data_wait", "memory_mb", "gpu_memory_mb", "seconds"}
    return {
        path.relative_to(folder).as_posix(): [
            tuple(value for key, value in json.loads(line).items() if key not in timed)
            for line in path.read_text().splitlines()
        ]
        for path in folder.rglob("metrics.jsonl")
    }


def _blank(coco: dict[str, Any], weak_images: set[int]) -> None:
    """Replace every mask, box and area of weak images by nonsense that is still COCO."""
    for annotation in coco["annotations"]:
        if annotation["image_id"] in weak_images:
            annotation |= {"segmentation": [[0, 0, 1, 0, 1, 1]], "bbox": [0, 0, 1, 1], "area": 0.5}


def test_blind_to_hidden_masks(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "blind"
    shutil.copytree(finished, folder)
    seen = _outputs(folder)
    train = folder / RUN.parents[2] / "train.json"
    coco = json.loads(train.read_text())
    weak_images = {image["id"] for image in json.loads((folder / RUN / "weak.json").read_text())["images"]}
    assert len(weak_images) == 18
    _blank(coco, weak_images)
    train.write_text(json.dumps(coco))
    for name in ("teacher", "folds", "proposals", "crops", "refiner", "pseudo", "students"):
        shutil.rmtree(folder / RUN / name)
    _snakemake(folder, "--cores", "2", "networks", "--allowed-rules", *AFTER_POINTS, "--rerun-triggers", "mtime")
    blind = _outputs(folder)
    assert "students/wssis/scores.json" in blind
    assert _without_time(blind) == _without_time(seen)
    assert len(_losses(folder / RUN)) == 7
    assert _losses(folder / RUN) == _losses(finished / RUN)
