"""What `wssis plan` and `wssis status` take for finished."""

import json
from pathlib import Path
from typing import Any

import pytest
from overview_fixtures import RUN, STUDENT, crossfit_study, finish, finish_student

from wssis.config.jobs import jobs_of
from wssis.config.study import Study
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.overview.finished import finished_jobs

TEACHER, REFINER = f"{RUN}/teacher/manifest.json", f"{RUN}/refiner/manifest.json"
WEAK = f"{RUN}/proposals/weak.json.manifest.json"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The default study, but with pairs by fold teachers, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return crossfit_study(tmp_path)


def _finished(study: Study) -> frozenset[str]:
    return finished_jobs(study, jobs_of(study))


def _edit(manifest: str, **changes: Any) -> None:
    path = Path(manifest)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _read(sha256: str) -> dict[str, Any]:
    """Inputs of the weak proposals, the teacher's checkpoint among them."""
    teacher = {"path": f"{RUN}/teacher/model.safetensors", "sha256": sha256, "manifest": TEACHER}
    return read_manifest(Path(WEAK))["inputs"] | {TEACHER: teacher}


def test_what_has_a_manifest_with_the_studys_settings_is_finished(study: Study) -> None:
    assert not _finished(study)
    finish_student(study)
    assert _finished(study) == {f"{STUDENT}/manifest.json"}
    _edit(f"{STUDENT}/manifest.json", settings={"seed": 9})
    assert not _finished(study)


def test_what_follows_from_an_outdated_job_is_outdated(study: Study) -> None:
    finish(study, TEACHER, {}, 1.0, {"model.safetensors": 1})
    finish(study, WEAK, {}, 1.0, {"weak.json": 1})
    finish_student(study)
    assert _finished(study) == {TEACHER, WEAK, f"{STUDENT}/manifest.json"}
    _edit(TEACHER, settings={"seed": 9})
    assert _finished(study) == {f"{STUDENT}/manifest.json"}, "`supervised` sees no proposals"


def test_an_output_that_was_made_anew_outdates_what_read_the_old_one(study: Study) -> None:
    finish(study, TEACHER, {}, 1.0, {"model.safetensors": 1})
    finish(study, WEAK, {}, 1.0, {"weak.json": 1})
    _edit(TEACHER, outputs={"model.safetensors": "new"})
    _edit(WEAK, inputs=_read("new"))
    assert WEAK in _finished(study)
    _edit(WEAK, inputs=_read("old"))
    assert _finished(study) == {TEACHER}


def test_an_output_that_was_edited_before_it_was_read_outdates_nothing(study: Study) -> None:
    """The digest that the reader recorded is the edited file's; nothing will run again."""
    finish(study, TEACHER, {}, 1.0, {"model.safetensors": 1})
    finish(study, WEAK, {}, 1.0, {"weak.json": 1})
    _edit(TEACHER, outputs={"model.safetensors": "made"})
    _edit(WEAK, inputs=_read("edited"), finished="2026-11-22T11:00:00+00:00")
    assert _finished(study) == {TEACHER, WEAK}
    _edit(TEACHER, finished="2026-11-22T12:00:00+00:00")
    assert _finished(study) == {TEACHER}


def test_something_that_is_needed_by_now_and_was_not_there_outdates(study: Study) -> None:
    finish(study, WEAK, {}, 1.0, {"weak.json": 1})
    _edit(WEAK, inputs={"images": {"path": "images.csv", "sha256": ""}})
    assert not _finished(study), "the teacher is nowhere, and was not read"


def test_a_damaged_manifest_is_named(study: Study) -> None:
    Path(TEACHER).parent.mkdir(parents=True)
    Path(TEACHER).write_text('{"outputs": {}}')
    with pytest.raises(InputError, match=r"teacher/manifest\.json: not a manifest"):
        _finished(study)


def test_what_is_gone_outdates_nothing(study: Study) -> None:
    """Temporary crops are deleted when nothing needs them any more."""
    finish(study, REFINER, {}, 1.0, {"model.safetensors": 1})
    assert _finished(study) == {REFINER}
