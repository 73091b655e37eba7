"""wssis plan and wssis status, on manifests and metrics written by hand."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dag_runs import REPOSITORY
from overview_fixtures import RUN, STUDENT, crossfit_study, finish, finish_student, job_at, train

from wssis.cli import main
from wssis.config.files import read_study
from wssis.config.jobs import jobs_of
from wssis.config.study import Study
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.overview.bill import Estimate, bill, data_set_size, estimates, handled, jobs_needed, longest
from wssis.overview.finished import finished_jobs
from wssis.overview.other_jobs import other_jobs, time_left
from wssis.overview.progress import trainings
from wssis.overview.records import DataSetSize, Record, count_annotations, read_records
from wssis.overview.table import duration


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The default study, but with pairs by fold teachers, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return crossfit_study(tmp_path)


def _estimates(study: Study, records: Sequence[Record]) -> list[Estimate]:
    jobs = jobs_of(study)
    return estimates(study, jobs, finished_jobs(study, jobs), records)


def _rows(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}


def test_bill_without_earlier_runs(study: Study) -> None:
    text = bill(_estimates(study, []), 2880)
    assert _rows(text)["train_student"] == ["5", "0", "?", "?", "?"]
    assert _rows(text)["all"][:2] == ["32", "0"]
    assert f"\n  snakemake --cores all {RUN}/folds/0/manifest.json\n" in text and "is unknown; --retries 5" in text
    named = bill(_estimates(study, []), 2880, [Path("a.yaml"), Path("b.yaml")])
    assert f"{RUN}/folds/0/manifest.json --configfile a.yaml b.yaml\n" in named


def test_training_time_follows_from_images_per_second(study: Study) -> None:
    finish_student(study)  # 700 steps of 16 images in 350 s: 32 images/s
    found = _estimates(study, read_records([Path("results")]))
    by_arm = {one.job.arm: one for one in found if one.job.rule == "train_student"}
    assert by_arm["supervised"].done and not by_arm["oracle"].done
    assert by_arm["oracle"].seconds == pytest.approx(350)
    assert by_arm["supervised-short"].seconds == pytest.approx(350 / 4)
    assert {one.bytes for one in by_arm.values()} == {1000}
    row = _rows(bill(found, 2880))["train_student"]
    assert row[:2] == ["5", "1"] and row[4] == f"{(3 * 350 + 350 / 4) / 3600:.2f}"


def _finish_fold(study: Study, **optimizer: Any) -> None:
    """500 steps of 16 images in 250 s by fold teacher 0, with other keys of the optimizer."""
    path = Path(f"{RUN}/folds/0/manifest.json")
    counts = {"images": 15, "steps": 500, "training_seconds": 250.0}
    finish(study, str(path), counts, 251.0, {"model.safetensors": 1000})
    content = json.loads(path.read_text())
    content["settings"]["optimizer"] |= optimizer
    path.write_text(json.dumps(content))


def test_trainings_of_the_same_network_tell_of_each_other(study: Study) -> None:
    """Of the fold teachers exactly, of teacher and students roughly; the refiner is another network."""
    _finish_fold(study)
    found = _estimates(study, read_records([Path("results")]))
    of = {(one.job.stage, one.job.arm or one.job.fold): one for one in found}
    assert (of["fold", 1].seconds, of["fold", 1].rough, of["fold", 1].bytes) == (pytest.approx(250), False, 1000)
    assert (of["teacher", None].seconds, of["teacher", None].rough) == (pytest.approx(250), True)
    assert of["teacher", None].bytes == 3000  # With its two snapshots.
    assert (of["student", "wssis"].seconds, of["student", "wssis"].rough) == (pytest.approx(350), True)
    assert of["refiner", None].seconds is None
    text = bill(found, 2880)
    assert _rows(text)["train_teacher"][2:4] == ["~4", "min"] and _rows(text)["train_fold"][2:4] == ["4", "min"]
    assert _rows(text)["train_teacher"][4] == "~0.07" and "\n~: an estimate" in text
    known = 2 * 250 + 4 * 350 + 350 / 4  # The teacher, the other fold teacher, students.
    assert _rows(text)["all"][2] == f"~{known / 3600:.2f}+?", "what is unknown is left out of the sum, and said to be"
    assert f"snakemake --cores all {RUN}/refiner/manifest.json" in text
    finish_student(study)
    found = _estimates(study, read_records([Path("results")]))
    assert not any(one.rough for one in found if one.job.stage == "student")


def test_another_batch_tells_roughly(study: Study) -> None:
    _finish_fold(study, batch=8)  # 16 images/s
    found = _estimates(study, read_records([Path("results")]))
    (fold,) = [one for one in found if one.job.stage == "fold" and one.job.fold == 1]
    assert (fold.seconds, fold.rough) == (pytest.approx(500), True)


def test_gpu_hours_only_where_a_gpu_was_used(study: Study) -> None:
    finish_student(study)
    for line, heads in (('{"step": 1, "memory_mb": 9}', False), ('{"step": 1, "gpu_memory_mb": 9}', True)):
        Path(f"{STUDENT}/metrics.jsonl").write_text(line + "\n")
        head = bill(_estimates(study, read_records([Path("results")])), 2880).splitlines()[0]
        assert ("GPU hours  other hours" in head) == heads
        assert heads or head.split() == ["rule", "jobs", "done", "per", "job", "hours", "disk"]


def test_no_gpu_where_no_network_is_in_a_job(study: Study) -> None:
    """profiles/default says so too, in expressions over the jobs' inputs."""
    corrupt = read_study(REPOSITORY / "config.yaml")
    for of, asked in ((study, {"propose_full", "propose_weak"}), (corrupt, {"propose_weak"})):
        found = _estimates(of, [])
        assert {one.job.rule for one in found if one.asks_gpu and one.job.stage == "proposals"} == asked
        pseudo = {one.job.arm: one.asks_gpu for one in found if one.job.rule == "pseudo"}
        assert pseudo == {"rough": False, "wssis": True}


