"""wssis trace: where an artifact comes from, as a tree."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from wssis.audit.digests import short
from wssis.audit.finding import some
from wssis.audit.study_files import StageRecord, StudyFiles, is_study, read_study_files, study_around
from wssis.audit.values import flat, word
from wssis.config.resolve import settings_read
from wssis.errors import InputError

WORTH_KNOWING = {
    "prepare": ("zero_area",), "take_given": ("val_share", "val_seed"), "points_given": ("strategy", "drift"),
    "generate": ("size", "train_images", "classes"),
    "split": ("method", "full_percent", "unlabelled_percent"), "points": ("strategy", "drift"),
    "teacher": ("network.backbone.name", "schedule.iterations", "checkpoint"),
    "fold": ("fold", "folds", "schedule.iterations"), "student": ("network.backbone.name", "schedule.iterations"),
    "proposals": ("selection", "filter", "rough", "pairs", "corrupt_seed"), "crops": ("size", "scale", "rough"),
    "pseudo": ("masks", "flip", "ignore_band"), "score_thresholds": ("folds", "max_detections"),
    "confident_labels": ("max_detections",),
    "refiner": ("network.backbone.name", "schedule.iterations", "checkpoint"),
    "evaluate": ("max_detections", "inference.nms"), "predict_shown": ("max_detections",), "report": ("bootstrap",),
}  # fmt: skip
"""Settings that the tree names, by stage; and the seed, where there is one."""
SHORT_NAMES = {
    "network.backbone.name": "backbone", "schedule.iterations": "iterations", "inference.nms": "nms",
    "full_percent": "full %", "unlabelled_percent": "unlabelled %",
}  # fmt: skip
MANY_GIVEN = 3
"""Given files of one artifact that are listed one by one."""


@dataclass(frozen=True)
class Ancestor:
    """An artifact, or a file given from outside, and what it was made from.

    Attributes:
        name: as what its reader took it: the name of the input.
        path: relative to the study's folder, or as recorded, of a given file.
        sha256: as the reader recorded it; of the artifact asked for, as its manifest says.
        record: the manifest that lists it; None for a given file, or where it is gone.
        made_from: its inputs.
        asked: a file in it that was asked for, relative to the study's folder, where it is a folder listed as a whole.
    """

    name: str
    path: str
    sha256: str
    record: StageRecord | None
    made_from: tuple["Ancestor", ...] = ()
    asked: str = ""

    @property
    def said(self) -> str:
        """Digest by the manifest that lists it."""
        return self.sha256 if self.record is None else self.record.outputs[self.path]


def ancestry(path: Path) -> Ancestor:
    """The artifact at `path` with all it was made from, by the manifests of its study.

    A file in a folder that a manifest lists as a whole stands for that folder.

    Raises:
        InputError: it is not there, or in no study, or no manifest lists it.
    """
    root = _study_of(path)
    study = read_study_files(root)
    name = path.resolve().relative_to(root).as_posix()
    if name in study.records:  # Of a manifest: of the first output it stands for.
        name = next(iter(study.records[name].outputs), name)
    listed = _listed(study, name)
    if listed is None or not (listed == name or path.exists()):
        raise InputError(f"{path}: {_unlisted(path)}")
    found = _ancestor(study, "", listed, study.producers[listed].outputs[listed], {})
    return found if listed == name else replace(found, asked=name)


def _study_of(path: Path) -> Path:
    """The study's folder around an artifact.

    Raises:
        InputError: it is in none, not there, or the folder itself.
    """
    try:
        return study_around(path)
    except InputError:
        if not path.exists():
            raise InputError(f"{path}: not found; correct the path") from None
        if path.is_dir() and is_study(path):
            raise InputError(f"{path}: the folder of a study; give an artifact in it") from None
        raise


def _listed(study: StudyFiles, name: str) -> str | None:
    """The output that a file is, or the nearest folder around it that is an output; None where no manifest has it."""
    around = (name, *(parent.as_posix() for parent in PurePosixPath(name).parents))
    return next((one for one in around if one in study.producers), None)


def _unlisted(path: Path) -> str:
    if not path.exists():
        return "not found, and no manifest lists it; correct the path"
    if path.is_dir():
        return "a folder that no manifest lists; give an artifact in it"
    return "no manifest lists it, so nothing is known of its origin; wssis audit tells more"


def _ancestor(
    study: StudyFiles, name: str, path: str, sha256: str, known: dict[str, tuple[Ancestor, ...]]
) -> Ancestor:
    """known: what artifacts are made from, as far as it has been followed."""
    record = study.producers.get(path)
    if record is not None and path not in known:
        known[path] = ()  # Manifests that lead back to themselves end here.
        known[path] = tuple(
            Ancestor(one.name, one.recorded, one.sha256, None)
            if one.path is None
            else _ancestor(study, one.name, one.path, one.sha256, known)
            for one in record.inputs
        )
    return Ancestor(name, path, sha256, record, known.get(path, ()))


def tree(root: Ancestor) -> str:
    """The ancestry as indented lines: input, file, stage, digest, settings; what was shown before is not unfolded."""
    return "\n".join([*asked_of(root), *_lines(root, "", "", set())])


def asked_of(one: Ancestor) -> list[str]:
    """Which file was asked for, where its folder is what is traced."""
    return [f"{one.asked} is in {one.path}, which its manifest lists as a whole:"] if one.asked else []


def _lines(one: Ancestor, first: str, rest: str, shown: set[str]) -> Iterator[str]:
    again = one.path in shown and one.record is not None
    yield first + (f"{_file(one)}  (above)" if again else _described(one))
    if again:
        return
    shown.add(one.path)
    given = [parent for parent in one.made_from if parent.record is None]
    parents = [parent for parent in one.made_from if parent.record is not None or len(given) <= MANY_GIVEN]
    for place, parent in enumerate(parents):
        last = place == len(parents) - 1
        yield from _lines(parent, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), shown)
    if len(given) > MANY_GIVEN:
        yield f"{rest}└─ {len(given)} given files: {some((parent.name for parent in given), 3)}"


def _file(one: Ancestor) -> str:
    """Input's name, path and digest; and where the digest is not the one that its reader had."""
    broken = "" if one.said == one.sha256 else f"  BROKEN: its reader had {short(one.sha256)}"
    return f"{f'{one.name}: ' if one.name else ''}{one.path}  {short(one.said)}{broken}"


def _described(one: Ancestor) -> str:
    if one.record is None:
        return f"{_file(one)}  given"
    settings = flat(settings_read(one.record.content))
    keys = [key for key in (*WORTH_KNOWING.get(one.record.stage, ()), "seed") if settings.get(key) is not None]
    told = ", ".join(f"{SHORT_NAMES.get(key, key)} {word(settings[key])}" for key in keys)
    return f"{_file(one)}  {one.record.stage}{f' ({told})' if told else ''}"
