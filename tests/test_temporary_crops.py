"""Temporary weak crops, on the real DAG: gone when they have been read, missed by nobody, made again where needed."""

from pathlib import Path

import pytest
from dag_runs import Clone

RUN = "results/fake/cars/10pct/s0/base"
STUDENT_ONLY = {"train_student": 4, "evaluate": 4, "predict_shown": 2, "report": 1}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The fake study with temporary crops, run."""
    clone = Clone.create(tmp_path_factory.mktemp("temporary") / "clone")
    clone.study["crops"] = {"temporary": True}
    clone.build()
    return clone


@pytest.fixture
def clone(built: Clone, tmp_path: Path) -> Clone:
    """A copy of the run study to change something in."""
    copy = built.copy(tmp_path / "clone")
    copy.study["crops"] = {"temporary": True}
    return copy


def test_only_the_weak_store_goes_and_its_manifest_stays(built: Clone) -> None:
    crops = built.folder / RUN / "crops"
    assert sorted(path.name for path in crops.iterdir()) == [
        "full.zarr", "full.zarr.manifest.json", "weak.zarr.manifest.json",
    ]  # fmt: skip
    assert (built.folder / RUN / "pseudo/wssis.json").is_file()


def test_nothing_misses_it(clone: Clone) -> None:
    assert clone.planned() == {}


def test_a_later_stage_leaves_it_alone(clone: Clone) -> None:
    clone.study["student"] = {"optimizer": {"lr": 0.123}}
    assert clone.planned() == STUDENT_ONLY


def test_what_reads_it_makes_it_again_and_it_goes_again(clone: Clone) -> None:
    clone.study["pseudo"] = {"flip": False}
    planned = clone.planned()
    assert planned["crops_weak"] == 1 and planned["pseudo"] == 1
    assert not {"split", "train_teacher", "propose_weak", "crops_full", "train_refiner"} & set(planned)
    clone.build()
    assert not (clone.folder / RUN / "crops/weak.zarr").exists()
    assert clone.planned() == {}


def test_another_refiner_makes_it_again(clone: Clone) -> None:
    clone.study["refiner"]["dice"] = "columns"
    planned = clone.planned()
    assert planned["crops_weak"] == planned["train_refiner"] == 1
    assert not {"propose_weak", "crops_full", "train_fold"} & set(planned)


def test_to_keep_them_from_now_on_reruns_nothing(clone: Clone) -> None:
    clone.study["crops"] = {"temporary": False}
    assert clone.planned() == {}


def test_to_drop_them_from_now_on_reruns_nothing(clone: Clone) -> None:
    clone.study["crops"] = {"temporary": False}
    clone.study["pseudo"] = {"flip": False}
    clone.build()
    assert (clone.folder / RUN / "crops/weak.zarr").is_dir()
    clone.study["crops"] = {"temporary": True}
    assert clone.planned() == {}
