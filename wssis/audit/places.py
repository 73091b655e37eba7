"""Where an artifact lies in a study, and what may lie there."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from wssis.formats.strays import STRAYS

MANIFEST_SUFFIX = "manifest.json"
RUN_DEPTH = 4
"""Folders of a run below its study: data set, mix, seed, variant."""
SHARED_VARIANT = "base"
NO_ARTIFACTS = re.compile("|".join([*map(re.escape, STRAYS), r"events\.out\.tfevents.*"]))
"""Names of files that no manifest lists: Snakemake's mark, TensorBoard's event files."""
HASHED_ALONE = re.compile(r"report/.*|[^/]+/images/(train|val)|.*/quality/[^/]+\.(shown|predictions)\.json")
"""Outputs whose content nothing is computed from: an audit looks at their digests alone."""
PACKED = ("split.csv", "thresholds.csv", "scores.json", "metrics.jsonl")
"""Names of artifacts that go into an archive of a study, beside manifests and the report."""
REPORT = "report"
"""Folder of the report, beside those of the data sets."""
UNFINISHED = re.compile(r"\.tmp-.*")
"""Names of what a killed run was writing."""
PREDICTED = ("predict.manifest.json", "predict_points.manifest.json", ".predicted.jsonl", ".masked.jsonl")
"""Names of what `wssis predict` leaves in its folder: its manifests, and while it runs its logs."""
STAGES = (
    (r"[^/]+/prepare\.manifest\.json", ("prepare", "generate", "take_given")),
    (r"[^/]+/images\.csv\.manifest\.json", ("check_images",)),
    (r"[^/]+/data_warnings\.json\.manifest\.json", ("data_warnings",)),
    (r"RUN/split\.manifest\.json", ("split", "split_given")),
    (r"RUN/points\.manifest\.json", ("points", "points_given")),
    (r"RUN/box_points\.manifest\.json", ("box_points",)),
    (r"RUN/teacher/manifest\.json", ("teacher",)),
    (r"RUN/folds/\d+/manifest\.json", ("fold",)),
    (r"RUN/(arms/[^/]+/)?proposals/(full|weak)\.json\.manifest\.json", ("proposals",)),
    (r"RUN/(arms/[^/]+/)?crops/(full|weak)\.zarr\.manifest\.json", ("crops",)),
    (r"RUN/(arms/[^/]+/)?refiner/manifest\.json", ("refiner",)),
    (r"RUN/arms/[^/]+/thresholds\.csv\.manifest\.json", ("score_thresholds",)),
    (r"RUN/pseudo/[^/]+\.json\.manifest\.json", ("pseudo", "oracle_mask", "confident_labels", "box_pseudo")),
    (r"RUN/students/[^/]+/manifest\.json", ("student", "box_student")),
    (r"RUN/(teacher|students/[^/]+)/evaluate\.manifest\.json", ("evaluate",)),
    (r"RUN/quality/[^/]+\.csv\.manifest\.json", ("quality",)),
    (r"RUN/quality/[^/]+\.shown\.json\.manifest\.json", ("show_given",)),
    (r"RUN/quality/[^/]+\.predictions\.json\.manifest\.json", ("predict_shown",)),
    (r"report/manifest\.json", ("report",)),
)


@dataclass(frozen=True)
class Place:
    """Coordinates of an artifact in its study; `rest` is its path below the run, or below the data set."""

    dataset: str
    run: str | None
    rest: str

    @property
    def arm(self) -> str | None:
        """The arm in whose folder it lies: what an arm shares with no other, such as a second round's proposals."""
        return self._folder_in("arms")

    @property
    def student(self) -> str | None:
        """The arm whose student's folder it lies in."""
        return self._folder_in("students")

    def _folder_in(self, parent: str) -> str | None:
        first, *parts = self.rest.split("/")
        return parts[0] if first == parent and len(parts) > 1 else None

    @property
    def below(self) -> str:
        """`rest` without the arm's folder.

        >>> Place("shapes", "shapes/10pct/s0/base", "arms/wssis-2/proposals/weak.csv").below
        'proposals/weak.csv'
        """
        return self.rest if self.arm is None else self.rest.split("/", 2)[2]

    @property
    def mix(self) -> str | None:
        """The run's mix."""
        return None if self.run is None else self.run.split("/")[1]

    @property
    def variant(self) -> str | None:
        """The run's last folder."""
        return None if self.run is None else self.run.rpartition("/")[2]

    @property
    def base(self) -> str | None:
        """The run with the variant `base`, whose outputs other variants use."""
        return None if self.run is None else f"{self.run.rpartition('/')[0]}/{SHARED_VARIANT}"


def place_of(path: str) -> Place:
    """The place of a path relative to the study's folder.

    >>> place_of("shapes/10pct/s0/base/teacher/scores.json")
    Place(dataset='shapes', run='shapes/10pct/s0/base', rest='teacher/scores.json')
    >>> place_of("shapes/train.json")
    Place(dataset='shapes', run=None, rest='train.json')
    """
    parts = PurePosixPath(path).parts
    if len(parts) > RUN_DEPTH and re.fullmatch(r"s\d+", parts[2]):
        return Place(parts[0], "/".join(parts[:RUN_DEPTH]), "/".join(parts[RUN_DEPTH:]))
    return Place(parts[0], None, "/".join(parts[1:]))


def stages_at(manifest: str) -> tuple[str, ...] | None:
    """Stages whose manifest may lie there; None for a place that is not known here."""
    for pattern, stages in STAGES:
        if re.fullmatch(pattern.replace("RUN", "[^/]+/[^/]+/[^/]+/[^/]+"), manifest):
            return stages
    return None


def is_packed(path: str) -> bool:
    """Whether an artifact goes into archives."""
    return path.rpartition("/")[2] in PACKED or path.startswith(f"{REPORT}/")


def is_manifest(name: str) -> bool:
    """Whether a file of that name is a manifest."""
    return name == MANIFEST_SUFFIX or name.endswith(f".{MANIFEST_SUFFIX}")
