"""From the study to one stage's settings: its section, the overrides of its mix, seeds, threads and the arm's part."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wssis.arms.arm import Arm
from wssis.arms.registry import get_arm
from wssis.config.box_points import BoxPointsSettings, BoxPseudoSettings
from wssis.config.data_stages import (
    DataWarningsSettings,
    GenerateSettings,
    PointsSettings,
    PrepareSettings,
    SplitSettings,
)
from wssis.config.half_labelled import GIVEN_MIX, GivenSplitSettings, HalfLabelledDataset, TakeGivenSettings
from wssis.config.mask_stages import (
    CropsSettings,
    OracleMaskSettings,
    ProposalsSettings,
    PseudoSettings,
    RefinerSettings,
)
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.config.merging import merged
from wssis.config.mixes import ORACLE_MIX, Mix, parse_shorthand
from wssis.config.section import Section
from wssis.config.segmentor_stages import (
    ConfidentLabelsSettings,
    DetectionSettings,
    EvaluateSettings,
    FoldSettings,
    ScoreThresholdsSettings,
    StudentSettings,
    TeacherSettings,
)
from wssis.config.study import BASE, Study
from wssis.config.training import InferenceSettings, ScheduleSettings

Side = Literal["full", "weak"]
CROPS_WORKFLOW_KEYS = ("temporary",)
REFINING_KEYS = ("flip", "ignore_band", "batch")
"""Of `pseudo`: how masks are refined, which is nothing to rough ones."""
REFINER_WORKFLOW_KEYS = ("pairs", "folds", "second_round")
GRID_KEYS = ("mask_channels", "mask_convs")
IMPLICIT_KEYS = (
    "parameter_head", "parameter_channels", "point_channels", "point_encoding", "point_features", "point_head",
    "parameter_decay",
)  # fmt: skip
"""Keys of one mask branch, which the other never reads."""
POINT_KEYS = ("point_share",)
"""Keys that only labelled points give a meaning."""
UNSEEN_BY_PROPOSALS = ("score_threshold", "candidates", "nms", "nms_sigma", "update_threshold")


@dataclass(frozen=True)
class Coordinates:
    """Where in the study a stage runs; `mix`, `seed` are None for the stages of a whole data set."""

    dataset: str | None
    mix: str | None
    seed: str | None
    arm: str | None
    fold: int | None
    side: Side | None

    @property
    def number(self) -> int:
        """3 of s3."""
        if self.seed is None:
            raise ValueError("this stage needs a seed")
        return int(self.seed.removeprefix("s"))

    @property
    def the_arm(self) -> Arm:
        """The arm, which this stage needs."""
        if self.arm is None:
            raise ValueError("this stage needs an arm")
        return get_arm(self.arm)


def resolve(
    config: Study,
    stage: str,
    *,
    dataset: str | None = None,
    mix: str | None = None,
    seed: str | None = None,
    variant: str = BASE,
    arm: str | None = None,
    fold: int | None = None,
    side: Side | None = None,
) -> Section:
    """Exactly what one run of a stage is given.

    Args:
        config: a validated study.
        stage: name of the stage's module, such as `teacher`, `check_images`, `proposals`.
        seed: such as `s3`; split and points get `seeds.split`, trainings `seeds.training`, or else 3.
        variant: whose settings: base's, or the overrides of a named variant.
        arm: needed by `pseudo`, `student` and `box_student`; of proposals, the arm whose second round they are of.
        fold: needed by `fold`.
        side: for `proposals`: of weak images, where the refiner's pairs have no say.

    Raises:
        ValueError: a coordinate is missing that the stage needs, or (pydantic's subclass) the settings are illegal.
    """
    config = config.of_variant(variant)
    resolvers = RESOLVERS | GIVEN_RESOLVERS
    if stage not in resolvers:
        raise ValueError(f"unknown stage {stage!r}; the stages are {', '.join(resolvers)}")
    return resolvers[stage](config, Coordinates(dataset, mix, seed, arm, fold, side))


def settings_json(section: Section) -> str:
    """Compact JSON with sorted keys: equal settings are equal text."""
    return json.dumps(section.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def unread(stage: str, settings: Mapping[str, Any], inputs: Collection[str]) -> frozenset[str]:
    """Sections and dotted keys of a stage's settings, as its manifest has them, that it does not read: they have their
    defaults, whatever the study says, so that changing them reruns nothing.

    inputs: names of the manifest's inputs, which tell of which side proposals are.
    """
    if stage not in ("proposals", "box_pseudo"):
        return frozenset()
    if settings.get("pairs") == "corrupt":
        return frozenset(settings) - {"pairs", "corrupt_seed"}
    keys = {*UNSEEN_BY_PROPOSALS, *(["nms_iou"] if settings.get("filter", "ours") == "ours" else [])}
    of_pairs = ("pairs", "folds", "fold_seed") if stage == "proposals" and "full_points" not in inputs else ()
    return frozenset((*(f"inference.{key}" for key in keys), *of_pairs))


def settings_read(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a manifest without those that its stage does not read."""
    settings = manifest["settings"]
    left_out = unread(manifest["stage"], settings, manifest["inputs"])
    return {
        key: {name: one for name, one in value.items() if f"{key}.{name}" not in left_out}
        if isinstance(value, Mapping) else value
        for key, value in settings.items() if key not in left_out
    }  # fmt: skip


def mix_of(config: Study, name: str) -> Mix:
    """The configured mix of that name, or what the shorthand `10pct` stands for; ValueError otherwise."""
    return config.mixes[name] if name in config.mixes else parse_shorthand(name)


def full_percent(config: Study, name: str) -> float | None:
    """Percent of the images with masks; 100 for the oracle's mix, None where the given files alone can tell."""
    if name == GIVEN_MIX:
        return None
    return 100.0 if name == ORACLE_MIX else mix_of(config, name).full


def _section(section: Section, at: Coordinates, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    """A section as a dict, with the overrides of the mix, without the keys that only the resolver reads."""
    values = section.model_dump()
    overrides = values.pop("by_mix", {}).get(at.mix, {})
    return {key: value for key, value in merged(values, overrides).items() if key not in drop}


def _split_seed(config: Study, at: Coordinates) -> int:
    return at.number if config.seeds.split is None else config.seeds.split


def _training_seed(config: Study, at: Coordinates) -> int:
    return at.number if config.seeds.training is None else config.seeds.training


def _with_threads(config: Study, values: dict[str, Any]) -> dict[str, Any]:
    return merged(values, {"optimizer": {"threads": config.threads}})


def _generate(config: Study, at: Coordinates) -> Section:
    values = config.datasets[at.dataset].model_dump(exclude={"kind"})
    return GenerateSettings(**values)


def _take_given(config: Study, at: Coordinates) -> Section:
    """How images are held out is of no concern where validation images are given."""
    given = config.datasets[at.dataset]
    check = config.prepare.model_dump()
    if given.val_annotations is not None:
        return TakeGivenSettings(**check)
    key = _group_key(config, at)
    return TakeGivenSettings(**check, val_share=given.val_share, val_seed=given.val_seed, group_key=key)


def _split(config: Study, at: Coordinates) -> Section:
    """The oracle's images all have masks, also where a file lists those of the other mixes."""
    values = _section(config.split, at)
    if at.mix == ORACLE_MIX:
        shares = {"full_percent": 100.0, "unlabelled_percent": 0.0}
        if values["method"] == "files":
            values |= {"method": "random", "full_ids": None}
    else:
        mix = mix_of(config, at.mix)
        shares = {"full_percent": mix.full, "points10_percent": mix.points10, "unlabelled_percent": mix.unlabelled}
    return SplitSettings(**values, **shares, seed=_split_seed(config, at))


def _points(config: Study, at: Coordinates) -> Section:
    return PointsSettings(**_section(config.points, at), seed=_split_seed(config, at))


def _box_points(config: Study, at: Coordinates) -> Section:
    """The seed is that of the split, unless the section names one: other points on the same images."""
    values = _section(config.box_points, at)
    seed = _split_seed(config, at) if values["seed"] is None else values["seed"]
    kind = "point" if at.mix == GIVEN_MIX else mix_of(config, at.mix).in_boxes
    return BoxPointsSettings(**values | {"seed": seed}, label_kind=kind)


def _teacher(config: Study, at: Coordinates) -> Section:
    values = _with_threads(config, _section(config.teacher, at))
    settings = TeacherSettings(**values, seed=_training_seed(config, at))
    return settings.model_copy(update={"snapshots": settings.snapshot_steps})


def _fold(config: Study, at: Coordinates) -> Section:
    """The teacher's settings; its snapshots and its checkpoint are not the folds'."""
    values = _with_threads(config, _section(config.teacher, at, drop=("snapshots", "checkpoint")))
    if at.fold is None:
        raise ValueError("this stage needs a fold")
    seed, key = _training_seed(config, at), _group_key(config, at)
    return FoldSettings(**values, folds=config.refiner.folds, fold=at.fold, seed=seed, group_key=key)


def _group_key(config: Study, at: Coordinates) -> str | None:
    """What the split keeps together, folds and held-out images do, too: of a video in two, no teacher would be blind.

    The masked images of half-labelled data need the key only where some of them are held out by it.
    """
    given = config.datasets.get(at.dataset)
    if isinstance(given, HalfLabelledDataset) and given.val_annotations is not None:
        return None
    return config.split.group_key if config.split.method == "group" else None


def _inference(config: Study) -> InferenceSettings:
    return InferenceSettings(**config.inference.model_dump(), threads=config.threads)


def _proposals_inference(config: Study) -> InferenceSettings:
    """Without what point guidance never reads, so that a new detection threshold does not rerun the proposals."""
    return _without_candidates(config, *(["nms_iou"] if config.proposals.filter == "ours" else []))


def _without_candidates(config: Study, *also: str) -> InferenceSettings:
    """Inference without the keys that say which of many candidates are kept, and without others."""
    unread = {*UNSEEN_BY_PROPOSALS, *also}
    return InferenceSettings(**config.inference.model_dump(exclude=unread), threads=config.threads)


def _data_warnings(config: Study, at: Coordinates) -> DataWarningsSettings:
    by_folds = config.refiner.pairs == "crossfit" and any("refiner" in get_arm(name).rules for name in config.run.arms)
    grids = any(get_arm(name).student == "student" for name in config.run.arms)
    augmentation = (config.student if grids else config.box_student).augmentation
    return DataWarningsSettings(
        short_side=max(augmentation.short_sides),
        long_side=augmentation.long_side,
        folds=config.refiner.folds if by_folds else 0,
        max_detections=config.evaluate.max_detections,
        candidates=config.inference.candidates if grids else None,
    )


def _proposals(config: Study, at: Coordinates) -> Section:
    values = _section(config.proposals, at) | {"inference": _proposals_inference(config)}
    if config.proposals.selection == "consistent":
        # Given points were clicked; `points.strategy` says where simulated ones are.
        clicked = at.mix == GIVEN_MIX and at.side == "weak"
        values["own_point_inside"] = clicked or config.points.strategy != "centroid"
    if at.side == "weak":
        return ProposalsSettings(**values)
    if at.arm is not None and at.the_arm.teacher is not None:
        return ProposalsSettings(**values, pairs="student")
    if config.refiner.pairs == "snapshots":
        return ProposalsSettings(**values, pairs="snapshots")
    if config.refiner.pairs == "corrupt":
        return ProposalsSettings(pairs="corrupt", corrupt_seed=_training_seed(config, at))
    seed, key = _training_seed(config, at), _group_key(config, at)
    return ProposalsSettings(**values, folds=config.refiner.folds, fold_seed=seed, group_key=key)


def _crops(config: Study, at: Coordinates) -> Section:
    """The stored heat map is the refiner's, at the same mix."""
    network = RefinerSettings(**_section(config.refiner, at, drop=REFINER_WORKFLOW_KEYS)).network
    heatmap = {"heatmap_sigma": network.heatmap_sigma, "heatmap_radius": network.heatmap_radius}
    values = _section(config.crops, at, drop=CROPS_WORKFLOW_KEYS)
    return CropsSettings(**values, **heatmap, rough=config.proposals.rough)


def _refiner(config: Study, at: Coordinates) -> Section:
    values = _with_threads(config, _section(config.refiner, at, drop=REFINER_WORKFLOW_KEYS))
    return RefinerSettings(**values, seed=_training_seed(config, at))


def _pseudo(config: Study, at: Coordinates) -> Section:
    masks = at.the_arm.pseudo
    values = _section(config.pseudo, at, drop=REFINING_KEYS if masks == "rough" else ())
    return PseudoSettings(**values, masks=masks, threads=config.threads)


def _student(config: Study, at: Coordinates) -> Section:
    values = _with_threads(config, _section(config.student, at))
    schedule = _schedule_of_arm(config, at, values.pop("schedule"))
    if not at.the_arm.trains_on_boxes:
        values.pop("supervision", None)
    if at.the_arm.augmentation == "strong":
        values["augmentation"] = _strengthened(values["augmentation"], config.semi.model_dump())
    return StudentSettings(**values, schedule=schedule, seed=_training_seed(config, at))


def _box_student(config: Study, at: Coordinates) -> Section:
    """The section, with the mask branch that the arm's segmentor has, and without the keys that the arm never reads:
    a variant of the one branch does not train the other again.
    """
    arm, values = at.the_arm, _with_threads(config, _section(config.box_student, at))
    schedule = _schedule_of_arm(config, at, values.pop("schedule"))
    unread = GRID_KEYS if arm.segmentor == "implicit-pointrend" else IMPLICIT_KEYS
    values["network"] = _without(values["network"] | {"kind": arm.segmentor}, unread)
    if "points10" not in arm.pays:
        values["supervision"] = _without(values["supervision"], POINT_KEYS)
    return BoxStudentSettings(**values, schedule=schedule, seed=_training_seed(config, at))


def _schedule_of_arm(config: Study, at: Coordinates, schedule: Mapping[str, Any]) -> ScheduleSettings:
    """The length of a training for the arm and mix.

    Before files are read, nobody knows the share of masks in them: equal epochs are then the least there may be.
    """
    return ScheduleSettings(**schedule).scaled(at.the_arm.iterations(full_percent(config, at.mix) or 0.0))


def _without(values: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _strengthened(values: Mapping[str, Any], least: Mapping[str, float]) -> dict[str, Any]:
    """The augmentation, where it is weaker than `least` raised to that."""
    return {**values, **{key: max(values[key], low) for key, low in least.items()}}


def _detection(config: Study) -> dict[str, Any]:
    """Limit and inference of whatever detects without prompts."""
    return {"max_detections": config.evaluate.max_detections, "inference": _inference(config)}


def _score_thresholds(config: Study, at: Coordinates) -> Section:
    seed, key = _training_seed(config, at), _group_key(config, at)
    return ScoreThresholdsSettings(**_detection(config), folds=config.refiner.folds, fold_seed=seed, group_key=key)


def _evaluate(config: Study, at: Coordinates) -> Section:
    return EvaluateSettings(**_section(config.evaluate, at), inference=_inference(config))


RESOLVERS: dict[str, Callable[[Study, Coordinates], Section]] = {
    "prepare": lambda config, at: config.prepare,
    "generate": _generate,
    "check_images": lambda config, at: PrepareSettings(),  # images are checked alike, whatever `prepare` says
    "data_warnings": _data_warnings,
    "split": _split,
    "points": _points,
    "box_points": _box_points,
    "teacher": _teacher,
    "fold": _fold,
    "proposals": _proposals,
    "crops": _crops,
    "refiner": _refiner,
    "pseudo": _pseudo,
    "score_thresholds": _score_thresholds,
    "confident_labels": lambda config, at: ConfidentLabelsSettings(**_detection(config)),
    "oracle_mask": lambda config, at: OracleMaskSettings(),
    "student": _student,
    "box_student": _box_student,
    "box_pseudo": lambda config, at: BoxPseudoSettings(inference=_without_candidates(config, "nms_iou")),
    "evaluate": _evaluate,
    "predict_shown": lambda config, at: DetectionSettings(**_detection(config)),
    "quality": lambda config, at: config.quality,
    "report": lambda config, at: config.report,
}
GIVEN_RESOLVERS: dict[str, Callable[[Study, Coordinates], Section]] = {
    "take_given": _take_given,
    "split_given": lambda config, at: GivenSplitSettings(),
    "points_given": _points,
    "show_given": lambda config, at: config.quality,
}
"""Of the stages that half-labelled data sets have in the place of others."""
