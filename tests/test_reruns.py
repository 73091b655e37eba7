"""What a change reruns, on the real DAG: the stage it touches and what follows, and nothing else."""

import os
import time
from pathlib import Path

import pytest
from dag_runs import Clone, planned_jobs

STUDENTS = {"train_student": 4, "evaluate": 4, "predict_shown": 2, "report": 1}
"""The students of the fake study's four arms, and all that depends on them."""
MEASURED = {"pseudo_quality": 1, "train_student": 1, "evaluate": 1, "predict_shown": 1, "report": 1}
"""One more arm whose pseudo masks are held against the hidden truth."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The fake study, run."""
    clone = Clone.create(tmp_path_factory.mktemp("built") / "clone")
    clone.build()
    return clone


@pytest.fixture
def clone(built: Clone, tmp_path: Path) -> Clone:
    """A copy of the run study to change something in."""
    return built.copy(tmp_path / "clone")


def _touch(path: Path) -> None:
    later = time.time() + 60
    os.utime(path, (later, later))


def test_nothing_has_changed(clone: Clone) -> None:
    done = clone.new_snakemake("-n")
    assert done.returncode == 0 and planned_jobs(done.stdout + done.stderr) == {}


def test_student_setting(clone: Clone) -> None:
    clone.study["student"] = {"optimizer": {"lr": 0.123}}
    assert clone.planned() == STUDENTS


def test_rerun_settles(clone: Clone) -> None:
    clone.study["student"] = {"optimizer": {"lr": 0.123}}
    clone.build()
    assert clone.planned() == {}


def test_student_function(clone: Clone) -> None:
    clone.append("wssis/stages/student.py", "\n\ndef another() -> int:\n    return 1\n")
    assert clone.planned() == STUDENTS


def test_new_field_in_the_students_settings(clone: Clone) -> None:
    clone.edit(
        "wssis/config/segmentor_stages.py",
        '    """SOLOv2 on an arm\'s training set."""\n',
        '    """SOLOv2 on an arm\'s training set."""\n\n    extra: int = Field(3, description="New.")\n',
    )
    assert clone.planned() == STUDENTS


def test_point_setting_leaves_the_teacher(clone: Clone) -> None:
    clone.study["points"] = {"strategy": "interior"}
    planned = clone.planned()
    expected = {"points", "propose_full", "propose_weak", "crops_full", "crops_weak", "train_refiner", "pseudo"}
    assert expected <= set(planned)
    assert not {"split", "train_teacher", "train_fold"} & set(planned)
    assert planned["train_student"] == 2, "supervised and oracle see no points"


def test_detection_setting_retrains_nothing(clone: Clone) -> None:
    clone.study["evaluate"] = {"max_detections": 7}
    # The warnings about the data name images with more objects than that.
    assert clone.planned() == {"evaluate": 5, "predict_shown": 2, "data_warnings": 1, "report": 1}


def test_the_report_reruns_alone(clone: Clone) -> None:
    clone.study["report"] = {"gallery": 7, "title": "Another"}
    assert clone.planned() == {"report": 1}
    clone.study["report"] = {}
    clone.append("wssis/report_page/budget.py", "\n\ndef another() -> int:\n    return 1\n")
    clone.append("wssis/report_page/gallery.js", "\n// Another line.\n")
    clone.append("rules/captions/page.rst", "Another line.\n")
    assert clone.planned() == {"report": 1}


def test_gallery_images_rerun_no_training(clone: Clone) -> None:
    clone.study["quality"] = {"gallery": 7}
    assert clone.planned() == {"pseudo_quality": 2, "predict_shown": 2, "report": 1}


def test_new_arm_module(clone: Clone) -> None:
    source = (clone.folder / "wssis/arms/rough.py").read_text()
    assert 'name="rough"' in source
    (clone.folder / "wssis/arms/rough_again.py").write_text(source.replace('name="rough"', 'name="again"'))
    assert clone.planned() == {}
    clone.study["run"]["arms"].append("again")
    new = {"pseudo": 1, "pseudo_quality": 1, "train_student": 1, "evaluate": 1, "predict_shown": 1, "report": 1}
    assert clone.planned() == new


@pytest.mark.parametrize(
    ("arm", "new"),
    [
        ("oracle-mask", {"oracle_mask": 1, "train_student": 1, "evaluate": 1, "report": 1}),
        ("semi", {"score_thresholds": 1, "confident_labels": 1, **MEASURED}),
        (
            "wssis-2",
            {"propose_weak": 1, "crops_weak": 1, "pseudo": 1, **MEASURED},
        ),
        ("wssis-long", {"train_student": 1, "evaluate": 1, "report": 1}),
        ("points10", {"box_points": 1, "train_box_student": 1, "evaluate": 1, "report": 1}),
        ("points10-solov2", {"box_points": 1, "train_student": 1, "evaluate": 1, "report": 1}),
        ("points10-selftrain", {"box_points": 1, "train_box_student": 1, "box_pseudo": 1, **MEASURED}),
        ("mask-rcnn-oracle", {"train_box_student": 1, "evaluate": 1, "report": 1}),
    ],
)
def test_one_more_arm_runs_only_its_own(clone: Clone, arm: str, new: dict[str, int]) -> None:
    clone.study["run"]["arms"].append(arm)
    assert clone.planned() == new


