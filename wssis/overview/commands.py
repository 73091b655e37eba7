"""Commands that look at a study as a whole; like all commands they import what is heavy when they run."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wssis.errors import InputError

ConfigFiles = Annotated[list[Path] | None, typer.Option(help="Study files, laid over config.yaml as Snakemake does.")]
DefaultConfig = Annotated[Path, typer.Option(help="config.yaml of the workflow.")]


class CostModelName(StrEnum):
    """The cost models, as the command line spells them."""

    POINTWSSIS = "pointwssis"
    CHENG = "cheng"
    MEASURED = "measured"


def plan(
    configfile: ConfigFiles = None,
    config: DefaultConfig = Path("config.yaml"),
    like: Annotated[list[Path] | None, typer.Option(help="Folders of earlier runs to learn from.")] = None,
    job_minutes: Annotated[float, typer.Option(help="Longest job that your cluster allows, minutes.")] = 2880,
) -> None:
    """The bill before a study runs: jobs, hours and disk per rule, from what earlier runs took."""
    from wssis.config.files import read_study
    from wssis.config.jobs import jobs_of
    from wssis.overview.bill import bill, estimates, useful_minutes
    from wssis.overview.finished import finished_jobs
    from wssis.overview.records import read_records

    useful_minutes(job_minutes)
    nowhere = [folder for folder in like or () if not folder.is_dir()]
    if nowhere:
        raise InputError(f"{nowhere[0]}: is no folder; correct --like")
    study = read_study(config, configfile or ())
    records = read_records(like or [Path("results")])
    jobs = jobs_of(study)
    print(bill(estimates(study, jobs, finished_jobs(study, jobs), records), job_minutes, configfile or ()))


def status(configfile: ConfigFiles = None, config: DefaultConfig = Path("config.yaml")) -> None:
    """How far a study is: every training with step, losses, speed and time left; the other jobs; what is saved."""
    from wssis.config.files import read_study
    from wssis.config.jobs import jobs_of
    from wssis.overview import progress
    from wssis.overview.bill import estimates
    from wssis.overview.finished import finished_jobs
    from wssis.overview.other_jobs import other_jobs, time_left
    from wssis.overview.records import read_records
    from wssis.overview.saved import own_states, saved, saved_states

    study = read_study(config, configfile or ())
    jobs, now, root = jobs_of(study), time.time(), Path("results/.state")
    states = saved_states(root)
    finished = finished_jobs(study, jobs)
    own = own_states(study, jobs, finished, root) if states else {}
    times = {own[state.folder]: state.saved for state in states if state.folder in own}
    found = progress.trainings(study, jobs, finished, now, times)
    lines = list(other_jobs(jobs, finished, now))
    if all(Path(job.manifest).is_file() for job in jobs if job.manifest.endswith("/prepare.manifest.json")):
        lines.append(time_left(estimates(study, jobs, finished, read_records([Path("results")], sized=False)), found))
    lines += saved(states, own, now)
    print(progress.status(found, lines))


def budget(
    study: Annotated[Path, typer.Argument(help="Folder of a study whose report is written: results/STUDY.")],
    days: Annotated[float, typer.Option(min=0, help="Budget for labels, days of 24 hours as in the papers.")],
    cost_model: Annotated[CostModelName | None, typer.Option(help="One cost model; all if left out.")] = None,
    categories_known: Annotated[
        bool | None,
        typer.Option(
            "--categories-known/--categories-unknown",
            help="Whether annotators are told each image's categories; as the study says if left out.",
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="One data set; all if left out.")] = None,
    variant: Annotated[str, typer.Option(help="Variant of the study.")] = "base",
) -> None:
    """Which mix of masks and points is best for a budget, by the study's own curve."""
    from wssis.report_page.budget_text import budget_text
    from wssis.report_page.curves import CURVES, read_curves

    curves = read_curves(study / "report" / CURVES)
    model = None if cost_model is None else cost_model.value
    print(budget_text(curves, days, model, categories_known, dataset, variant))
