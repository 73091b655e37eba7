"""Refuse bad settings before anything runs: every problem at once, each with its key and the legal values."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from wssis.arms.registry import arms, with_teachers
from wssis.config.given_checks import given_problems
from wssis.config.half_labelled import GIVEN_MIX, stage_at
from wssis.config.merging import merged
from wssis.config.messages import problems_of, unknown_key
from wssis.config.mixes import ORACLE_MIX
from wssis.config.plan import run_mixes
from wssis.config.resolve import RESOLVERS, mix_of, resolve
from wssis.config.section import Section
from wssis.config.study import BASE, VARIABLE, ByMix, Study
from wssis.errors import InputError

EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
RESERVED_DATASETS = ("report",)
STUDENTS = ("student", "box_student")


def validate_study(raw: Mapping[str, Any]) -> Study:
    """The study that a merged configuration describes, with every stage's settings checked for every mix and arm.

    Raises:
        InputError: anything is illegal; one line per problem.
    """
    try:
        study = Study.model_validate_json(json.dumps(_numbers(raw), default=str), strict=True)
    except ValidationError as error:
        raise _refusal(problems_of(error, Study)) from None
    problems = list(_run_problems(study))
    if not problems:
        problems = [*_override_problems(study), *_variant_problems(study)]
    if not problems:
        problems = list(dict.fromkeys(_stage_problems(study)))
    if problems:
        raise _refusal(problems)
    return study


def _refusal(problems: Sequence[str]) -> InputError:
    head = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return InputError("\n".join([f"{head} in the study's settings:", *(f"  {problem}" for problem in problems)]))


def _numbers(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text (it wants 1.0e-3); everybody means the number."""
    if isinstance(value, Mapping):
        return {str(key): _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value


def _run_problems(study: Study) -> Iterator[str]:
    """What `run` lists: defined, legal, and each once."""
    for key, names in study.run.model_dump().items():
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"run.{key}: {name!r} is listed twice; each may occur once"
    for name in study.run.datasets:
        if name not in study.datasets:
            yield f"run.datasets: {name!r} is not defined; defined under datasets: {', '.join(sorted(study.datasets))}"
    for name in study.datasets:
        if name in RESERVED_DATASETS:
            yield f"datasets.{name}: this name is taken by the folder results/{study.study}/{name}; choose another"
    for name in study.run.arms:
        if name not in arms():
            yield f"run.arms: unknown arm {name!r}; legal: {', '.join(arms())}"
    if BASE not in study.run.variants:
        yield f"run.variants: {BASE} is missing; variants take from it all that they do not change"
    for name in study.run.variants:
        if name != BASE and name not in study.variants:
            yield f"run.variants: unknown variant {name!r}; legal: {', '.join([BASE, *sorted(study.variants)])}"
    for name in study.run.mixes:
        yield from _mix_problems(study, name, "run.mixes")
    yield from given_problems(study)


def _mix_problems(study: Study, name: str, key: str) -> Iterator[str]:
    if name == GIVEN_MIX:
        boxed = [arm for arm in study.run.arms if arm in arms() and "points10" in arms()[arm].pays]
        if boxed and key == "run.mixes":
            yield f"run.mixes: {name!r} has clicks but no boxes with points, which {', '.join(boxed)} cannot do without"
        return
    try:
        mix = mix_of(study, name)
    except ValueError as error:
        yield f"{key}: {error}"
        return
    if key != "run.mixes":
        return
    here = [arm for arm in map(arms().get, study.run.arms) if arm is not None and arm.mix != ORACLE_MIX]
    lacking = {
        "points (point: 0)": [arm.name for arm in here if "point" in arm.pays and mix.point == 0],
        "boxes with points (points10: 0, point: 0)": [
            arm.name for arm in here if "points10" in arm.pays and mix.boxed == 0
        ],
        "images with masks (full: 0)": [arm.name for arm in here if arm.needs_full and mix.full == 0],
    }
    for what, names in lacking.items():
        if names:
            yield f"run.mixes: {name!r} has no {what}, which {', '.join(names)} cannot do without"


def _override_problems(study: Study) -> Iterator[str]:
    """Each section as one mix has it, checked like the section itself."""
    for name, section in study:
        if not isinstance(section, ByMix):
            continue
        base = section.model_dump(mode="json", exclude={"by_mix"})
        for mix, overrides in section.by_mix.items():
            key = f"{name}.by_mix.{mix}"
            yield from _mix_problems(study, mix, key)
            if "by_mix" in overrides:
                yield f"{key}.by_mix: overrides do not nest"
                continue
            try:
                type(section).model_validate_json(json.dumps(merged(base, overrides)), strict=True)
            except ValidationError as error:
                yield from problems_of(error, type(section), key)


def _variant_problems(study: Study) -> Iterator[str]:
    """Each variant: of legal sections, and legal in itself."""
    if BASE in study.variants:
        yield f"variants.{BASE}: this name stands for the study's own settings; choose another"
    for name, overrides in study.variants.items():
        unknown = [section for section in overrides if section not in VARIABLE]
        for section in unknown:
            yield f"variants.{name}.{section}: {unknown_key(section, sorted(VARIABLE))}"
        if "temporary" in overrides.get("crops", {}):
            yield f"variants.{name}.crops.temporary: holds for the whole study; set it under crops"
        if not unknown and name != BASE:
            try:
                study.of_variant(name)
            except ValidationError as error:
                yield from problems_of(error, Study, f"variants.{name}")


def _stage_problems(study: Study) -> Iterator[str]:
    """Every stage's settings at every mix, arm and variant of the study."""
    for variant in study.run.variants:
        where = "" if variant == BASE else f" [variant {variant}]"
        yield from (f"{problem}{where}" for problem in _problems_of_one_variant(study.of_variant(variant)))


def _problems_of_one_variant(study: Study) -> Iterator[str]:
    seed = study.run.seeds[0]
    whole = ("prepare", "check_images", "data_warnings", "quality", "report", "evaluate", "generate")
    for mix in run_mixes(study):
        for stage in RESOLVERS:
            if stage in whole or (mix == ORACLE_MIX and stage not in ("split", *STUDENTS)):
                continue
            for arm in _arms_at(study, stage, mix):
                yield from _resolve_problems(study, stage_at(stage, mix), mix, seed, arm)


def _arms_at(study: Study, stage: str, mix: str) -> list[str | None]:
    """The arms whose settings of that stage differ; [None] where they do not."""
    if stage not in ("pseudo", *STUDENTS):
        return [None]
    here = [arm for arm in with_teachers(study.run.arms) if arms()[arm].trained_at(mix)]
    if stage in STUDENTS:
        return [arm for arm in here if arms()[arm].student == stage]
    return [arm for arm in here if stage in arms()[arm].rules]


def _resolve_problems(study: Study, stage: str, mix: str, seed: str, arm: str | None) -> Iterator[str]:
    where = f"at {mix}, arm {arm}" if arm else f"at {mix}"
    section = "teacher" if stage == "fold" else stage
    try:
        settings = resolve(study, stage, mix=mix, seed=seed, arm=arm, fold=0)
    except ValidationError as error:
        yield from (f"{problem} [{where}]" for problem in problems_of(error, Section, section))
        return
    given = getattr(settings, "checkpoint", None) is not None
    if stage == "teacher" and given and study.refiner.pairs == "snapshots" and _trains_refiner(study):
        yield (
            "refiner.pairs: snapshots needs a teacher that is trained here; those of teacher.checkpoint would be its "
            f"copies; legal with it: crossfit, corrupt [{where}]"
        )
    network = getattr(settings, "network", None)
    if stage == "teacher" and study.refiner.pairs == "snapshots" and _trains_refiner(study) and not given:
        if network.backbone.norm == "batch":
            yield (
                "teacher.network.backbone.norm: batch does not go with refiner.pairs: snapshots, of whose statistics"
                f" nobody made sure; legal with them: frozen [{where}]"
            )
    if network is not None and not given and network.backbone.freezes_untrained():
        key = f"{section}.network.backbone"
        yield (
            f"{key}.weights: none leaves nothing worth freezing; legal with norm: batch and frozen_stages: 0, "
            f"otherwise imagenet or a file [{where}]"
        )


def _trains_refiner(study: Study) -> bool:
    return any("refiner" in arms()[arm].rules for arm in study.run.arms)
