"""Backbones are tried before the first job: which ones a study will train, and what is wrong with one."""

from pathlib import Path

import pytest
from test_given_settings import CARS

from wssis.cli import main
from wssis.config.backbones import BackbonesSettings, backbones_to_train
from wssis.config.jobs import TRAININGS, jobs_of
from wssis.config.network import BackboneSettings
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.engine.backbone_check import backbone_problems

LITE0 = {"name": "timm:tf_efficientnet_lite0", "weights": "none", "norm": "batch"}


def _study(**sections: object) -> Study:
    run = {"datasets": ["cars"], "mixes": ["10pct"], "seeds": ["s0"], "arms": ["wssis", "oracle"]}
    return validate_study({"study": "mine", "run": run, "datasets": {"cars": CARS}, **sections})


def test_each_backbone_once_under_all_that_ask_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = _study(refiner={"pairs": "crossfit", "network": {"backbone": LITE0}})
    found = backbones_to_train(study).backbones
    assert list(found) == ["teacher, student", "refiner"]
    assert found["refiner"].name == "timm:tf_efficientnet_lite0"
    for job in jobs_of(study):
        if job.rule in TRAININGS and job.rule != "train_refiner":
            Path(job.manifest).parent.mkdir(parents=True, exist_ok=True)
            Path(job.manifest).write_text("{}")
    assert list(backbones_to_train(study).backbones) == ["refiner"]


def test_a_checkpoint_taken_over_has_no_backbone_to_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = backbones_to_train(_study(teacher={"checkpoint": "weights/teacher.safetensors"})).backbones
    assert list(found) == ["refiner", "student"]


def test_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    problems = backbone_problems({
        "teacher": BackboneSettings(**LITE0),
        "refiner": BackboneSettings(**LITE0 | {"name": "timm:tf_efficientnet_lit0", "weights": "imagenet"}),
        "student": BackboneSettings(**LITE0 | {"weights": str(tmp_path / "torn.safetensors")}),
    })  # fmt: skip
    assert [problem.partition(":")[0] for problem in problems] == ["refiner", "student"]
    assert "timm has no tf_efficientnet_lit0 with features" in problems[0]
    assert problems[0].endswith("did you mean timm:tf_efficientnet_lite0?")
    assert "torn.safetensors is not a whole .safetensors file" in problems[1]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    backbones = {"teacher": BackboneSettings(**LITE0 | {"name": "timm:no_such_network"})}
    with pytest.raises(SystemExit) as ended:
        main(["check-backbones", "--settings", BackbonesSettings(backbones=backbones).model_dump_json()])
    assert ended.value.code == 2 and "teacher: backbone.name: timm has no no_such_network" in capsys.readouterr().err
