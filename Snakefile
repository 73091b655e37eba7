"""One study: from images to the report. Every rule is a command of the package; `snakemake -p` prints it."""

import sys

from snakemake.utils import min_version

min_version("9.10")
sys.path.insert(0, workflow.basedir)


configfile: f"{workflow.basedir}/config.yaml"


# Each command takes the place of its shell: a SIGTERM to the whole job must not end a shell, and with it the job, before
# the training behind it has saved itself. Newer versions of bash do so anyway.
shell.prefix("set -euo pipefail; exec ")


include: "rules/common.smk"
include: "rules/prepare.smk"
include: "rules/split.smk"
include: "rules/points.smk"
include: "rules/box_points.smk"
include: "rules/teacher.smk"
include: "rules/proposals.smk"
include: "rules/crops.smk"
include: "rules/refiner.smk"
include: "rules/pseudo.smk"
include: "rules/student.smk"
include: "rules/box_student.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/given.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",


rule data:
    """All data sets, checked, and what is worth a look in them."""
    input:
        expand(f"{DATASET}/{{file}}", dataset=STUDY.run.datasets, file=["images.csv", "data_warnings.json"]),


rule networks:
    """All students and teachers, evaluated; no report."""
    input:
        [row.scores for row in PLAN],


onstart:
    if MISSING:
        atexit.unregister(name_missing)
        raise WorkflowError("\n".join(["data are missing; no job was started", *MISSING]))
    refuse_untrainable()
