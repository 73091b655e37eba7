"""wssis status: the state of every training, by its metrics, its manifest and what it saved to resume from."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from dag_runs import REPOSITORY
from overview_fixtures import LOSSES, RUN, STUDENT, crossfit_study, finish, finish_student, job_at, train

from wssis.config.files import read_study
from wssis.config.jobs import TRAININGS, Job, jobs_of
from wssis.config.mixes import Mix
from wssis.config.study import Study
from wssis.engine.state import state_folder
from wssis.formats.manifest import read_manifest
from wssis.overview.finished import finished_jobs
from wssis.overview.progress import Progress, status, trainings
from wssis.overview.saved import own_states, saved, saved_states, training_inputs
from wssis.provenance import code_digest


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The default study, but with pairs by fold teachers, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return crossfit_study(tmp_path)


def _trainings(study: Study, saved: Mapping[Job, float] | None = None) -> list[Progress]:
    jobs = jobs_of(study)
    return trainings(study, jobs, finished_jobs(study, jobs), time.time(), saved)


def test_states_of_trainings(study: Study) -> None:
    train(f"{RUN}/teacher", [100, 200], tail='{"step": 2')
    train(f"{RUN}/folds/0", [100, 120], age=3600)
    train(STUDENT, [700])
    finish_student(study)
    found = {one.job.folder: one for one in _trainings(study)}
    assert len(found) == 9
    teacher, fold, student = found[f"{RUN}/teacher"], found[f"{RUN}/folds/0"], found[STUDENT]
    assert (teacher.state, teacher.step, teacher.steps, teacher.losses) == ("running", 200, 500, LOSSES)
    assert teacher.seconds_left == pytest.approx(150) and teacher.images_per_second == 31.5
    assert (fold.state, fold.step) == ("silent", 120)
    assert (student.state, student.step, student.images_per_second) == ("finished", 700, 700 * 16 / 350)
    assert found[f"{RUN}/refiner"].state == "waiting"


@pytest.mark.parametrize(
    ("written", "saved", "state"),
    [(20, 30, "running"), (150, 140, "saved"), (150, 148, "saved"), (90, 60, "running"), (500, 300, "saved"),
     (500, 600, "silent")],
)  # fmt: skip
def test_a_training_that_was_stopped_is_not_said_to_run(study: Study, written: float, saved: float, state: str) -> None:
    """A line takes 50 s; seconds ago."""
    train(f"{RUN}/folds/0", [100, 200], age=written)
    now, jobs = time.time(), jobs_of(study)
    (job,) = [job for job in jobs if job.folder == f"{RUN}/folds/0"]
    found = {one.job: one.state for one in _trainings(study, {job: now - saved})}
    assert found[job] == state


def test_a_training_whose_outputs_snakemake_removed_is_saved_all_the_same(study: Study) -> None:
    jobs = jobs_of(study)
    (job,) = [job for job in jobs if job.folder == f"{RUN}/folds/0"]
    text = status(_trainings(study, {job: time.time() - 5}), [])
    row = next(line for line in text.splitlines() if "folds/0" in line)
    assert row.split() == ["shapes/10pct/s0/base/folds/0", "saved", "?/500", "?"]


def test_a_training_that_is_at_its_end_has_not_stopped(study: Study) -> None:
    """It saves itself once more, measures its norms and writes its checkpoint."""
    train(f"{RUN}/folds/0", [400, 500], age=115)
    now, jobs = time.time(), jobs_of(study)
    (job,) = [job for job in jobs if job.folder == f"{RUN}/folds/0"]
    (found,) = [one for one in _trainings(study, {job: now - 110}) if one.job == job]
    assert (found.step, found.steps, found.state) == (500, 500, "running")


def test_a_training_with_other_settings_is_outdated(study: Study, tmp_path: Path) -> None:
    finish_student(study)
    text = (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("greyscale: 0.0", "greyscale: 0.1"))
    changed = read_study(tmp_path / "config.yaml")
    found = {one.job.folder: one for one in _trainings(changed)}
    assert (found[STUDENT].state, found[STUDENT].seconds_left) == ("outdated", None)
    assert "snakemake -n says why" in status([*found.values()], [])


def test_imported_teacher(study: Study) -> None:
    finish(study, f"{RUN}/teacher/manifest.json", {"imported": "abc", "images": 3}, 1.0, {"metrics.jsonl": 0})
    assert _trainings(study)[0].state == "imported"


def test_status_table(study: Study) -> None:
    train(f"{RUN}/folds/0", [100, 120], age=3600)
    text = status(_trainings(study), ["more"])
    row = next(line for line in text.splitlines() if "folds/0" in line)
    assert (
        row.split()
        == "shapes/10pct/s0/base/folds/0 silent dice 0.500 focal 0.250 120/500 31.5 3 min 60 min ago".split()
    )
    assert "trainings: 8 waiting, 1 silent" in text and text.endswith("\nmore")
    assert "The command that runs the study resumes it" in text


def _save(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "state.pt").write_bytes(b"x" * 2_000_000)


def test_saved_states_are_of_the_present_settings_or_others(study: Study) -> None:
    """The very folder that the training's stage would look into is the study's own; any other is not."""
    root, jobs = Path("results/.state"), jobs_of(study)
    inputs = {"full": Path(RUN, "full.json"), "images_table": Path("results/default/shapes/images.csv")}
    for path in inputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    fold = job_at(study, f"{RUN}/folds/1/manifest.json")
    code = code_digest("fold")
    _save(state_folder(root, "fold", fold.settings(study), inputs, code, Path(fold.folder)))
    old = fold.settings(study).model_copy(update={"seed": 9})
    _save(state_folder(root, "fold", old, inputs, code, Path(fold.folder)))
    for name in ("abc", "abd"):
        _save(root / "student" / name)
    lines = list(saved(saved_states(root), own_states(study, jobs, (), root), time.time()))
    assert lines == [
        "saved to resume from: fold teacher, shapes/10pct/s0/base/folds/1, 2.0 MB, 0 s ago",
        "saved by other studies, or with other settings, data or code: 1 fold teacher, 2 students, 6.0 MB",
        "  They may be removed where no such study is to go on: results/.state/",
    ]
    assert list(saved([], {}, 0.0)) == [] and saved_states(Path("none")) == []


def test_inputs_of_trainings_are_those_in_their_manifests(sound_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """States are found by them: a name that a stage changes must not go unnoticed here."""
    monkeypatch.chdir(sound_study.parents[1])
    arms = ("supervised", "rough", "wssis", "wssis-2", "semi", "oracle-mask")
    study = read_study(REPOSITORY / "config.yaml")
    run = study.run.model_copy(update={"arms": arms, "mixes": ("50pct",), "seeds": ("s0",)})
    study = study.model_copy(update={"study": "mini", "run": run})
    compared = Counter()
    for job in jobs_of(study):
        if job.rule in TRAININGS and Path(job.manifest).is_file():
            recorded = read_manifest(Path(job.manifest))["inputs"]
            expected = {name: Path(one["path"]) for name, one in recorded.items()}
            assert training_inputs(study, job) == expected, job.manifest
            compared[job.stage] += 1
    assert compared == {"teacher": 1, "fold": 2, "refiner": 1, "student": len(arms)}


@pytest.mark.parametrize(
    ("arm", "mix", "labels"),
    [
        ("points10", Mix(full=20, points10=80), {"full": "full.json", "box_points": "box_points.json"}),
        ("points10", Mix(full=0, points10=100), {"box_points": "box_points.json"}),
        ("mask-rcnn-supervised", Mix(full=20, points10=80), {"full": "full.json"}),
        ("points10-solov2", Mix(full=20, points10=80), {"training_set": "full.json", "box_points": "box_points.json"}),
    ],
)
def test_inputs_of_students_of_boxes(study: Study, arm: str, mix: Mix, labels: dict[str, str]) -> None:
    run = study.run.model_copy(update={"arms": (arm,), "mixes": ("boxed",)})
    study = study.model_copy(update={"run": run, "mixes": {"boxed": mix}})
    (job,) = [job for job in jobs_of(study) if job.stage in ("student", "box_student")]
    folder = "results/default/shapes/boxed/s0/base"
    named = {name: path.as_posix() for name, path in training_inputs(study, job).items()}
    table = {"images_table": "results/default/shapes/images.csv"}
    assert named == {name: f"{folder}/{file}" for name, file in labels.items()} | table
