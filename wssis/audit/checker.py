"""What every check of a manifest starts from: the facts of its inputs and outputs, and ids compared as sets.

A file that is not there or cannot be read, which is told elsewhere, has no facts; asking for them is `Unknown`, which
ends the check.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from wssis.audit.coco_facts import CocoFacts
from wssis.audit.contents import Facts
from wssis.audit.finding import Finding, some
from wssis.audit.study_files import StageRecord, StudyFiles


class Unknown(Exception):
    """There are no facts of a file."""


class Checker:
    """The checks of one manifest."""

    def __init__(self, study: StudyFiles, record: StageRecord, facts: Facts) -> None:
        self.study, self.record, self._facts = study, record, facts

    @property
    def folder(self) -> str:
        """Folder of the manifest."""
        return self.record.path.rpartition("/")[0]

    def of(self, name: str) -> Any:
        """Facts of an input.

        Raises:
            Unknown: there are none.
        """
        return self._known(self.record.input(name))

    def made(self, name: str) -> Any:
        """Facts of an output, by its name relative to the manifest.

        Raises:
            Unknown: there are none.
        """
        return self._known(f"{self.folder}/{name}")

    def _known(self, path: str | None) -> Any:
        if path not in self._facts:
            raise Unknown(path)
        return self._facts[path]

    def output(self, suffix: str) -> str:
        """Path of the output that ends so.

        Raises:
            Unknown: there is none.
        """
        for path in self.record.outputs:
            if path.endswith(suffix):
                return path
        raise Unknown(suffix)

    def wrong(self, file: str, what: str) -> Finding:
        """A finding whose remedy is to run this stage again."""
        return Finding(file, what, f"run {self.record.stage} again and what follows")

    def counts(self, found: Mapping[str, int | float]) -> Iterator[Finding]:
        """Counts of the manifest against what the files hold."""
        for key, number in found.items():
            said = self.record.counts.get(key, 0)
            if said != number:
                yield self.wrong(self.record.path, f"counts: {key} is {said}, the files have {number}")

    def same_sizes(self, file: str, made: CocoFacts, train: CocoFacts) -> Iterator[Finding]:
        """Images of a file made from train.json whose size there is another."""
        odd = sorted(one for one, size in made.images.items() if train.images.get(one, size) != size)
        if odd:
            yield self.wrong(file, f"{len(odd)} images have another size than in train.json: {some(odd)}")

    def same_masks(
        self, file: str, part: tuple[np.ndarray, np.ndarray], source: CocoFacts, where: str
    ) -> Iterator[Finding]:
        """Masks that a file has from another, and that are others there.

        part: ids (N,) in `source`, and the fingerprints (N,) of their masks; ids that are not there are told elsewhere.
        """
        ids, masks = part
        known, places = found_in(source.id, ids)
        odd = ids[known][masks[known] != source.mask[places]]
        if len(odd):
            yield self.wrong(file, f"{len(odd)} masks are not those of {where}: {some(odd)}")

    def same(
        self, file: str, what: str, found: Iterable[Any], expected: Iterable[Any], where: str
    ) -> Iterator[Finding]:
        """Two sets of ids that should be one: what is missing in `file`, and what is too many."""
        if missing := without(expected, found):
            yield self.wrong(file, f"{len(missing)} {what} of {where} are missing: {some(missing)}")
        if more := without(found, expected):
            yield self.wrong(file, f"{len(more)} {what} are not in {where}: {some(more)}")


def without(ids: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """The ids that are not among the others, sorted."""
    if isinstance(ids, np.ndarray) and isinstance(others, np.ndarray):
        return np.sort(ids[~np.isin(ids, others)]).tolist()
    return sorted(set(ids) - set(others))


def until_unknown(record: StageRecord, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a check up to the first file without facts; a manifest that lacks a setting, or names an input of
    another kind, is a finding, too."""
    try:
        yield from findings
    except Unknown:
        return
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"its settings, or an artifact of it, cannot be checked ({error!r})"
        yield Finding(record.path, what, f"run {record.stage} again, or audit with the version that ran")


def tally(facts: CocoFacts) -> tuple[int, int, int]:
    """Images, objects, crowd regions."""
    crowd = int(facts.crowd.sum())
    return len(facts.images), len(facts.id) - crowd, crowd


def places_in(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where in `ids`, all different, the wanted ones stand."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]


def found_in(ids: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the wanted ids (N,) there are, bool (N,), and where; none where `ids` repeats one, told elsewhere."""
    known = np.isin(wanted, ids)
    if len(pd.unique(ids)) != len(ids):
        known[:] = False
    return known, places_in(ids, wanted[known])
