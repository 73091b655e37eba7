"""The smoke study for real: complete, traceable, and blind to the masks of weak images."""

import json
import shutil
from pathlib import Path

import pytest
from real_runs import all_finished, blank_masks, clone_for, outputs_of, smoke_study, snakemake, without_time

from wssis.formats.manifest import digest_of, read_manifest

pytestmark = pytest.mark.slow
RUN = Path("results/smoke/smoke-carparts/25pct/s0/base")
AFTER_POINTS = (
    "train_teacher", "train_fold", "propose_full", "propose_weak", "crops_full", "crops_weak", "train_refiner",
    "pseudo", "train_student", "evaluate",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the smoke study has been run."""
    folder = clone_for(smoke_study("smoke", shared_data), tmp_path_factory.mktemp("smoke") / "clone")
    snakemake(folder, "--cores", "2")
    return folder


def test_every_job_counts_as_finished(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all_finished(finished, monkeypatch)


def test_it_reports(finished: Path) -> None:
    page = finished / "results/smoke/report/index.html"
    assert "<html" in page.read_text()[:1000].lower()
    assert len((finished / "results/smoke/report/scores.csv").read_text().splitlines()) == 1 + 5
    assert "Nothing to be done" in snakemake(finished, "-n")
    assert not any((finished / "results/.state").rglob("*.*")), "resume states are removed on success"


def test_manifests_tell_the_truth(finished: Path) -> None:
    outputs = outputs_of(finished / RUN)
    assert {"weak.json", "teacher/model.safetensors", "crops/full.zarr", "pseudo/wssis.json"} <= set(outputs)
    for name, digest in outputs.items():
        assert digest_of(finished / RUN / name) == digest, name
    recorded = read_manifest(finished / RUN / "pseudo/wssis.json.manifest.json")["inputs"]
    assert recorded["refiner"]["sha256"] == outputs["refiner/model.safetensors"]


def test_every_file_is_in_a_manifest(finished: Path) -> None:
    outputs = outputs_of(finished / RUN)
    stores = tuple(f"{name}/" for name in outputs if name.endswith(".zarr"))
    files = (path.relative_to(finished / RUN).as_posix() for path in (finished / RUN).rglob("*") if path.is_file())
    loose = [name for name in files if not name.endswith("manifest.json") and not name.startswith(stores)]
    assert sorted(set(loose) - set(outputs)) == []


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


def test_blind_to_hidden_masks(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "blind"
    shutil.copytree(finished, folder)
    seen = outputs_of(folder / RUN)
    train = folder / RUN.parents[2] / "train.json"
    coco = json.loads(train.read_text())
    weak_images = {image["id"] for image in json.loads((folder / RUN / "weak.json").read_text())["images"]}
    assert len(weak_images) == 18
    blank_masks(coco, weak_images)
    train.write_text(json.dumps(coco))
    for name in ("teacher", "folds", "proposals", "crops", "refiner", "pseudo", "students"):
        shutil.rmtree(folder / RUN / name)
    snakemake(folder, "--cores", "2", "networks", "--allowed-rules", *AFTER_POINTS, "--rerun-triggers", "mtime")
    blind = outputs_of(folder / RUN)
    assert "students/wssis/scores.json" in blind
    assert without_time(blind) == without_time(seen)
    assert len(_losses(folder / RUN)) == 7
    assert _losses(folder / RUN) == _losses(finished / RUN)
