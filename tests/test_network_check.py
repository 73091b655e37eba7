"""Networks are tried before the first job: which ones trainings will build, and what is wrong with one."""

import json
from pathlib import Path

import pytest

from wssis.cli import main
from wssis.config.networks import NetworksSettings, networks_of
from wssis.engine.network_check import network_problems

LITE0 = {"name": "timm:tf_efficientnet_lite0", "weights": "none", "norm": "batch"}


def _solov2(**backbone: object) -> dict[str, object]:
    return {"backbone": {**LITE0, **backbone}, "fpn_channels": 16, "instance_channels": 16, "mask_channels": 16}


def test_each_network_once_under_all_that_ask_for_it() -> None:
    network, other = json.dumps({"network": _solov2()}), json.dumps({"network": _solov2(frozen_stages=1)})
    taken = json.dumps({"network": _solov2(), "checkpoint": "teacher.safetensors"})
    refiner = json.dumps({"network": {"backbone": LITE0}})
    third = json.dumps({"network": _solov2(frozen_stages=2)})
    found = networks_of([("fold", network), ("student", network), ("student", other), ("student", third),
                         ("teacher", taken), ("refiner", refiner), ("refiner", refiner)])  # fmt: skip
    assert list(found.solov2) == ["teacher, student", "student"] and list(found.refiner) == ["refiner"]
    assert [one.backbone.frozen_stages for one in found.solov2["student"]] == [1, 2] and found.box_student == {}
    assert networks_of([("teacher", taken)]) == NetworksSettings()


def test_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    networks = {
        "solov2": {
            "teacher": [_solov2()], "student": [_solov2(), _solov2(weights=str(tmp_path / "torn.safetensors"))],
            "flat": [_solov2(name="timm:vit_tiny_patch16_224")],
        },
        "refiner": {"refiner": [{"backbone": {**LITE0, "name": "timm:tf_efficientnet_lit0", "weights": "imagenet"}}]},
        "box_student": {"box_student": [{"backbone": LITE0, "fpn_channels": 16}]},
    }  # fmt: skip
    problems = dict(line.split(": ", 1) for line in network_problems(NetworksSettings.model_validate(networks)))
    assert list(problems) == ["student", "flat", "refiner"]
    assert "torn.safetensors is not a whole .safetensors file" in problems["student"]
    assert "no feature at stride [4, 8, 32]" in problems["flat"]
    assert "timm has no tf_efficientnet_lit0 with features" in problems["refiner"]
    assert problems["refiner"].endswith("did you mean timm:tf_efficientnet_lite0?")


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings = {"solov2": {"teacher": [_solov2(name="timm:no_such_network")]}}
        main(["check-networks", "--settings", json.dumps(settings)])
    assert ended.value.code == 2 and "teacher: backbone.name: timm has no no_such_network" in capsys.readouterr().err
