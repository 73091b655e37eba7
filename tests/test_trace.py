"""wssis trace: the ancestry of an artifact, and where two of them part."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from wssis.audit.trace import ancestry, tree
from wssis.audit.trace_against import compared, differences
from wssis.cli import main
from wssis.errors import InputError

RUN = "shapes/50pct/s0/base"
OTHER_RUN = "shapes/50pct/s1/base"
SCORES = f"{RUN}/students/wssis/scores.json"


def _manifest(study: Path, path: str, **values: Any) -> None:
    """Change top-level fields of a manifest; a mapping is merged in."""
    content = json.loads((study / path).read_text())
    for key, value in values.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) else value
    (study / path).write_text(json.dumps(content))


def test_the_tree_leads_to_the_data(sound_study: Path) -> None:
    lines = tree(ancestry(sound_study / SCORES)).splitlines()
    assert lines[0].startswith(SCORES) and "evaluate (max_detections 100" in lines[0]
    stages = ("student", "pseudo", "refiner", "crops", "proposals", "fold", "teacher", "points", "split", "generate")
    for stage in stages:
        assert any(f"  {stage} (" in line for line in lines), stage
    assert any("split (method stratified, full % 40, unlabelled % 10, seed 0)" in line for line in lines)
    assert any(line.endswith("15 given files: astronaut.png, chelsea.png, motorcycle_left.png, ...") for line in lines)
    assert sum("  generate (" in line for line in lines) == 2  # train.json and val.json, each unfolded once


def test_digests_are_those_of_the_manifests(sound_study: Path) -> None:
    manifest = json.loads((sound_study / RUN / "split.manifest.json").read_text())
    found = tree(ancestry(sound_study / RUN / "weak.json"))
    assert f"split: {RUN}/split.csv  {manifest['outputs']['split.csv'][:12]}" in found
    assert "BROKEN" not in found


def test_a_broken_chain_is_marked(study: Path, rerun_study: Path) -> None:
    shutil.rmtree(study / RUN / "teacher")
    shutil.copytree(rerun_study / RUN / "teacher", study / RUN / "teacher")
    lines = tree(ancestry(study / RUN / "proposals/weak.json")).splitlines()
    (broken,) = [line for line in lines if "BROKEN: its reader had" in line]
    assert f"teacher: {RUN}/teacher/model.safetensors" in broken


def test_an_artifact_that_is_gone_and_a_manifest_can_be_traced(study: Path) -> None:
    shutil.rmtree(study / RUN / "crops/weak.zarr")
    of_store, of_manifest = (ancestry(study / RUN / f"crops/weak.zarr{end}") for end in ("", ".manifest.json"))
    assert of_store == of_manifest and of_store.record is not None


def test_settings_that_a_stage_does_not_read_are_not_told(sound_study: Path) -> None:
    found = (tree(ancestry(sound_study / RUN / f"proposals/{side}.json")) for side in ("full", "weak"))
    full, weak = (text.partition("\n")[0] for text in found)
    assert "pairs crossfit" in full and "pairs" not in weak and "filter" in weak


def test_two_seeds_part_at_the_split(sound_study: Path) -> None:
    one, other = (ancestry(sound_study / run / "students/wssis/scores.json") for run in (RUN, OTHER_RUN))
    found = differences(one, other)
    assert found[0].at == f"split  {RUN}/full.json" and found[0].lines == ("settings seed: 0 | 1",)
    text = compared(one, other)
    assert f"the ways part at: split  {RUN}/full.json" in text
    assert text.count("split  ") == 2  # in the second line, and once more: both outputs are of one run of the stage


def test_two_arms_part_at_the_pseudo_masks(sound_study: Path) -> None:
    one, other = (ancestry(sound_study / RUN / f"students/{arm}/scores.json") for arm in ("wssis", "rough"))
    (found,) = differences(one, other)
    assert found.at.startswith("pseudo")
    assert "settings masks: refined | rough" in found.lines
    assert "input refiner: only the first one has it" in found.lines


def test_settings_code_packages_and_given_files(sound_study: Path, study: Path) -> None:
    manifest = f"{RUN}/proposals/weak.json.manifest.json"
    _manifest(study, manifest, settings={"filter": "published"}, code="0" * 64, versions={"numpy": "1.0"})
    given = json.loads((study / "shapes/prepare.manifest.json").read_text())["inputs"]
    given["text.png"]["sha256"] = "1" * 64
    _manifest(study, "shapes/prepare.manifest.json", inputs=given)
    _manifest(study, f"{RUN}/proposals/weak.json.manifest.json", outputs={"weak.json": "2" * 64})
    found = differences(*(ancestry(folder / RUN / "proposals/weak.json") for folder in (sound_study, study)))
    assert [one.at.partition("  ")[0] for one in found] == ["given", "proposals"]
    assert any("sha256" in line and "111111111111" in line for line in found[0].lines)
    joined = "\n".join(found[1].lines)
    assert "settings filter: ours | published" in joined
    assert "code: " in joined and "| 000000000000" in joined and "package numpy: " in joined and "| 1.0" in joined


def test_what_is_equal_and_what_is_not_repeatable(sound_study: Path, rerun_study: Path) -> None:
    same = compared(ancestry(sound_study / RUN / "weak.json"), ancestry(rerun_study / RUN / "weak.json"))
    assert same.startswith("equal: both have sha256") and "nothing differs on the way" in same
    one, other = (ancestry(study / RUN / "teacher/model.safetensors") for study in (sound_study, rerun_study))
    (found,) = differences(one, other)
    assert "the stage is not repeatable" in found.lines[0]


def test_of_unknown_origin(study: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match="is in no study's folder"):
        ancestry(tmp_path / "a.json")
    (study / RUN / "split.manifest.json").unlink()
    with pytest.raises(InputError, match=r"full\.json: no manifest lists it, so nothing is known"):
        ancestry(study / RUN / "full.json")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gone.json", r"gone\.json: not found; correct the path"),
        ("shapes/gone.json", r"gone\.json: not found, and no manifest lists it; correct the path"),
        ("shapes/images/train/gone.png", r"gone\.png: not found, and no manifest lists it"),
        ("shapes/50pct", "50pct: a folder that no manifest lists; give an artifact in it"),
        (f"{RUN}/teacher", "teacher: a folder that no manifest lists; give an artifact in it"),
        ("", "mini: the folder of a study; give an artifact in it"),
    ],
)
def test_what_cannot_be_traced(sound_study: Path, path: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ancestry(sound_study / path)


def test_a_file_in_a_folder_that_is_listed_as_a_whole(sound_study: Path) -> None:
    folder = ancestry(sound_study / "shapes/images/train")
    image = next((sound_study / "shapes/images/train").glob("*.png"))
    found = tree(ancestry(image))
    asked = f"shapes/images/train/{image.name} is in shapes/images/train, which its manifest lists as a whole:"
    assert found == f"{asked}\n{tree(folder)}" and "generate (size 64" in found
    assert compared(ancestry(image), folder).startswith(f"{asked}\nequal: both have sha256")
    shard = next(file for file in (sound_study / RUN / "crops/full.zarr").rglob("*") if file.is_file())
    assert f"is in {RUN}/crops/full.zarr, which" in tree(ancestry(shard)).splitlines()[0]


def test_the_command(sound_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["trace", str(sound_study / SCORES)])
    assert "└─ " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["trace", str(sound_study / SCORES), "--against", str(sound_study / SCORES.replace("s0", "s1"))])
    assert "the ways part at: split" in capsys.readouterr().out