def test_other_network_tells_nothing(study: Study) -> None:
    finish_student(study)
    path = Path(f"{STUDENT}/manifest.json")
    content = json.loads(path.read_text())
    content["settings"]["network"]["fpn_channels"] = 256
    path.write_text(json.dumps(content))
    found = _estimates(study, read_records([Path("results")]))
    assert all(one.seconds is None for one in found)


def test_other_jobs_grow_with_their_images(study: Study) -> None:
    finish(study, f"{RUN}/proposals/full.json.manifest.json", {"images": 10}, 4.0, {"full.json": 50, "full.csv": 50})
    found = _estimates(study, read_records([Path("results")]))
    sides = {one.job.side: one for one in found if one.job.stage == "proposals"}
    assert sides["weak"].seconds == pytest.approx(4.0 * 270 / 10)
    assert sides["full"].seconds == pytest.approx(4.0 * 30 / 10) and sides["full"].bytes == pytest.approx(300)


def test_jobs_whose_counts_tell_no_size(study: Study) -> None:
    """Warnings are counted by kind; one unknown rule would leave the whole sum unknown."""
    path = "results/default/shapes/data_warnings.json"
    finish(study, f"{path}.manifest.json", {"masks of few pixels": 3}, 2.5, {"data_warnings.json": 70})
    found = _estimates(study, read_records([Path("results")]))
    assert [(one.seconds, one.bytes) for one in found if one.job.stage == "data_warnings"] == [(2.5, 70)]


