"""The DAG of half-labelled data: what is planned, what moving folders reruns, what is refused before it."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from dag_runs import Clone
from test_given_settings import WITHOUT_TRUTH

from wssis.config.files import read_study
from wssis.config.jobs import jobs_of

ARMS = [name for name in WITHOUT_TRUTH if name != "wssis-2"]
SHOWN = ("rough", "semi", "wssis")
CELLS = {
    "kind": "half-labelled", "full_annotations": "data/full.json", "weak_annotations": "data/weak.json",
    "full_images": "data/images", "weak_images": "data/images",
}  # fmt: skip


@pytest.fixture
def half(clone: Clone) -> Clone:
    """The fake study, of half-labelled files."""
    for name in ("full", "weak", "val"):
        (clone.folder / "data" / f"{name}.json").write_text("{}")
    clone.study["datasets"]["cells"] = dict(CELLS)
    clone.study["run"] |= {"datasets": ["cells"], "mixes": ["given"], "arms": list(SHOWN)}
    return clone


def _jobs(clone: Clone) -> list:
    (clone.folder / "study.yaml").write_text(yaml.safe_dump(clone.study))
    return list(jobs_of(read_study(clone.folder / "config.yaml", [clone.folder / "study.yaml"])))


@pytest.mark.parametrize("pairs", ["crossfit", "snapshots", "corrupt"])
def test_jobs_are_those_that_snakemake_plans(half: Clone, pairs: str) -> None:
    half.study["refiner"] = {"pairs": pairs, "second_round": "retrain"}
    half.study["run"]["arms"] = [*ARMS, "wssis-2"]
    half.study["run"]["variants"] = ["base", "random", "small"]
    half.study["variants"] = {"random": {"points": {"strategy": "random"}}, "small": {"crops": {"size": 128}}}
    planned = half.planned()
    assert dict(Counter(job.rule for job in _jobs(half))) == planned
    assert planned["take_given"] == planned["split_given"] == 1
    assert not {"split", "points", "pseudo_quality", "oracle_mask", "prepare"} & planned.keys()


def test_clicks_that_no_arm_uses_are_not_taken(half: Clone) -> None:
    half.study["run"]["arms"] = ["supervised"]
    planned = half.planned()
    assert dict(Counter(job.rule for job in _jobs(half))) == planned and "points_given" not in planned


def test_beside_a_data_set_with_all_masks(half: Clone) -> None:
    half.study["run"] |= {"datasets": ["cells", "cars"], "mixes": ["given", "10pct"], "arms": ["supervised", "rough"]}
    planned = half.planned()
    assert dict(Counter(job.rule for job in _jobs(half))) == planned
    assert planned["split"] == planned["split_given"] == planned["points"] == planned["points_given"] == 1
    assert (planned["pseudo_quality"], planned["show_given"], planned["train_student"]) == (1, 1, 4)


@pytest.mark.slow
def test_manifests_are_where_the_jobs_say_and_folders_may_move(half: Clone) -> None:
    half.build()
    found = {path.relative_to(half.folder).as_posix() for path in (half.folder / "results").rglob("*manifest.json")}
    assert {job.manifest for job in _jobs(half)} == found
    assert not list((half.folder / "results").rglob("hidden_ids.csv"))
    assert half.planned() == {}
    (half.folder / "data" / "clicked").mkdir()
    half.study["datasets"]["cells"]["weak_images"] = "data/clicked"
    assert half.planned() == {}
    commands = half.snakemake("-n", "-p", "--forcerun", "train_teacher").stdout
    assert "--image-dir data/images:data/clicked --state-root" in commands
    half.study["datasets"]["cells"]["val_share"] = 0.3
    assert half.planned()["take_given"] == 1


@pytest.mark.parametrize("keys", [("full_annotations", "weak_annotations"), ("weak_annotations", "val_annotations")])
def test_exchanged_files_are_taken_again(half: Clone, keys: tuple[str, str]) -> None:
    """As a set, the inputs are what they were."""
    cells = half.study["datasets"]["cells"]
    cells |= {"val_annotations": "data/val.json", "val_images": "data/images"}
    done = half.snakemake("--cores", "2", "data")
    assert done.returncode == 0, done.stderr
    assert "take_given" not in half.planned("data")
    one, other = keys
    cells |= {one: cells[other], other: cells[one]}
    assert "take_given" in half.planned("data")


def test_val_files_of_ones_own(half: Clone) -> None:
    half.study["datasets"]["cells"] |= {
        "val_annotations": "data/val.json", "val_images": "data/images", "unlabelled": "data/val.json",
        "unlabelled_images": "data/rest",
    }  # fmt: skip
    (half.folder / "data" / "rest").mkdir()
    commands = half.snakemake("-n", "-p").stdout
    assert "--val data/val.json --val-images data/images" in commands
    assert "--unlabelled data/val.json --unlabelled-images data/rest" in commands
    assert "--train-images data/images:data/rest --val-images data/images" in commands


def test_missing_files_do_not_hide_the_dag(half: Clone) -> None:
    (half.folder / "data" / "weak.json").unlink()
    done = half.snakemake("-n")
    line = "missing: data/weak.json (datasets.cells.weak_annotations): put the data there, or correct the key"
    assert done.returncode == 0 and line in done.stdout + done.stderr and "take_given" in done.stdout
    done = half.snakemake("--cores", "1")
    assert done.returncode != 0 and "data are missing; no job was started" in done.stdout + done.stderr


@pytest.mark.parametrize("arm", ["oracle", "oracle-mask"])
def test_arms_that_need_hidden_masks_stop_before_the_dag(half: Clone, arm: str) -> None:
    half.study["run"]["arms"].append(arm)
    done = half.snakemake("-n")
    assert done.returncode != 0 and "Job stats" not in done.stdout
    assert f"run.arms: '{arm}' needs" in done.stdout + done.stderr


def test_temporary_crops_go_and_what_is_shown_needs_none(half: Clone) -> None:
    half.study["crops"] = {"temporary": True}
    half.build()
    assert not list(Path(half.folder).rglob("crops/weak.zarr"))
    assert half.planned() == {}
