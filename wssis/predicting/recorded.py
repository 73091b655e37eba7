"""The settings that a study used a model with, from the manifests beside it; else from options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from wssis.config.mask_stages import CropsSettings, ProposalsSettings
from wssis.config.messages import problems_of
from wssis.config.section import Section
from wssis.config.segmentor_stages import EvaluateSettings
from wssis.config.study import BASE
from wssis.config.training import InferenceSettings
from wssis.engine.refining import load_refiner
from wssis.errors import InputError
from wssis.formats.manifest import digest_of, read_manifest
from wssis.predicting.model_kind import REFINER, SOLOV2, check_kind

SomeSection = TypeVar("SomeSection", bound=Section)
MAX_DETECTIONS = "max_detections"
OF_CROPS = {"crop_scale": "scale", "crop_min_side": "min_side"}
"""Options of the click mode -> keys of the crops' settings."""


class PointMaskSettings(Section):
    """From points to masks."""

    proposals: ProposalsSettings = ProposalsSettings()
    crops: CropsSettings = CropsSettings()
    flip: bool = Field(False, description="Average the refiner over the crop and its mirror image.")
    batch: int = Field(32, ge=1, description="Crops per forward pass.")


def evaluate_settings(model: Path, given: Mapping[str, Any]) -> tuple[EvaluateSettings, str]:
    """Inference as the model was evaluated, changed by what is given; and where it comes from, for people.

    Args:
        model: model.safetensors.
        given: keys of InferenceSettings, and max_detections.

    Raises:
        InputError: the file is no segmentor, no manifest tells the image size and none is given, or a value is illegal.
    """
    check_kind(model)
    manifest = model.with_name("evaluate.manifest.json")
    recorded = _recorded(manifest, "model", digest_of(model))
    if recorded is None and "short_side" not in given:
        beside = "no evaluate.manifest.json lies beside it"
        if manifest.is_file():
            beside = "the evaluate.manifest.json beside it is of another file"
        raise InputError(
            f"{model}: {beside}, and without its own the image size that it"
            " works at is unknown; give --short-side (px), and --long-side, --score-threshold and the like if need be"
        )
    base = recorded or {}
    inference = {**base.get("inference", {}), **_only(given, InferenceSettings)}
    limit = {MAX_DETECTIONS: given[MAX_DETECTIONS]} if MAX_DETECTIONS in given else {}
    source = "the package's defaults" if recorded is None else str(manifest)
    return valid(EvaluateSettings, {**base, **limit, "inference": inference}), source


def point_mask_settings(
    teacher: Path, refiner: Path | None, given: Mapping[str, Any]
) -> tuple[PointMaskSettings, list[str]]:
    """Settings from points to masks, as the study of these models had them, changed by what is given.

    Looked for in the run of the refiner or teacher, and in base's: the manifests of the weak proposals and of the
    evaluation (teacher), of the crops the refiner was trained on and of a pseudo set it made. Each counts only where
    its digest is that of the model's file. The side of a crop, and whether rough masks are soft, is in the refiner's.

    Returns the settings, and where they come from, for people.

    Raises:
        InputError: a file is no such model, no manifest tells the teacher's image size and none is given, or a value is
            illegal.
    """
    check_kind(teacher, [SOLOV2])
    if refiner is not None:
        check_kind(refiner, [REFINER])
    proposals, source = _proposals(teacher, refiner)
    if proposals is None:
        evaluated, source = evaluate_settings(teacher, given)
        proposals = {"inference": evaluated.inference.model_dump()}
    sources = [f"proposals: {source}"]
    inference = {**proposals["inference"], **_only(given, InferenceSettings)}
    chosen = _only(given, ProposalsSettings, ("selection",))
    values: dict[str, Any] = {"proposals": {**proposals, **chosen, "inference": inference}}
    if refiner is not None:
        crops, crop_source = _crops(refiner)
        refining, refine_source = _refining(refiner)
        changed = {key: given[option] for option, key in OF_CROPS.items() if option in given}
        trained = load_refiner(refiner)
        changed |= {"size": trained.crop_size, "rough": trained.rough}
        values["proposals"]["rough"] = trained.rough
        values |= {"crops": {**crops, **changed}, **refining, **_only(given, PointMaskSettings, ("flip",))}
        sources += [f"crops: {crop_source}", f"refining: {refine_source}"]
    return valid(PointMaskSettings, values), sources