def test_points_in_boxes_reach_their_own_arms_only(clone: Clone) -> None:
    clone.study["run"]["arms"] += ["points10", "points10-implicit", "points10-solov2", "mask-rcnn-supervised"]
    clone.build()
    assert clone.planned() == {}
    clone.study["box_points"] = {"points": 5}
    new = {"box_points": 1, "train_box_student": 2, "train_student": 1, "evaluate": 3, "report": 1}
    assert clone.planned() == new
    clone.study["box_points"] = {}
    clone.study["student"] = {"supervision": {"outside_points": 0}}
    assert clone.planned() == {"train_student": 1, "evaluate": 1, "report": 1}
    clone.study["student"] = {}
    clone.study["box_student"] = {"network": {"parameter_head": "coarse-mask"}}
    assert clone.planned() == {"train_box_student": 1, "evaluate": 1, "report": 1}


def test_a_second_round_with_a_refiner_of_its_own(clone: Clone) -> None:
    clone.study["run"]["arms"].append("wssis-2")
    clone.study["refiner"]["second_round"] = "retrain"
    own = {"propose_full": 1, "crops_full": 1, "train_refiner": 1, "propose_weak": 1, "crops_weak": 1, "pseudo": 1}
    assert clone.planned() == own | MEASURED


def test_a_variant_makes_only_what_is_different(clone: Clone) -> None:
    clone.study["variants"] = {"small": {"crops": {"size": 128}}, "corrupt": {"refiner": {"pairs": "corrupt"}}}
    clone.study["run"]["variants"] = ["base", "small"]
    refined = {"train_refiner": 1, "pseudo": 1, **MEASURED}
    assert clone.planned() == {"crops_full": 1, "crops_weak": 1} | refined
    clone.study["run"]["variants"] = ["base", "corrupt"]
    assert clone.planned() == {"propose_full": 1, "crops_full": 1} | refined


def test_comments(clone: Clone) -> None:
    for path in (clone.folder / "wssis").rglob("*.py"):
        if path.name != "__init__.py":
            path.write_text(f"# A comment.\n{path.read_text()}")
    for path in (clone.folder / "rules").glob("*.smk"):
        path.write_text(f"{path.read_text()}\n# A comment.\n")
    assert clone.planned() == {}


def test_touched_annotations(clone: Clone) -> None:
    _touch(clone.folder / "data/train.json")
    assert clone.planned() == {}
    (clone.folder / "data/train.json").write_text('{"changed": true}')
    _touch(clone.folder / "data/train.json")
    assert clone.planned()["prepare"] == 1


def test_touched_store(clone: Clone) -> None:
    for side in ("full", "weak"):
        store = clone.folder / f"results/fake/cars/10pct/s0/base/crops/{side}.zarr"
        for path in (store, *store.iterdir(), store.with_name(f"{store.name}.manifest.json")):
            _touch(path)
    assert clone.planned() == {}


def test_moved_images(clone: Clone) -> None:
    (clone.folder / "data/images").rename(clone.folder / "elsewhere")
    for key in ("train_images", "val_images"):
        clone.study["datasets"]["cars"][key] = "elsewhere"
    assert clone.planned() == {}


def test_other_hardware(clone: Clone) -> None:
    profile = clone.folder / "profiles/default/config.yaml"
    text = profile.read_text()
    changes = {
        "gpu: 1": "gpu: 4",
        "workers: 0": "workers: 8",
        'mem_mb: "32': 'mem_mb: "48',
        "runtime: 2880": "runtime: 9",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    profile.write_text(text)
    assert clone.planned("--set-threads", "train_student=1", "--cores", "1") == {}


def test_event_files_for_tensorboard(clone: Clone) -> None:
    assert clone.planned("--default-resources", "tensorboard=1") == {}


def test_another_cluster(clone: Clone) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm")
    (clone.folder / "slurm").symlink_to("profiles/slurm")
    assert clone.planned("--profile", "slurm") == {}
    clone.edit("profiles/slurm/partitions.yaml", "  gpu:\n    max_runtime: 2880", "  big:\n    max_runtime: 60")
    clone.edit("profiles/slurm/config.yaml", "  workers: 6", "  workers: 1\n  slurm_partition: \"'big'\"")
    clone.edit("profiles/slurm/config.yaml", "  points: labels\n", "")
    assert clone.planned("--profile", "slurm") == {}


def test_another_seed_adds_to_the_first(clone: Clone) -> None:
    clone.study["run"]["seeds"].append("s1")
    planned = clone.planned()
    assert planned["train_teacher"] == 1
    assert planned["train_student"] == 4
    assert "prepare" not in planned
