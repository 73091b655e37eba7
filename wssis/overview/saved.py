"""What trainings saved to resume from: the states of this study's trainings as they are set now, and all others."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wssis.config.jobs import TRAININGS, Job
from wssis.config.locations import data_set_folder, weight_files
from wssis.config.resolve import full_percent
from wssis.config.study import Study
from wssis.overview.table import duration, size
from wssis.provenance import code_digest

NAMES = {
    "teacher": "teacher", "fold": "fold teacher", "refiner": "refiner", "student": "student",
    "box_student": "student (boxes)",
}  # fmt: skip
"""Stage -> what it trains."""
BOXES = "box_points.json"
LABELS = {"split.manifest.json": "full.json", "box_points.manifest.json": BOXES}
"""Manifest -> the file in it that trainings read, where it has another name."""


@dataclass(frozen=True)
class SavedState:
    """One folder below results/.state: the stage that saved it, its bytes, and when (Unix time)."""

    folder: Path
    stage: str
    bytes: int
    saved: float


def saved_states(root: Path) -> list[SavedState]:
    """All states on disk."""
    return [_state(folder) for folder in sorted(root.glob("*/*")) if folder.is_dir() and any(folder.iterdir())]


def _state(folder: Path) -> SavedState:
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    saved = max((file.st_mtime for file in files), default=folder.stat().st_mtime)
    return SavedState(folder, folder.parent.name, sum(file.st_size for file in files), saved)


def own_states(study: Study, jobs: Sequence[Job], finished: Collection[str], root: Path) -> dict[Path, Job]:
    """Folder of its state -> training of the study that is not finished and has all its inputs.

    Imports PyTorch, by the one function that knows the folder.
    """
    from wssis.engine.state import state_folder

    found = {}
    for job in jobs:
        if job.rule not in TRAININGS or job.manifest in finished:
            continue
        inputs = training_inputs(study, job)
        if all(path.exists() for path in inputs.values()):
            code = code_digest(job.stage)
            found[state_folder(root, job.stage, job.settings(study), inputs, code, Path(job.folder))] = job
    return found


def training_inputs(study: Study, job: Job) -> dict[str, Path]:
    """Name -> file or store that a training's stage is given, as it names them in its manifest."""
    given = {name: Path(path) for name, path in weight_files(job.settings(study)).items()}
    files = [_read(Path(manifest)) for manifest in job.before]
    if job.stage == "refiner":
        return {"crops": files[0], **given}
    given["images_table"] = Path(data_set_folder(study, job.dataset or "")) / "images.csv"
    masks = "training_set" if job.stage == "student" else "full"
    named = {"box_points" if path.name == BOXES else masks: path for path in files}
    if job.stage == "box_student" and full_percent(study, job.mix) == 0:
        del named[masks]  # Its rule asks for the split all the same, which has no masks.
    return named | given


def _read(manifest: Path) -> Path:
    return manifest.with_name(LABELS.get(manifest.name, manifest.name.removesuffix(".manifest.json")))


def saved(states: Sequence[SavedState], own: Mapping[Path, Job], now: float) -> Iterator[str]:
    """One line per state of the study's own trainings, and one that counts the others."""
    for state in states:
        if state.folder in own:
            where = "/".join(own[state.folder].folder.split("/")[2:])
            age = duration(now - state.saved)
            yield f"saved to resume from: {NAMES[state.stage]}, {where}, {size(state.bytes)}, {age} ago"
    others = [state for state in states if state.folder not in own]
    if others:
        counted = Counter(NAMES.get(state.stage, state.stage) for state in others)
        words = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counted.items())
        yield f"saved by other studies, or with other settings, data or code: {words}, {size(_bytes(others))}"
        yield f"  They may be removed where no such study is to go on: {others[0].folder.parent.parent}/"


def _bytes(states: Sequence[SavedState]) -> int:
    return sum(state.bytes for state in states)