def median_boxes_file(refiner: Path) -> Path | None:
    """full.json of the study that the refiner is from, unchanged; None where it is not there."""
    manifest = _crops_manifest(refiner)
    if manifest is None:
        return None
    recorded = _manifest(manifest)["inputs"].get("median_boxes_from", {}).get("sha256")
    files = (home / "full.json" for home in _homes(refiner))
    return next((file for file in files if file.is_file() and digest_of(file) == recorded), None)


def _homes(model: Path) -> list[Path]:
    """Where a run may have what a model was used with: its folder, of an arm's own round the run's too; then base's."""
    here = model.parent.parent
    of_arm = here.parent.name == "arms"
    run, inside = (here.parent.parent, here.relative_to(here.parent.parent)) if of_arm else (here, Path())
    base = run.parent / BASE
    return list(dict.fromkeys([here, run, base / inside, base]))


def _proposals(teacher: Path, refiner: Path | None) -> tuple[dict[str, Any] | None, str]:
    """Those that led to the refiner's crops come first: a variant may have had others than base with one teacher."""
    digest = digest_of(teacher)
    homes = [*(_homes(refiner) if refiner is not None else []), *_homes(teacher)]
    for home in dict.fromkeys(homes):
        manifest = home / "proposals/weak.json.manifest.json"
        recorded = _recorded(manifest, "teacher", digest)
        if recorded is not None:
            return recorded, str(manifest)
    return None, ""


def _crops(refiner: Path) -> tuple[dict[str, Any], str]:
    manifest = _crops_manifest(refiner)
    return ({}, "the package's defaults") if manifest is None else (_manifest(manifest)["settings"], str(manifest))


def _crops_manifest(refiner: Path) -> Path | None:
    """Manifest of the crops that the refiner was trained on, as the refiner's own manifest names their digest."""
    own = refiner.with_name("manifest.json")
    if not own.is_file():
        return None
    trained = _manifest(own)
    if trained["outputs"].get(refiner.name) != digest_of(refiner):
        return None
    wanted = trained["inputs"].get("crops", {}).get("sha256")
    found = (home / "crops/full.zarr.manifest.json" for home in _homes(refiner))
    return next((m for m in found if m.is_file() and read_manifest(m)["outputs"].get("full.zarr") == wanted), None)


def _refining(refiner: Path) -> tuple[dict[str, Any], str]:
    digest = digest_of(refiner)
    for manifest in sorted((refiner.parent.parent / "pseudo").glob("*.manifest.json")):
        recorded = _recorded(manifest, "refiner", digest)
        if recorded is not None:
            return {key: recorded[key] for key in ("flip", "batch")}, str(manifest)
    return {}, "the package's defaults"


def _recorded(manifest: Path, name: str, digest: str) -> dict[str, Any] | None:
    """Settings of a manifest whose input `name` has this digest; None where there is none."""
    if not manifest.is_file():
        return None
    content = _manifest(manifest)
    return content["settings"] if content["inputs"].get(name, {}).get("sha256") == digest else None


def _manifest(path: Path) -> dict[str, Any]:
    """A manifest with settings and inputs.

    Raises:
        InputError: it lacks them.
    """
    content = read_manifest(path)
    for key in ("settings", "inputs"):
        if not isinstance(content.get(key), dict):
            raise InputError(f"{path}: not a manifest (no {key} listed); delete it and run its stage again")
    return content


def _only(given: Mapping[str, Any], model: type[Section], keys: tuple[str, ...] = ()) -> dict[str, Any]:
    wanted = keys or tuple(model.model_fields)
    return {key: value for key, value in given.items() if key in wanted}


def valid(model: type[SomeSection], values: Mapping[str, Any]) -> SomeSection:
    """The settings with these values.

    Raises:
        InputError: one line per problem, naming the key and what is legal.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InputError("\n".join(["settings:", *(f"  {line}" for line in problems_of(error, model))])) from None
