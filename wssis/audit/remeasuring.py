"""Quality of pseudo masks computed once more from the masks: with the scores, what takes an audit its time."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from wssis.audit.contents import DAMAGE
from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.config.mask_stages import QualitySettings
from wssis.engine.mask_quality import MeasuredMasks, measure_masks, read_hidden
from wssis.engine.pseudo_quality import COLUMNS
from wssis.errors import InputError
from wssis.formats.json_file import read_json
from wssis.formats.table import read_table

OF_RUN = ("train", "weak", "hidden_ids")
"""Inputs that the arms of a run share."""


def measured(study: StudyFiles) -> list[StageRecord]:
    """The measurements whose masks, hidden masks and table are all here."""
    found = (record for record in study.records.values() if record.stage == "quality")
    return [record for record in found if all(one is not None and study.exists(one) for one in _files(record))]


def remeasured_findings(study: StudyFiles) -> Iterator[Finding]:
    """Tables of quality, shown images and counts that are not those of the masks."""
    hidden = lru_cache(maxsize=1)(read_hidden)
    order = sorted(measured(study), key=lambda record: (str(record.input("hidden_ids")), record.path))
    for record in tqdm(order, desc="quality", disable=None, leave=False):
        remedy = f"run {record.stage} again and what follows"
        try:
            files = {one.name: study.full(one.path) for one in record.inputs if one.path is not None}
            own = hidden(*(files[name] for name in OF_RUN))
            settings = QualitySettings.model_validate(record.settings)
            found = measure_masks(settings, own, files["pseudo"], files.get("proposals"))
            wrong = list(_differing(study, record, found))
        except (InputError, *DAMAGE) as error:
            wrong = [(record.path, f"cannot be computed again from its masks ({error})")]
        yield from (Finding(file, what, remedy) for file, what in wrong)


def _files(record: StageRecord) -> list[str | None]:
    """All that it read and wrote; None for a file from outside of the study."""
    return [*(one.path for one in record.inputs), *record.outputs]


def _differing(study: StudyFiles, record: StageRecord, found: MeasuredMasks) -> Iterator[tuple[str, str]]:
    """File, and what is other in it."""
    for path in record.outputs:
        if path.endswith(".csv"):
            yield from ((path, what) for what in _rows(study.full(path), found))
        elif read_json(study.full(path)) != found.shown:
            yield path, "is not what its masks give, computed again"
    yield from ((record.path, what) for what in _counts(record.counts, found.counts))


def _rows(path: Path, found: MeasuredMasks) -> Iterator[str]:
    again = [tuple("" if (cell := getattr(row, name)) is None else str(cell) for name in COLUMNS) for row in found.rows]
    said = [tuple(row) for row in read_table(path, COLUMNS)]
    other = [(one, two) for one, two in zip(said, again, strict=False) if one != two]
    if len(said) != len(again):
        yield f"has {len(said)} rows; computed again from its masks it has {len(again)}"
    if other:
        one, two = other[0]
        name, cell, value = next(pair for pair in zip(COLUMNS, one, two, strict=True) if pair[1] != pair[2])
        more = f" (and {len(other) - 1} further rows)" if len(other) > 1 else ""
        yield f"{name} of point {two[0]} is {cell}; computed again from its masks it is {value}{more}"


def _counts(said: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for name, value in found.items():
        if said.get(name) != value:
            yield f"counts: {name} is {said.get(name)}; computed again from its masks it is {value}"