def test_stores_are_measured_whole(study: Study) -> None:
    finish(
        study, f"{RUN}/crops/weak.zarr.manifest.json", {"images": 27}, 2.0, {"weak.zarr/c/0": 10, "weak.zarr/c/1": 17}
    )
    path = Path(f"{RUN}/crops/weak.zarr.manifest.json")
    path.write_text(path.read_text().replace('"weak.zarr/c/0": "", "weak.zarr/c/1": ""', '"weak.zarr": ""'))
    (record,) = read_records([Path("results")])
    assert (record.outputs, record.images, record.images_per_second) == (27, 27, None)
    Path(f"{RUN}/crops/weak.zarr/c/0").unlink()
    assert read_records([Path("results")])[0].outputs == 17


def test_gone_outputs_and_damaged_manifests(study: Study) -> None:
    finish_student(study)
    Path(f"{STUDENT}/model.safetensors").unlink()
    (record,) = read_records([Path("results")])
    assert record.outputs is None
    Path("results/odd.manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"odd\.manifest\.json: not a manifest .* delete it and run its stage again"):
        read_records([Path("results")])


def test_images_a_job_handles(study: Study) -> None:
    size = DataSetSize(train_images=300, val_images=150, train_objects=1200)
    ends = {
        "shapes/prepare.manifest.json": 450, f"{RUN}/split.manifest.json": 300, f"{RUN}/points.manifest.json": 270,
        f"{RUN}/crops/full.zarr.manifest.json": 30, f"{RUN}/crops/weak.zarr.manifest.json": 270,
        f"{RUN}/quality/wssis.csv.manifest.json": 1080, f"{RUN}/teacher/evaluate.manifest.json": 150,
        f"{RUN}/quality/wssis.predictions.json.manifest.json": None, "report/manifest.json": None,
    }  # fmt: skip
    for end, images in ends.items():
        manifest = end if end.startswith("results") else f"results/default/{end}"
        assert handled(study, job_at(study, manifest), size) == images, end


def test_size_of_the_data(study: Study, tmp_path: Path) -> None:
    assert data_set_size(study, "shapes") == DataSetSize(300, 150, 1200)
    counts = {"train_images": 7, "val_images": 3, "train_objects": 21}
    finish(study, "results/default/shapes/prepare.manifest.json", counts, 1.0, {"train.json": 1})
    assert data_set_size(study, "shapes") == DataSetSize(7, 3, 21)
    for name, images in (("a", 2), ("b", 1)):
        (tmp_path / name).write_text(json.dumps({"images": [{}] * images, "annotations": [{}] * 5, "categories": []}))
    assert count_annotations(tmp_path / "a", tmp_path / "b") == DataSetSize(2, 1, 5)


def test_long_trainings_take_several_jobs(study: Study) -> None:
    finish_student(study, seconds=7000.0)
    text = longest(_estimates(study, read_records([Path("results")])), job_minutes=65)
    assert "117" not in text and "1 h 57" in text and "2 jobs of 65 min" in text
    assert text.endswith("snakemake --retries 3")
    assert [jobs_needed(3600, 65), jobs_needed(3601, 65)] == [1, 2]


def test_everything_done(study: Study) -> None:
    for job in jobs_of(study):
        if job.rule.startswith("train_"):
            finish_student(study, job.manifest)
    assert longest(_estimates(study, []), 60) == "No training is left to do."


def test_other_jobs(study: Study) -> None:
    jobs = jobs_of(study)
    assert next(other_jobs(jobs, (), 0.0)) == "other jobs: 0 of 23 finished, 1 running or ready to run, 22 waiting"
    counts = {"train_images": 300, "val_images": 150, "train_objects": 9}
    finish(study, "results/default/shapes/prepare.manifest.json", counts, 1.0, {"train.json": 1})
    finish(study, f"{RUN}/split.manifest.json", {"images": 300}, 1.0, {"split.csv": 1})
    os.utime(f"{RUN}/split.manifest.json", (time.time() + 60,) * 2)
    first, last, ready = other_jobs(jobs, finished_jobs(study, jobs), time.time() + 180)
    assert first == "other jobs: 2 of 23 finished, 3 running or ready to run, 18 waiting"
    assert last == "  last finished: split of shapes/10pct/s0, 2 min ago"
    assert ready.startswith("  running or ready to run: check_images of shapes, ") and "points of shapes" in ready


def test_time_left_of_the_study(study: Study) -> None:
    finish_student(study)
    train(f"{RUN}/students/rough", [350])  # 175 s for half of it
    now, jobs = time.time(), jobs_of(study)
    found = _estimates(study, read_records([Path("results")], sized=False))
    of_students = [one for one in found if one.job.stage == "student"]
    told = time_left(of_students, trainings(study, jobs, finished_jobs(study, jobs), now))
    seconds = 350 + 350 + 350 / 4 + 175  # oracle, wssis, supervised-short, half of rough
    assert told == f"time left: about {duration(seconds)}, if jobs run one after another"
    assert "jobs of unknown length" in time_left(found, [])
    assert time_left([], []) == "time left: none, all is finished"
    assert "unknown" in time_left(_estimates(study, []), []).splitlines()[0]


def test_commands(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    finish_student(study)
    (Path("more.yaml")).write_text("run: {arms: [supervised, oracle]}\n")
    for command in (
        ["plan", "--configfile", "more.yaml", "--job-minutes", "60"],
        ["status", "--configfile", "more.yaml"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "Longest training" in text and "1 finished, 1 waiting" in text and "\nother jobs: 0 of " in text


def test_command_names_what_is_wrong(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [["--configfile", "none.yaml"], ["--like", "results", "--like", "nothere"]]
    for arguments in (*wrong, *(["--job-minutes", minutes] for minutes in ("5", "nan", "inf"))):
        finish_student(study)
        with pytest.raises(SystemExit) as ended:
            main(["plan", *arguments])
        assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert "none.yaml: not found" in errors and "nothere: is no folder; correct --like" in errors
    assert errors.count("needs more than 5 minutes") == 3


@pytest.mark.parametrize(
    ("key", "values"),
    [*((key, {}) for key in ("stage", "settings", "counts", "duration")), ("duration", {"duration": "x"})],
)
def test_a_manifest_that_lacks_a_part_is_named(study: Study, key: str, values: dict[str, Any]) -> None:
    finish_student(study)
    path = Path(f"{STUDENT}/manifest.json")
    rest = {name: value for name, value in read_manifest(path).items() if name != key}
    path.write_text(json.dumps({**rest, **values}))
    with pytest.raises(InputError, match=rf"manifest\.json: not a manifest \(no sound {key}\); delete it"):
        read_records([Path("results")])


def test_half_labelled_files_are_counted_before_they_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from given_fixtures import half_labelled, write_half_labelled

    monkeypatch.chdir(tmp_path)
    contents = half_labelled()
    del contents["val"]
    write_half_labelled(tmp_path, contents)
    raw = {
        "study": "half",
        "run": {"datasets": ["cells"], "mixes": ["given"], "seeds": ["s0"], "arms": ["rough"]},
        "datasets": {"cells": {
            "kind": "half-labelled", "full_annotations": "full.json", "weak_annotations": "weak.json",
            "full_images": "full", "weak_images": "weak", "unlabelled": "unlabelled.json", "unlabelled_images": "rest",
        }},
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text((REPOSITORY / "config.yaml").read_text())
    (tmp_path / "study.yaml").write_text(json.dumps(raw))
    study = read_study(Path("config.yaml"), [Path("study.yaml")])
    size = data_set_size(study, "cells")
    assert (size.full_images, size.weak_images, size.train_images, size.val_images) == (8, 5, 15, 2)
    jobs = {job.rule: job for job in jobs_of(study)}
    assert handled(study, jobs["points_given"], size) == handled(study, jobs["propose_weak"], size) == 5
    assert handled(study, jobs["show_given"], size) == round(size.train_objects * 5 / 15)
    assert len(_estimates(study, [])) == len(jobs_of(study))
