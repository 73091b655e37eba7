"""The study, wildcard constraints, and the functions from which rules take inputs and params."""

import os
import re

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from wssis.arms.registry import arms, get_arm
from wssis.config.locations import data_set_folder, image_folder, is_prepared, missing_data, weight_files
from wssis.config.plan import plan_json, plan_rows
from wssis.config.resolve import resolve, settings_json
from wssis.config.study import CocoDataset
from wssis.config.validate import validate_study
from wssis.errors import InputError
from wssis.provenance import code_digest

try:
    STUDY = validate_study(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

PLAN = plan_rows(STUDY)
RESULTS = f"results/{STUDY.study}"
DATASET = f"{RESULTS}/{{dataset}}"
RUN = f"{DATASET}/{{mix}}/{{seed}}/{{variant}}"
AT = "{wildcards.dataset} {wildcards.mix} {wildcards.seed} {wildcards.variant}"  # the run, in messages

# After `points`, these rules alone may see a mask of a weak image (train.json, hidden_ids.csv). `pseudo_quality` feeds
# the report, and nothing trains on what it writes; what `oracle_mask` writes, the student of oracle-mask alone reads.
READ_HIDDEN_MASKS = ("pseudo_quality", "oracle_mask")

# Missing data do not hide the DAG from a dry run: they are left out of the inputs and named here. A real run stops
# with the same lines before its first job (onstart, in the Snakefile).
MISSING = missing_data(STUDY)
if workflow.is_main_process:
    for line in MISSING:
        logger.warning(line)


def any_of(names):
    """A constraint for one of the names; `-` begins no name and so stands for none at all."""
    return "|".join(map(re.escape, names)) or "-"


def arms_with(*masks):
    """The names of the arms whose own training set holds such masks."""
    return [name for name, arm in arms().items() if arm.pseudo in masks and arm.shares is None]


def data_sets(kind):
    """The names of the data sets of one kind."""
    return [name for name, dataset in STUDY.datasets.items() if dataset.kind == kind]


wildcard_constraints:
    dataset=any_of(STUDY.datasets),
    mix=r"\d+(\.\d+)?pct" + "".join(f"|{re.escape(name)}" for name in STUDY.mixes),
    seed=r"s\d+",
    variant="|".join(map(re.escape, STUDY.run.variants)),
    arm=any_of(arms()),
    fold=r"\d+",
    side="full|weak",
    network=r"teacher|students/[a-z0-9\-]+",


def coordinates(wildcards):
    """The keyword arguments of `resolve` that a job's wildcards stand for."""
    texts = ("dataset", "mix", "seed", "variant", "arm", "side")
    named = {key: wildcards[key] for key in texts if key in wildcards.keys()}
    return named | ({"fold": int(wildcards.fold)} if "fold" in wildcards.keys() else {})


RESOLVED = {}


def resolved(stage, wildcards, **other):
    """A stage's settings at the wildcards' coordinates, `other` replacing some."""
    at = coordinates(wildcards) | other
    key = (stage, *sorted(at.items()))
    if key not in RESOLVED:
        RESOLVED[key] = resolve(STUDY, stage, **at)
    return RESOLVED[key]


def settings_of(stage):
    """Params: the resolved settings of the stage alone, as JSON. Snakemake reruns what has other settings."""
    return lambda wildcards: settings_json(resolved(stage, wildcards))


def code_of(stage):
    """Params: digest of the code behind the stage. Not in the command: Snakemake alone looks at it."""
    return code_digest(stage)


# Priority of what the refined masks wait for: it is the longest chain, so it goes ahead of students that are ready.
AHEAD = 1

# Stages whose settings decide whether a variant needs its own outputs of a stage, beside the stage itself.
UPSTREAM = {
    "split": (),
    "points": ("split",),
    "teacher": ("split",),
    "fold": ("split",),
    "proposals": ("split", "points", "teacher", "fold"),
    "crops": ("split", "points", "teacher", "fold", "proposals"),
    "refiner": ("split", "points", "teacher", "fold", "proposals", "crops"),
    "pseudo": ("split", "points", "teacher", "fold", "proposals", "crops", "refiner"),
    "oracle_mask": ("split", "points"),
    "score_thresholds": ("split", "fold"),
    "confident_labels": ("split", "teacher", "fold", "score_thresholds"),
}


def home(stage, wildcards):
    """The variant in whose folder the stage's outputs lie: `base`, unless settings up to that stage differ."""
    if wildcards.variant == "base":
        return "base"
    some_fold = {"fold": int(wildcards.get("fold", 0))}
    differs = any(
        resolved(name, wildcards, **some_fold) != resolved(name, wildcards, variant="base", **some_fold)
        for name in (*UPSTREAM[stage], stage)
    )
    return wildcards.variant if differs else "base"


def of(stage, path):
    """Input: a file of the same run, written by `stage`, in this variant's folder or in base's."""
    pattern = f"{RUN}/{path}"

    def find(wildcards):
        return pattern.format(**dict(wildcards.items()) | {"variant": home(stage, wildcards)})

    return find


def training_set(wildcards):
    """Input: full.json, or the training set that the arm's pseudo masks are in."""
    arm = get_arm(wildcards.arm)
    return of(arm.rules[-1], arm.training_set)(wildcards)


def measured(wildcards):
    """Input: the images on which the report shows the arm's pseudo masks."""
    return of(get_arm(wildcards.arm).rules[-1], "quality/{arm}.shown.json")(wildcards)


def given_weights(stage):
    """Input: files of weights that the settings name, where there are any; their content counts, not only the name."""
    return lambda wildcards: [path for path in weight_files(resolved(stage, wildcards)) if os.path.exists(path)]


# Snakemake records params and reruns on a change, except those that a function computes from `input`, `output`,
# `threads` or `resources`: it takes them for consequences of what it tracks otherwise (`non_derived_params`). The
# functions below are of that kind. For paths of the rule's own files that is a matter of course. For the image folder,
# the number of GPUs and of worker processes, and TensorBoard's files it is the point: they are locations and hardware,
# or change no result, and moving unchanged images or changing the machine must rerun nothing. So `image_dir` takes
# `output` without looking at it.


def image_dir(subset):
    """Params, not recorded: the folder of the data set's train or val images."""
    return lambda wildcards, output: image_folder(STUDY, wildcards.dataset, subset)


def folder_of(name="manifest"):
    """Params, not recorded: the folder of the rule's output of that name."""
    return lambda wildcards, output: os.path.dirname(getattr(output, name))


def store_of(manifest):
    """The Zarr store that a manifest stands for. Rules depend on manifests: a folder's time says nothing."""
    return manifest.removesuffix(".manifest.json")


def launch(wildcards, resources):
    """Params, not recorded: how a training is started, one process per GPU.

    One process needs no torchrun, and without it a SIGTERM reaches the training itself; torchrun passes it on.
    """
    gpus = int(resources.get("gpu", 0) or 0)
    return f"torchrun --standalone --nproc-per-node {gpus} -m wssis" if gpus > 1 else "python -m wssis"


def workers(wildcards, resources):
    """Params, not recorded: worker processes beside the main one, a resource from the profile."""
    return int(resources.get("workers", 0) or 0)


def tensorboard(wildcards, resources):
    """Params, not recorded: the option that also writes TensorBoard's event files, a resource like the others."""
    return "--tensorboard" if int(resources.get("tensorboard", 0) or 0) else ""
