"""wssis audit: a sound study has no findings, what is no fault is said, and the command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from audit_fixtures import STUDY
from dag_runs import REPOSITORY
from tampering import OTHER_RUN, RUN, edit, faults_of, notes_of

from wssis.audit import contents
from wssis.audit.auditing import account, audit_study
from wssis.audit.study_files import studies_in
from wssis.cli import main
from wssis.config.segmentor_stages import EvaluateSettings
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.manifest import StageRun, digest_of


def test_a_sound_study_has_no_findings(sound_study: Path) -> None:
    audit = audit_study(sound_study)
    assert audit.findings == []
    assert audit.manifests == len(list(sound_study.rglob("*manifest.json"))) and audit.artifacts > 80
    assert audit.bytes > 300_000 and audit.read > 70
    assert "0 faults, 0 notes" in account([audit])


def test_nothing_is_written(study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    audit_study(study)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_other_code_within_a_run_is_a_fault_and_across_the_study_a_note(study: Path) -> None:
    within, across = f"{RUN}/students/wssis/manifest.json", f"{OTHER_RUN}/refiner/manifest.json"
    for path in (within, across):
        edit(study / path, lambda one: one.update(code="0" * 64))
    audit = audit_study(study)
    assert [fault.file for fault in audit.faults] == [within]
    assert "made by other code of student" in audit.faults[0].what
    assert f"{across}: made by other code of refiner" in notes_of(audit)


def test_code_and_packages_that_have_changed_since_are_notes(study: Path) -> None:
    for path in study.rglob("crops/*.manifest.json"):
        edit(path, lambda one: one.update(code="0" * 64))
    edit(study / RUN / "split.manifest.json", lambda one: one["versions"].update(numpy="1.0"))
    audit = audit_study(study)
    assert audit.faults == []
    assert "the code of these stages has changed since they ran: crops (7 of 7)" in notes_of(audit)
    assert "made with numpy 1.0; the most with" in notes_of(audit)


def test_a_temporary_store_may_be_gone(study: Path) -> None:
    shutil.rmtree(study / RUN / "crops/weak.zarr")
    audit = audit_study(study)
    assert audit.faults == [] and "1 temporary artifacts are gone" in notes_of(audit)
    shutil.rmtree(study / RUN / "crops/full.zarr")
    assert "does not call it temporary" in faults_of(study)[f"{RUN}/crops/full.zarr"]


def test_an_unfinished_study_is_no_fault_and_is_said_so(study: Path) -> None:
    shutil.rmtree(study / "report")
    for path in (study / "shapes").glob("data_warnings.json*"):
        path.unlink()
    shutil.rmtree(study / OTHER_RUN)
    for arm in ("wssis-2", "supervised"):
        shutil.rmtree(study / RUN / "students" / arm)
    going = study / RUN / "students/wssis-2/metrics.jsonl"
    going.parent.mkdir()
    going.write_text('{"step": 1, "dice": 1.0}\n')
    (study / RUN / "pseudo/.tmp-rough.json").write_text("{")
    audit = audit_study(study)
    assert audit.faults == []
    assert "unfinished: no report yet" in notes_of(audit) and "a training under way" in notes_of(audit)
    assert "half written" in notes_of(audit)


def test_a_moved_study_is_sound(sound_study: Path, tmp_path: Path) -> None:
    shutil.copytree(sound_study, tmp_path / "somewhere/else")
    assert audit_study(tmp_path / "somewhere/else").findings == []


def test_the_command_and_its_exit_status(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parents[1])
    Path("results/notes").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["audit", "results"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and f"{STUDY}\n" in printed and "not looked at: results/notes: no study" in printed
    (study / "shapes/val.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(STUDY)])
    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert "FAULT  shapes/val.json" in printed and "remedy: put the file back, or run generate again" in printed


def test_what_was_not_checked_is_said(study: Path) -> None:
    folder = study / RUN / "arms/new"
    folder.mkdir(parents=True)
    (folder / "boxes.json").write_text("{}")
    content = json.loads((study / RUN / "split.manifest.json").read_text())
    content |= {"stage": "boxes", "outputs": {"boxes.json": digest_of(folder / "boxes.json")}}
    (folder / "manifest.json").write_text(json.dumps(content))
    edit(
        study / RUN / "teacher/manifest.json",
        lambda one: one["settings"]["network"]["backbone"].update(weights="mine.safetensors"),
    )
    unchecked = "\n".join(audit_study(study).unchecked)
    assert "15 given files from outside of the study" in unchecked
    assert f"1 artifacts of a kind that has no check: {RUN}/arms/new/boxes.json" in unchecked
    assert "stages that have no check: boxes" in unchecked and "no digest is on record: mine.safetensors" in unchecked


def test_no_pytorch(sound_study: Path) -> None:
    """Looking at a study is for login nodes, too."""
    checkpoint = str(sound_study / RUN / "teacher/model.safetensors")
    code = (
        "import sys; from pathlib import Path; from wssis.audit.auditing import audit_study;"
        "from wssis.audit.show import show; from wssis.audit.show_pictures import write_picture;"
        "from wssis.audit.archive import audit_archive; from wssis.audit.trace import ancestry;"
        f"audit_study(Path({str(sound_study)!r})); show(Path({checkpoint!r}));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_no_study_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study here; give a study's folder"):
        studies_in(tmp_path)


def test_a_study_of_many_points_is_read_by_worker_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's made-up study, small: sound, and the same findings with and without worker processes."""
    monkeypatch.syspath_prepend(REPOSITORY)
    from benchmarks.audit_scale import write_study

    write_study(tmp_path / "large", images=400, objects=2000, crowd=20)
    monkeypatch.setattr(contents, "LARGE", 0)
    path = "coco/1pct/s0/base/proposals/weak.json"
    assert audit_study(tmp_path / "large").faults == []
    lost: list[dict[str, Any]] = []
    edit(tmp_path / "large" / path, lambda coco: lost.append(coco["annotations"].pop()))
    found = [audit_study(tmp_path / "large", workers) for workers in (0, 2)]
    assert found[0].findings == found[1].findings
    assert f"1 proposals of the ledger are missing: {lost[0]['id']}" in {fault.what for fault in found[1].faults}


