"""The jobs of a study by name are the jobs that Snakemake starts, with the manifests that it leaves."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from dag_runs import REPOSITORY, Clone, planned_jobs

from wssis.arms.registry import arms
from wssis.config.files import read_study
from wssis.config.jobs import TRAININGS, Job, jobs_of
from wssis.config.study import Study
from wssis.errors import InputError


def _study(clone: Clone) -> Study:
    (clone.folder / "study.yaml").write_text(yaml.safe_dump(clone.study))
    return read_study(clone.folder / "config.yaml", [clone.folder / "study.yaml"])


def _counted(study: Study) -> dict[str, int]:
    return dict(Counter(job.rule for job in jobs_of(study)))


def _arms(*names: str, **more: dict) -> dict:
    """What is different in a study of these arms."""
    return {"run": {"datasets": ["cars"], "mixes": ["10pct"], "seeds": ["s0"], "arms": list(names)}, **more}


VARIANTS = {
    "run": {
        "datasets": ["cars"], "mixes": ["10pct"], "seeds": ["s0"], "arms": ["supervised", "wssis", "wssis-2", "oracle"],
        "variants": ["base", "drift", "small", "many", "corrupt"],
    },
    "variants": {
        "drift": {"points": {"drift": 3.0}},
        "small": {"crops": {"size": 128}},
        "many": {"evaluate": {"max_detections": 300}},
        "corrupt": {"refiner": {"pairs": "corrupt"}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"refiner": {"pairs": "snapshots"}},
        {"refiner": {"pairs": "corrupt"}},
        _arms("wssis-2", refiner={"second_round": "retrain"}),
        _arms("wssis-2", "semi", refiner={"pairs": "corrupt", "second_round": "reuse"}),
        VARIANTS,
        *(_arms(arm) for arm in arms()),
        _arms(*arms()),
        {"run": {"datasets": ["cars"], "mixes": ["10pct", "5pct"], "seeds": ["s0", "s3"], "arms": ["rough", "oracle"]}},
    ],
)
def test_as_many_as_snakemake_plans(clone: Clone, changes: dict) -> None:
    clone.study |= changes
    assert _counted(_study(clone)) == clone.planned()


def test_published_study(clone: Clone) -> None:
    done = clone.snakemake("-n", study="studies/coco.yaml")
    study = read_study(REPOSITORY / "config.yaml", [REPOSITORY / "studies" / "coco.yaml"])
    assert _counted(study) == planned_jobs(done.stdout + done.stderr)


def test_manifests_are_where_snakemake_leaves_them(clone: Clone) -> None:
    clone.study |= VARIANTS | {"refiner": {"second_round": "retrain"}}
    clone.study["run"] = VARIANTS["run"] | {"arms": list(arms())}
    clone.build()
    found = {path.relative_to(clone.folder).as_posix() for path in (clone.folder / "results").rglob("*manifest.json")}
    assert {job.manifest for job in jobs_of(_study(clone))} == found


@pytest.mark.parametrize("names", [*((arm,) for arm in arms()), tuple(arms())])
def test_jobs_know_what_comes_before_them(clone: Clone, names: tuple[str, ...]) -> None:
    """Only jobs of the study, in no circle; the first of a data set alone has nothing before it."""
    clone.study |= VARIANTS | {"refiner": {"second_round": "retrain"}}
    clone.study["run"] = VARIANTS["run"] | {"arms": list(names)}
    left = {job.manifest: job for job in jobs_of(_study(clone))}
    assert {one for job in left.values() for one in job.before} <= set(left)
    assert [job.rule for job in left.values() if not job.before] == ["prepare"]
    while left:
        ready = [name for name, job in left.items() if not set(job.before) & set(left)]
        assert ready, left
        for name in ready:
            del left[name]


def test_settings_are_the_jobs_own(clone: Clone) -> None:
    clone.study["teacher"] = {"by_mix": {"10pct": {"schedule": {"iterations": 77}, "snapshots": [7, 77]}}}
    study = _study(clone)
    steps = {job.rule: job.settings(study).schedule.iterations for job in jobs_of(study) if job.rule in TRAININGS}
    assert steps["train_teacher"] == steps["train_fold"] == 77 != steps["train_student"]
    assert [job.folder for job in jobs_of(study) if job.fold == 1] == ["results/fake/cars/10pct/s0/base/folds/1"]
    assert Job("report", "report", "results/a/report/manifest.json").folder == "results/a/report"


def test_study_files_merge_as_in_snakemake(tmp_path: Path) -> None:
    default = REPOSITORY / "config.yaml"
    (tmp_path / "a.yaml").write_text("run: {seeds: [s1, s2]}\nteacher: {optimizer: {lr: 0.25}}\n")
    study = read_study(default, [tmp_path / "a.yaml"])
    assert study.run.seeds == ("s1", "s2") and study.run.mixes == ("10pct",)
    assert (study.teacher.optimizer.lr, study.teacher.optimizer.batch) == (
        0.25,
        read_study(default).teacher.optimizer.batch,
    )


def test_bad_study_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.yaml: not found; run this in the folder of the workflow"):
        read_study(tmp_path / "config.yaml")
    for text, message in (("- a\n", "not a study file"), ("a: [", "not a YAML file")):
        (tmp_path / "odd.yaml").write_text(text)
        with pytest.raises(InputError, match=message):
            read_study(REPOSITORY / "config.yaml", [tmp_path / "odd.yaml"])
