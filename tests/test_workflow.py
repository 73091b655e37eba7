"""The real Snakefile: its DAG, its refusals, what it may import, and who sees hidden masks."""

import ast
import json
import re
import resource

import pytest
import yaml
from dag_runs import REPOSITORY, Clone, planned_jobs

from wssis.arms.registry import arms
from wssis.config.visible_gpus import visible_gpus

STAGES = (
    "prepare", "split", "points", "box_points", "teacher", "proposals", "crops", "refiner", "pseudo", "student",
    "box_student", "evaluate", "report", "given",
)  # fmt: skip
BEFORE_WEAK = {
    "prepare", "generate", "check_images", "split", "points", "box_points", "split_given", "points_given",
}  # fmt: skip


def _rules() -> dict[str, str]:
    """Text of every rule by its name."""
    text = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    parts = re.split(r"^rule (\w+):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


STANDS_IN = {"split_given": "split", "points_given": "points", "show_given": "quality"}


def test_order_of_the_stages() -> None:
    included = re.findall(r'^include: "rules/(\w+)\.smk"', (REPOSITORY / "Snakefile").read_text(), flags=re.MULTILINE)
    assert included == ["common", *STAGES]


def test_whole_study_is_planned(clone: Clone) -> None:
    assert clone.planned() == {
        "prepare": 1, "check_images": 1, "split": 2, "data_warnings": 1, "points": 1, "train_teacher": 1,
        "train_fold": 2, "propose_full": 1, "propose_weak": 1, "crops_full": 1, "crops_weak": 1, "train_refiner": 1,
        "pseudo": 2, "pseudo_quality": 2, "train_student": 4, "evaluate": 5, "predict_shown": 2, "report": 1,
    }  # fmt: skip


def test_supervised_alone_needs_no_points(clone: Clone) -> None:
    clone.study["run"]["arms"] = ["supervised", "oracle"]
    checked = {"prepare": 1, "check_images": 1, "split": 2, "data_warnings": 1}
    assert clone.planned() == checked | {"train_student": 2, "evaluate": 2, "report": 1}


@pytest.mark.parametrize("arm", ["oracle", "mask-rcnn-oracle"])
def test_a_student_for_all_mixes_is_refused_at_one_of_them(clone: Clone, arm: str) -> None:
    """By hand, one can ask for any path: with the masks of 10 % it would be another student of that name."""
    target = "results/fake/cars/{mix}/s0/base/students/{arm}/scores.json"
    refused = clone.snakemake("-n", target.format(mix="10pct", arm=arm))
    assert refused.returncode
    assert f"{arm} is trained once for all mixes: ask for it at 100pct, not at 10pct" in refused.stdout + refused.stderr
    assert clone.snakemake("-n", target.format(mix="100pct", arm=arm)).returncode == 0


@pytest.mark.parametrize("arm", ["supervised", "wssis", "mask-rcnn-supervised"])
def test_a_student_of_the_mixes_is_refused_with_the_masks_of_all_images(clone: Clone, arm: str) -> None:
    """It would be the oracle's, under another name."""
    refused = clone.snakemake("-n", f"results/fake/cars/100pct/s0/base/students/{arm}/model.safetensors")
    assert refused.returncode
    assert f"{arm} is trained at every mix: ask for it at 10pct, not at 100pct" in refused.stdout + refused.stderr


@pytest.mark.parametrize("settings", [{}, {"pairs": "snapshots"}, {"pairs": "corrupt"}], ids=str)
def test_other_pairs_need_no_folds(clone: Clone, settings: dict[str, str]) -> None:
    """Nor does the default."""
    clone.study["refiner"] = settings
    assert "train_fold" not in clone.planned()


def test_the_report_asks_for_what_it_reads_of_masks_in_given_boxes(clone: Clone) -> None:
    clone.study["run"]["arms"] = ["points10-selftrain"]
    clone.study["box_points"] = {"file": "data/train.json"}
    dry = clone.snakemake("-n")
    (asked,) = re.findall(r"^Job \d+: The report\nReason: (.*)$", dry.stdout + dry.stderr, re.MULTILINE)
    assert "pseudo/points10-selftrain.json.manifest.json" in asked and "quality/" not in asked


def test_missing_data_do_not_hide_the_dag(clone: Clone) -> None:
    (clone.folder / "data/train.json").unlink()
    (clone.folder / "data/images").rmdir()
    dry = clone.snakemake("-n")
    assert dry.returncode == 0
    lines = [line for line in (dry.stdout + dry.stderr).splitlines() if line.startswith("missing: ")]
    assert [line.split()[1] for line in lines] == ["data/train.json", "data/images"]
    assert "(datasets.cars.train_images, datasets.cars.val_images)" in lines[1]
    assert dry.stderr.splitlines()[-2:] == lines, "where they are read: below the jobs"
    assert planned_jobs(dry.stdout + dry.stderr)["train_student"] == 4
    real = clone.snakemake("--cores", "1")
    assert real.returncode != 0
    assert all(line in real.stdout + real.stderr for line in lines)
    assert not (clone.folder / "results").exists()


def test_data_may_go_once_they_are_prepared(clone: Clone) -> None:
    done = clone.snakemake("--cores", "2", "data")
    assert done.returncode == 0, done.stderr
    inputs = {subset: {"path": f"data/{subset}.json", "sha256": "0"} for subset in ("train", "val")}
    manifest = clone.folder / "results/fake/cars/prepare.manifest.json"
    manifest.write_text(json.dumps({"inputs": inputs}))  # What stands in for the stage writes none.
    (clone.folder / "data/train.json").unlink()
    dry = clone.snakemake("-n")
    assert "missing: " not in dry.stdout + dry.stderr
    assert "prepare" not in planned_jobs(dry.stdout + dry.stderr)


def test_a_network_that_cannot_be_built_stops_the_study_before_its_first_job(clone: Clone) -> None:
    clone.study["refiner"]["network"] = {"backbone": {"name": "timm:no_such"}}
    done = clone.snakemake("--cores", "2")
    assert done.returncode and "no job was started: a network cannot be trained" in done.stdout + done.stderr
    assert "refiner: timm has no such" in done.stdout + done.stderr
    assert not (clone.folder / "results").exists()
    assert clone.snakemake("--cores", "2", "data").returncode == 0, "which trains nothing"


def test_a_network_changed_after_the_study_ran_is_tried(clone: Clone) -> None:
    clone.build()
    clone.study["refiner"]["network"] = {"backbone": {"name": "timm:no_such"}}
    done = clone.snakemake("--cores", "2")
    assert done.returncode and "refiner: timm has no such" in done.stdout + done.stderr
    assert clone.snakemake("--cores", "2", "--touch").returncode == 0


def test_exchanged_annotations_are_prepared_again(clone: Clone) -> None:
    """As a set, the inputs are what they were."""
    done = clone.snakemake("--cores", "2", "data")
    assert done.returncode == 0, done.stderr
    assert "prepare" not in clone.planned("data")
    clone.study["datasets"]["cars"] |= {"train_annotations": "data/val.json", "val_annotations": "data/train.json"}
    assert "prepare" in clone.planned("data")


@pytest.mark.parametrize(
    ("section", "value", "expected"),
    [
        ("crops", {"size": 100}, "crops.size"),
        ("teacher", {"snapshots": [10, 10**6]}, "snapshot"),
        ("student", {"optimiser": {}}, "student.optimiser"),
    ],
)
def test_bad_settings_stop_before_the_dag(clone: Clone, section: str, value: object, expected: str) -> None:
    clone.study[section] = value
    done = clone.snakemake("-n")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert expected in output
    assert "Building DAG" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize("mix", ["0pct", "120pct"])
def test_bad_mix_stops_before_the_dag(clone: Clone, mix: str) -> None:
    clone.study["run"]["mixes"] = [mix]
    done = clone.snakemake("-n")
    assert done.returncode != 0
    assert f"run.mixes: '{mix}'" in done.stdout + done.stderr


def test_published_study_is_planned_within_ten_seconds(clone: Clone) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = clone.new_snakemake("-n", study="studies/coco.yaml")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert planned_jobs(done.stdout + done.stderr)["train_teacher"] == 21
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10


def test_only_named_rules_see_hidden_masks() -> None:
    named = re.search(r"^READ_HIDDEN_MASKS = (.*)$", (REPOSITORY / "rules/common.smk").read_text(), flags=re.MULTILINE)
    allowed = set(ast.literal_eval(named.group(1)))
    assert allowed == {"pseudo_quality", "oracle_mask"}
    readers = {
        name for name, text in _rules().items() if re.search("train[.]json|hidden_ids", text.split("    output:")[0])
    }
    assert readers - BEFORE_WEAK == allowed


def test_jobs_get_hidden_masks_only_where_named(clone: Clone) -> None:
    clone.study["run"]["arms"] = list(arms())
    clone.build()
    table = clone.snakemake("--detailed-summary").stdout.splitlines()
    head, rows = table[0].split("\t"), [line.split("\t") for line in table[1:]]
    rule, inputs = head.index("rule"), next(i for i, name in enumerate(head) if name.startswith("input"))
    readers = {row[rule] for row in rows if re.search("/train[.]json|hidden_ids", row[inputs])}
    assert len(rows) > 50
    assert readers - BEFORE_WEAK == {"pseudo_quality", "oracle_mask"}


def test_every_rule_tracks_settings_and_code_and_leaves_a_manifest() -> None:
    for name, text in _rules().items():
        assert re.search(r"^        settings=", text, flags=re.MULTILINE), name
        assert re.search(r"^        code=code_of\(", text, flags=re.MULTILINE), name
        stages = re.findall(r'^        (?:settings=settings|code=code)_of\("(\w+)"\)', text, flags=re.MULTILINE)
        # What stands in for a stage where the labels are given takes that stage's settings.
        of_one = {STANDS_IN.get(stage, stage) for stage in stages}
        assert len(of_one) == 1, f"{name}: settings and code of one stage, not of {stages}"
        assert re.search(r"^        manifest=f\"", text, flags=re.MULTILINE), name
        assert "workflow.source_path" not in text


def test_tensorboard_is_a_resource_of_the_trainings(clone: Clone) -> None:
    for option, expected in (([], 0), (["--default-resources", "tensorboard=1"], 8)):
        commands = clone.snakemake("-n", "-p", *option).stdout
        assert len(re.findall(r" -m wssis train-.* --tensorboard --settings ", commands)) == expected
        assert commands.count("--tensorboard") == expected


@pytest.mark.slow
def test_no_more_jobs_on_a_gpu_than_there_are_gpus(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise: with `threads: 1` sixteen cores would start sixteen trainings on one."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    clone.study["run"]["seeds"] = ["s0", "s1"]
    runs = [f"results/fake/cars/10pct/{seed}/base" for seed in ("s0", "s1")]
    clone.snakemake("--cores", "4", *(f"{run}/full.json" for run in runs), "results/fake/cars/images.csv")
    teachers = [f"{run}/teacher/model.safetensors" for run in runs]
    at_once = []
    for gpus, options in ((0, []), (1, []), (1, ["--resources", "gpu=2"])):
        smi = clone.folder / "bin" / "nvidia-smi"
        smi.write_text("#!/bin/sh\n" + gpus * "echo 'GPU 0: made up (UUID: GPU-1)'\n")
        smi.chmod(0o755)
        done = clone.snakemake("--cores", "4", *teachers, "--force", *options)
        assert done.returncode == 0, done.stderr
        at_once.append(max(map(int, re.findall(r"Execute (\d+) jobs", done.stderr))))
    assert at_once == [2, 1, 2]


@pytest.mark.parametrize(("chosen", "count"), [("", 0), ("-1", 0), ("2", 1), ("0,3", 2), ("GPU-1a, GPU-2b", 2)])
def test_visible_gpus_are_those_that_were_chosen(monkeypatch: pytest.MonkeyPatch, chosen: str, count: int) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert visible_gpus() == count


def test_every_command_is_a_single_program() -> None:
    for name, text in _rules().items():
        command = "".join(re.findall(r'^        "(.*)"$', text.split("    shell:\n")[1], flags=re.MULTILINE))
        assert command.startswith(("python -m wssis ", "{params.launch} ")), name
        command = command.removesuffix(r" <<'PLAN'\n{params.plan}\nPLAN")  # Its input: the shell sees to it first.
        assert not re.search(r"[;&|<>]", command), f"{name}: the command replaces its shell, nothing after it would run"


def test_commands_replace_their_shell(clone: Clone) -> None:
    (clone.folder / "bin" / "python").write_text("#!/bin/sh\nexit 3\n")
    done = clone.snakemake("--cores", "1", "results/fake/cars/train.json")
    assert "set -euo pipefail; exec  python -m wssis prepare" in done.stdout + done.stderr


def test_profiles_share_no_key() -> None:
    default, slurm = (yaml.safe_load((REPOSITORY / f"profiles/{name}/config.yaml").read_text()) for name in
                      ("default", "slurm"))  # fmt: skip
    assert not set(default) & set(slurm)
    rules = set(_rules())
    assert set(default["set-threads"]) <= rules
    assert set(default["set-resources"]) == rules
    assert set(slurm["groups"]) <= rules
    assert all({"mem_mb", "runtime"} <= set(asked) for asked in default["set-resources"].values())


def test_slurm_profile_is_found_from_a_clone() -> None:
    assert (REPOSITORY / "slurm" / "config.yaml").is_file()


def test_report_of_the_workflow_holds_the_pages_and_tables(clone: Clone) -> None:
    clone.build()
    before = {path: path.stat().st_mtime_ns for path in (clone.folder / "results").rglob("*") if path.is_file()}
    done = clone.snakemake("--report", "study.html")
    assert done.returncode == 0, done.stderr
    text = (clone.folder / "study.html").read_text()
    for told in ("index.html", "gallery.html", "scores.csv", "arms.csv", "The answer", "label days by two models"):
        assert told in text, told
    assert {path: path.stat().st_mtime_ns for path in before} == before and clone.planned() == {}
