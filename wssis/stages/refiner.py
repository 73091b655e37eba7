"""train-refiner: MaskRefineNet on the pairs of the full side; or an imported one in its place."""

import json
from pathlib import Path

from wssis.config.locations import weight_files
from wssis.config.mask_stages import RefinerSettings
from wssis.engine.distributed import on_main, this_world
from wssis.engine.refiner_task import RefinerTask
from wssis.engine.refining import check_fits, load_refiner, refiner_metadata
from wssis.engine.state import state_folder
from wssis.engine.trainer import METRICS, MODEL, TrainSummary, train
from wssis.errors import InputError
from wssis.formats.atomic import write_text
from wssis.formats.checkpoint import load_model, save_model
from wssis.formats.crop_store import CropStore
from wssis.formats.imagenet_file import imagenet_facts
from wssis.formats.manifest import StageRun, digest_of
from wssis.provenance import code_digest


def run(
    settings: RefinerSettings, crops: Path, state_root: Path, out: Path, workers: int = 0, tensorboard: bool = False
) -> None:
    """Train the refiner; writes model.safetensors, metrics.jsonl and manifest.json into `out`.

    With `settings.checkpoint` nothing is trained: the model is that checkpoint, metrics.jsonl is empty, and the
    manifest has the checkpoint's digest.

    Args:
        crops: crops/full.zarr.
        state_root: where the resume state lives.
        workers: processes that read crops; 0: the training process itself.
        tensorboard: write TensorBoard's event files beside metrics.jsonl; they are no outputs.

    Raises:
        InputError: the store has no pairs, the settings or the checkpoint do not fit it, or a loss is not finite.
    """
    out = Path(out)
    inputs = {"crops": Path(crops)}
    inputs |= {name: Path(file) for name, file in weight_files(settings).items()}
    with on_main(StageRun("refiner", out / "manifest.json", settings, inputs)) as stage:
        store = CropStore(crops)
        _check(store, settings)
        if settings.checkpoint is not None:
            _import(Path(settings.checkpoint), store, out)
            stage.counts.update(imported=digest_of(Path(settings.checkpoint)), training_images="unknown")
        else:
            summary = _train(settings, store, inputs, Path(state_root), out, workers, tensorboard)
            stage.counts.update(summary.counts() | imagenet_facts(settings.network.backbone))
            stage.discard(summary.state)
        stage.counts.update(pairs=len(store), objects=len(set(store.table.point_id.tolist())))
        stage.output(out / MODEL, out / METRICS)


def _check(store: CropStore, settings: RefinerSettings) -> None:
    """Refuse a store that cannot be trained on, or whose heat maps are not the ones this network draws."""
    layout, network = store.layout, settings.network
    if not layout.has_target or not len(store):
        raise InputError(f"{store.path}: has no pairs to train on; run propose and crops on the full side")
    stored, drawn = (layout.heatmap_sigma, layout.heatmap_radius), (network.heatmap_sigma, network.heatmap_radius)
    if settings.checkpoint is None and stored != drawn:
        message = f"{store.path}: its heat maps have sigma, radius {stored}, the refiner's settings say {drawn}"
        raise InputError(f"{message}; give crops the refiner's values")


def _train(
    settings: RefinerSettings, store: CropStore, inputs: dict[str, Path], state_root: Path, out: Path, workers: int,
    tensorboard: bool,
) -> TrainSummary:  # fmt: skip
    state = state_folder(state_root, "refiner", settings, inputs, code_digest("refiner"), out)
    metadata = refiner_metadata(settings.network, store.layout)
    task = RefinerTask(store, settings)
    return train(
        task, settings.schedule, settings.optimizer, settings.seed, out, state, metadata,
        workers=workers, tensorboard=tensorboard,
    )  # fmt: skip


def _import(checkpoint: Path, store: CropStore, out: Path) -> None:
    """Write the checkpoint as the model, if it is a refiner of the same classes and crop side.

    An imported checkpoint may know other category ids; its classes must have the same names in the same order.
    """
    refiner = load_refiner(checkpoint)
    found, expected = ([one["name"] for one in side] for side in (refiner.categories, store.layout.categories))
    if found != expected:
        raise InputError(f"{checkpoint}: its classes {found} are not those of {store.path}, {expected}, in this order")
    if not this_world().main:
        return
    weights, metadata = load_model(checkpoint)
    categories = json.dumps(store.layout.categories, ensure_ascii=False)
    metadata = {**metadata, "categories": categories, "imported": digest_of(checkpoint)}
    save_model(out / MODEL, weights, metadata)
    write_text(out / METRICS, "")
    check_fits(load_refiner(out / MODEL), store, checkpoint)
