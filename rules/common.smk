"""The study, wildcard constraints, and the functions from which rules take inputs and params."""

import atexit
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from snakemake.exceptions import WorkflowError

from wssis.arms.registry import arms, get_arm
from wssis.config.files import refuse_repeated_keys
from wssis.config.half_labelled import GIVEN_MIX
from wssis.config.jobs import TRAININGS
from wssis.config.lineage import SHARED, Lineage, Place, Product, hidden_masks_of, network, second_round, training_set
from wssis.config.locations import (
    annotation_files, data_set_folder, image_folder, is_prepared, missing_data, weight_files,
)
from wssis.config.mixes import ORACLE_MIX
from wssis.config.networks import networks_of
from wssis.config.plan import plan_json, plan_rows
from wssis.config.resolve import full_percent, settings_json
from wssis.config.study import BASE
from wssis.config.validate import validate_study
from wssis.config.visible_gpus import visible_gpus
from wssis.errors import REFUSED, InputError
from wssis.provenance import code_digest

try:
    refuse_repeated_keys(map(Path, workflow.configfiles))
    STUDY = validate_study(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

PLAN = plan_rows(STUDY)
RESULTS = f"results/{STUDY.study}"
DATASET = f"{RESULTS}/{{dataset}}"
RUN = f"{DATASET}/{{mix}}/{{seed}}/{{variant}}"
AT = "{wildcards.dataset} {wildcards.mix} {wildcards.seed} {wildcards.variant}"  # the run, in messages

# After `points` and `box_points`, these rules alone may see a mask of a weak image (train.json, hidden_ids.csv,
# box_hidden_ids.csv). `pseudo_quality` feeds the report, and nothing trains on what it writes; what `oracle_mask` writes,
# the student of oracle-mask alone reads. The pictures that `pseudo_quality` chooses carry hidden masks; `predict_shown`
# takes the images' names from them.
READ_HIDDEN_MASKS = ("pseudo_quality", "oracle_mask")

# Missing data do not hide the DAG from a dry run: they are left out of the inputs and named below the jobs, where they do
# not scroll away. A real run stops with the same lines before its first job (onstart, in the Snakefile).
MISSING = missing_data(STUDY)


def name_missing():
    """The last words of a dry run."""
    print("", *MISSING, sep="\n", file=sys.stderr)


# On this machine, no more jobs at once that ask for a GPU than it has GPUs, unless --resources gpu=N says otherwise: with
# `threads: 1` as many would start as there are cores. Here and not in onstart, for the scheduler reads the limits before.
if workflow.is_main_process and not workflow.non_local_exec_or_dryrun and "gpu" not in workflow.global_resources:
    if gpus := visible_gpus():
        workflow.register_resource("gpu", gpus)


if workflow.is_main_process and MISSING:
    atexit.register(name_missing)


def refuse_untrainable():
    """Stop where a network of the trainings at hand cannot be built, or its first weights cannot be had: it would come
    to light at its training, which may be days ahead. A process of its own looks: what Snakemake imports here, it imports
    again for every job.
    """
    jobs = [] if workflow.touch else [job for job in workflow.dag.needrun_jobs() if job.rule.name in TRAININGS]
    if not jobs or find_spec("torch") is None:
        return  # On a login node, say, whose jobs run in a container.
    wanted = networks_of((job.rule.name.removeprefix("train_"), job.params.settings) for job in jobs)
    print("Trying the networks before the first job.", file=sys.stderr)
    command = ["python", "-m", "wssis", "check-networks", "--settings", wanted.model_dump_json()]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode == REFUSED:
        raise WorkflowError(f"no job was started: a network cannot be trained\n{done.stderr.strip()}")
    if done.returncode:
        print(f"The networks could not be tried here:\n{done.stderr.strip()[-500:]}", file=sys.stderr)


def any_of(names):
    """A constraint for one of the names; `-` begins no name and so stands for none at all."""
    return "|".join(map(re.escape, names)) or "-"


def arms_with(*masks):
    """The names of the arms whose own training set holds such masks."""
    return [name for name, arm in arms().items() if arm.pseudo in masks and arm.shares is None]


def arms_trained_by(stage):
    """The names of the arms whose student that stage trains."""
    return [name for name, arm in arms().items() if arm.student == stage]


def data_sets(kind):
    """The names of the data sets of one kind."""
    return [name for name, dataset in STUDY.datasets.items() if dataset.kind == kind]


# Mixes that hide masks. The stages around the hiding are others at the mix of half-labelled files (rules/given.smk).
HIDING_MIXES = r"\d+(\.\d+)?pct" + "".join(f"|{re.escape(name)}" for name in STUDY.mixes)


wildcard_constraints:
    dataset=any_of(STUDY.datasets),
    mix=f"{HIDING_MIXES}|{GIVEN_MIX}",
    seed=r"s\d+",
    variant="|".join(map(re.escape, STUDY.run.variants)),
    arm=any_of(arms()),
    fold=r"\d+",
    side="full|weak",
    network=r"teacher|students/[a-z0-9\-]+",
    round="|".join(dict.fromkeys(re.escape(arm.round) for arm in arms().values())),


LINEAGE = Lineage(STUDY)


def place_of(wildcards):
    """Data set, mix and seed of a job."""
    return Place(*(wildcards.get(name) for name in ("dataset", "mix", "seed")))


def variant_of(wildcards):
    """The variant that a job belongs to."""
    return wildcards.get("variant", BASE)


def product_of(stage, wildcards, **which):
    """What a job of that stage makes, as its wildcards say; `which` says what they do not."""
    if stage in SHARED:
        own_fold = {"fold": int(wildcards.fold)} if stage == "fold" and "fold" in wildcards.keys() else {}
        return Product(stage, **own_fold | which)
    named = {name: wildcards[name] for name in ("arm", "side") if name in wildcards.keys()}
    if wildcards.get("round"):
        named["arm"] = next(name for name, arm in arms().items() if arm.round == wildcards.round)
    if "network" in wildcards.keys():
        named["arm"] = arm_of(wildcards.network)
    return Product(stage, **named | which)


def arm_of(folder):
    """The arm whose student lies in a network's folder; None for the teacher's."""
    return None if folder == "teacher" else folder.removeprefix("students/")


def resolved(stage, wildcards, **which):
    """A stage's settings at the wildcards' coordinates."""
    return LINEAGE.settings(product_of(stage, wildcards, **which), place_of(wildcards), variant_of(wildcards))


def settings_of(stage):
    """Params: the resolved settings of the stage alone, as JSON. Snakemake reruns what has other settings."""
    return lambda wildcards: settings_json(resolved(stage, wildcards))


def code_of(stage):
    """Params: digest of the code behind the stage. Not in the command: Snakemake alone looks at it."""
    return code_digest(stage)


# Priority of what the refined masks wait for: it is the longest chain, so it goes ahead of students that are ready.
AHEAD = 1


def path_of(product, path, wildcards):
    """A file of the same run that holds or goes with a product: in this variant's folder, or in base's."""
    home = LINEAGE.home(product, place_of(wildcards), variant_of(wildcards))
    return f"{RUN}/{path}".format(**dict(wildcards.items()) | {"variant": home})


def of(stage, path, **which):
    """Input: a file of the same run, written by `stage`, in this variant's folder or in base's.

    which: arm, fold or side, where the wildcards do not say it, or say it of something else.
    """
    return lambda wildcards: path_of(product_of(stage, wildcards, **which), path, wildcards)


def trained_arm(wildcards):
    """The arm whose student is asked for.

    Raises:
        WorkflowError: it has none at this mix. Asked for by hand, another arm's student would get its name.
    """
    arm, mix = get_arm(wildcards.arm), wildcards.mix
    if not arm.trained_at(mix):
        once = arm.trained_at(ORACLE_MIX)
        often, place = ("once for all mixes", ORACLE_MIX) if once else ("at every mix", ", ".join(STUDY.run.mixes))
        raise WorkflowError(f"{arm.name} is trained {often}: ask for it at {place}, not at {mix}")
    return arm


def training_set_of(wildcards):
    """Input: full.json, or the training set that the arm's pseudo masks are in."""
    arm = trained_arm(wildcards)
    return path_of(training_set(arm.name), arm.training_set, wildcards)


def boxes_of(wildcards):
    """Input: the boxes with points that an arm's student is trained on, where it is."""
    if not trained_arm(wildcards).trains_on_boxes:
        return {}
    return {"box_points": path_of(Product("box_points"), "box_points.json", wildcards)}


def model_of(arm, wildcards):
    """Input: the weights of an arm's student, or of the teacher (None)."""
    folder = "teacher" if arm is None else f"students/{arm}"
    return path_of(network(arm), f"{folder}/model.safetensors", wildcards)


def fold_teachers(folds, wildcards):
    """Inputs: the checkpoints of the fold teachers by name."""
    return {f"fold{k}": of("fold", f"folds/{k}/model.safetensors", fold=k)(wildcards) for k in range(folds)}


def weak_proposals_of(wildcards):
    """Input: the proposals on weak images that the arm's pseudo masks come from."""
    arm = wildcards.arm
    product = Product("proposals", second_round(arm), side="weak")
    return path_of(product, f"{get_arm(arm).round}proposals/weak.json", wildcards)


def given_weights(stage):
    """Input: files of weights that the settings name, where there are any; their content counts, not only the name."""
    return lambda wildcards: [path for path in weight_files(resolved(stage, wildcards)).values() if os.path.exists(path)]


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


def roles_of(wildcards):
    """Params: which of the given annotations is which. Snakemake compares inputs as a set: exchanged, they would rerun
    nothing.
    """
    return [f"{key}={path}" for key, path in annotation_files(STUDY.datasets[wildcards.dataset]).items()]


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