def test_predictions_below_the_study_are_no_fault(study: Path) -> None:
    """A finished run of wssis predict, one under way, and the overlays of both."""
    done, going = study / "own/photos", study / "shapes/clicks"
    model = study / RUN / "teacher/model.safetensors"
    with StageRun("predict", done / "predict.manifest.json", EvaluateSettings(), {"model": model}) as stage:
        for name in ("detections.json", "images.json"):
            write_json(done / name, [])
        stage.output(done / "detections.json", done / "images.json")
    for folder in (done, going):
        (folder / "overlays").mkdir(parents=True)
        (folder / "overlays/a.png.jpg").write_bytes(b"")
    (going / ".masked.jsonl").write_text("{}\n")
    audit = audit_study(study)
    assert audit.faults == [] and {note.file for note in audit.notes} == {"own/photos", "shapes/clicks"}
    assert "own/photos: an output of wssis predict: no part of the study" in notes_of(audit)
    assert audit.unchecked == audit_study(study).unchecked


def test_predictions_hide_nothing_of_a_study(study: Path) -> None:
    """A manifest of predict above a run's files; and a training that read what was predicted."""
    (study / "shapes/50pct/predict.manifest.json").write_text((study / RUN / "split.manifest.json").read_text())
    (study / RUN / "pseudo/better.json").write_text("{}")
    assert "no manifest lists it" in faults_of(study)[f"{RUN}/pseudo/better.json"]
    (study / "shapes/clicks").mkdir()
    (study / "shapes/clicks/.masked.jsonl").write_text("{}\n")
    path = f"{RUN}/students/wssis/manifest.json"
    masks = json.loads((study / path).read_text())["inputs"]["training_set"]
    masks |= {"path": masks["path"].partition("/50pct")[0] + "/clicks/masks.json"}
    edit(study / path, lambda one: one["inputs"].update(training_set=masks))
    assert "shapes/clicks/masks.json, an output of wssis predict" in faults_of(study)[path]
