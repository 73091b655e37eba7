"""Where the study's given files lie: locations, no settings; none of them is opened here."""

import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from wssis.arms.registry import get_arm, with_teachers
from wssis.config.half_labelled import GIVEN_MIX, HalfLabelledDataset, stage_at
from wssis.config.mixes import ORACLE_MIX
from wssis.config.network import NOT_FILES
from wssis.config.plan import run_mixes
from wssis.config.resolve import resolve
from wssis.config.section import Section
from wssis.config.study import CocoDataset, Study


def data_set_folder(study: Study, dataset: str) -> str:
    """Folder of what the study makes of a data set."""
    return f"results/{study.study}/{dataset}"


def image_folder(study: Study, dataset: str, subset: str) -> str:
    """Folder of the train or val images; of the embedded data set, where the study draws them.

    The training images of a half-labelled data set may lie in several: these are then joined as in PATH.
    """
    given = study.datasets[dataset]
    if isinstance(given, HalfLabelledDataset):
        return os.pathsep.join(_half_labelled_folders(given, subset))
    if isinstance(given, CocoDataset):
        return given.train_images if subset == "train" else given.val_images
    return f"{data_set_folder(study, dataset)}/images/{subset}"


def _half_labelled_folders(given: HalfLabelledDataset, subset: str) -> list[str]:
    """Folders of the train or val images, each once."""
    if subset == "val":
        return [given.full_images if given.val_annotations is None else str(given.val_images)]
    keys = ["full_images", "weak_images", *(["unlabelled_images"] if given.unlabelled is not None else [])]
    return list(dict.fromkeys(getattr(given, key) for key in keys))


def is_prepared(study: Study, dataset: str) -> bool:
    """Whether the checked annotations are there, so that the given ones are not needed again."""
    folder = Path(data_set_folder(study, dataset))
    return all((folder / name).is_file() for name in ("train.json", "val.json", "prepare.manifest.json"))


def annotation_files(dataset: Section) -> dict[str, str]:
    """Key -> path of a data set's annotation files, as far as it has such keys and they are given."""
    return {key: getattr(dataset, key) for key in _keys_of(dataset)[0]}


def _not_taken(study: Study, dataset: str) -> list[str]:
    """Keys of the annotation files that are not there, and that the checked annotations were not made from: a path that
    was corrected since, rightly or not, is looked at.
    """
    absent = {key: path for key, path in annotation_files(study.datasets[dataset]).items() if not Path(path).exists()}
    taken = _taken(study, dataset) if absent else set()  # Read only then: a study is parsed at every job.
    return [key for key, path in absent.items() if Path(path).as_posix() not in taken]


def _taken(study: Study, dataset: str) -> set[str]:
    """Paths that the checked annotations were made from; none where nothing is checked or their manifest is damaged."""
    if not is_prepared(study, dataset):
        return set()
    try:
        content = json.loads((Path(data_set_folder(study, dataset)) / "prepare.manifest.json").read_text("utf-8"))
        return {one["path"] for one in content["inputs"].values()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return set()


def weight_files(settings: Section) -> dict[str, str]:
    """Name of the input -> file of given weights that a training starts from: a checkpoint, or its backbone's."""
    checkpoint, backbone = getattr(settings, "checkpoint", None), settings.network.backbone.weights
    if checkpoint:
        return {"checkpoint": checkpoint}
    return {} if backbone in NOT_FILES else {"weights": backbone}


def missing_data(study: Study) -> list[str]:
    """One line per given path that is not there, naming the keys that give it, in the order of the configuration; and
    one for the package that the evaluator needs.
    """
    keys: dict[str, dict[str, None]] = {}
    for key, path in _given(study):
        if not Path(path).exists():
            keys.setdefault(path, {})[key] = None
    remedy = "put the data there, or correct the key"
    lines = [f"missing: {path} ({', '.join(found)}): {remedy}" for path, found in keys.items()]
    evaluator = study.evaluate.evaluator
    if find_spec(evaluator) is None:
        remedy = f"pip install 'wssis[{evaluator}]', or set pycocotools"
        lines.append(f"missing: the package {evaluator} (evaluate.evaluator): {remedy}")
    return lines


def _given(study: Study) -> Iterator[tuple[str, str]]:
    """Keys of the configuration and the paths they give, as far as what the study runs needs them."""
    for name in study.run.datasets:
        dataset = study.datasets[name]
        _, folders = _keys_of(dataset)
        yield from ((f"datasets.{name}.{key}", getattr(dataset, key)) for key in (*_not_taken(study, name), *folders))
    for variant in study.run.variants:
        for mix in run_mixes(study):
            yield from _given_to_stages(study.of_variant(variant), mix)


def _keys_of(dataset: Section) -> tuple[list[str], list[str]]:
    """Keys of a data set that name its annotation files, and its image folders."""
    if isinstance(dataset, CocoDataset):
        return ["train_annotations", "val_annotations"], ["train_images", "val_images"]
    if not isinstance(dataset, HalfLabelledDataset):
        return [], []
    files, folders = ["full_annotations", "weak_annotations"], ["full_images", "weak_images"]
    for file, folder in (("unlabelled", "unlabelled_images"), ("val_annotations", "val_images")):
        if getattr(dataset, file) is not None:
            files, folders = [*files, file], [*folders, folder]
    return files, folders


def _given_to_stages(study: Study, mix: str) -> Iterator[tuple[str, str]]:
    seed = study.run.seeds[0]
    arms = [arm for arm in study.run.arms if get_arm(arm).trained_at(mix)]
    if mix not in (GIVEN_MIX, ORACLE_MIX):
        split = resolve(study, "split", mix=mix, seed=seed)
        if split.method == "files":
            yield "split.full_ids", split.full_ids
    stages = {stage for arm in arms for stage in get_arm(arm).rules} & {"teacher", "fold", "refiner"}
    if "refiner" in stages and study.refiner.pairs == "crossfit":
        stages.add("fold")
    for stage in sorted(stages):
        settings = resolve(study, stage_at(stage, mix), mix=mix, seed=seed, fold=0)
        # Fold teachers have the teacher's settings.
        yield from (("teacher" if stage == "fold" else stage, path) for path in weight_files(settings).values())
    if study.box_points.file is not None and any("box_points" in get_arm(arm).rules for arm in arms):
        yield "box_points.file", study.box_points.file
    for arm in with_teachers(arms):
        stage = get_arm(arm).student
        settings = resolve(study, stage, mix=mix, seed=seed, arm=arm)
        yield from ((stage, path) for path in weight_files(settings).values())
