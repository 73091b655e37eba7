"""What every artifact holds, read once: facts by path. Files that cannot be read become findings."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from tqdm import tqdm

from wssis.audit.checkpoint_facts import checkpoint_facts
from wssis.audit.coco_facts import coco_facts, kind_of
from wssis.audit.finding import Finding
from wssis.audit.ledger_facts import ledger_facts
from wssis.audit.places import place_of
from wssis.audit.quality_facts import quality_facts
from wssis.audit.study_files import StudyFiles
from wssis.audit.threshold_facts import threshold_facts
from wssis.errors import InputError
from wssis.formats.crop_store import CropStore
from wssis.formats.image_facts import read_image_facts
from wssis.formats.images_table import COLUMNS as IMAGE_COLUMNS
from wssis.formats.json_text import loads
from wssis.formats.metrics_file import parse_metrics
from wssis.formats.points import HIDDEN_COLUMNS, POINT_COLUMNS, read_full_points
from wssis.formats.scores import read_score_table, read_scores
from wssis.formats.split import COLUMNS as SPLIT_COLUMNS
from wssis.formats.split import read_split
from wssis.formats.table import read_table
from wssis.formats.warnings_file import read_warnings
from wssis.process_pool import process_pool

Facts = dict[str, Any]
DAMAGE = (ArithmeticError, ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, SafetensorError)
"""What reading a damaged file may raise, besides InputError."""
LARGE = 2**26
"""Bytes of contents from which worker processes are worth their start."""


def read_contents(study: StudyFiles, workers: int = 0) -> tuple[Facts, list[Finding]]:
    """Path of an output -> what is known of its content; and what cannot be read, or breaks its form.

    workers: processes that read the contents of a large study; the result does not depend on it.
    """
    sizes = {path: study.sizes.get(path, 0) for path in study.producers if reader_of(path) and study.exists(path)}
    wanted = sorted(sizes, key=lambda path: (-sizes[path], path))
    jobs = [(study.full(path), path) for path in wanted]
    facts: Facts = {}
    findings: list[Finding] = []
    if workers and sum(sizes.values()) >= LARGE:
        with process_pool(workers) as pool:
            outcomes = list(tqdm(pool.map(_outcome, jobs), total=len(jobs), desc="contents", disable=None, leave=False))
    else:
        outcomes = [_outcome(job) for job in tqdm(jobs, desc="contents", disable=None, leave=False)]
    for path, (found, problems) in sorted(zip(wanted, outcomes, strict=True), key=lambda one: one[0]):
        remedy = f"run {study.producers[path].stage} again"
        facts |= {} if found is None else {path: found}
        findings += [Finding(path, problem, remedy) for problem in problems]
    return facts, findings


def _outcome(job: tuple[Path, str]) -> tuple[Any, list[str]]:
    """Facts of a file, None where it cannot be read; and what is wrong with it."""
    file, path = job
    reader = reader_of(path)
    try:
        found = reader(file) if reader else None
    except InputError as error:
        return None, [str(error).removeprefix(f"{file}: ").partition(";")[0]]
    except DAMAGE as error:
        return None, [f"does not hold what it should ({error!r})"]
    return found, list(_problems(found))


def reader_of(path: str) -> Callable[[Path], Any] | None:
    """How to read the artifact at a place of a study; None for what an audit only hashes."""
    rest = place_of(path).below
    name = rest.rpartition("/")[2]
    if kind := kind_of(rest):
        return lambda file: coco_facts(file, kind)
    if rest in ("proposals/full.csv", "proposals/weak.csv"):
        return ledger_facts
    if rest.startswith("quality/") and name.endswith(".csv"):
        return quality_facts
    by_name: dict[str, Callable[[Path], Any]] = {
        "split.csv": lambda file: _by_id(file, SPLIT_COLUMNS, read_split),
        "given.csv": lambda file: _by_id(file, SPLIT_COLUMNS, read_split),
        "full_points.csv": lambda file: _by_id(file, POINT_COLUMNS, read_full_points),
        "hidden_ids.csv": _hidden_ids,
        "box_hidden_ids.csv": _hidden_ids,
        "images.csv": lambda file: read_table(file, IMAGE_COLUMNS),
        "image_facts.csv": read_image_facts,
        "data_warnings.json": read_warnings,
        "thresholds.csv": threshold_facts,
        "metrics.jsonl": read_metrics,
        "scores.json": read_scores,
        "scores.csv": read_score_table,
        "curves.json": lambda file: loads(file.read_bytes()),
        "detections.json": read_detections,
    }
    if name in by_name:
        return by_name[name]
    if name.endswith(".safetensors"):
        return checkpoint_facts
    return read_store if name.endswith(".zarr") else None


def _hidden_ids(path: Path) -> np.ndarray:
    """Pairs (P, 2) of ids in weak.json, or box_points.json, and in train.json."""
    return _columns(path, HIDDEN_COLUMNS, HIDDEN_COLUMNS).to_numpy(np.int64)


def _problems(facts: Any) -> Iterator[str]:
    problems = getattr(facts, "problems", None) or (facts.get("problems") if isinstance(facts, Mapping) else None) or []
    more = getattr(facts, "more", 0)
    yield from problems[:3]
    rest = len(problems) - 3 + more
    if rest > 0:
        yield f"{rest} more with such faults"


def _columns(path: Path, header: Sequence[str], wanted: Sequence[str]) -> pd.DataFrame:
    """Some columns of a CSV with a fixed header.

    Raises:
        InputError: it has another header.
    """
    frame = pd.read_csv(path, usecols=lambda name: name not in header or name in wanted, keep_default_na=False)
    if list(frame) != [name for name in header if name in wanted]:
        raise InputError(f"{path}: its first line must be {','.join(header)}; run its stage again")
    return frame


def _by_id(path: Path, columns: Sequence[str], read: Callable[[Path], Mapping[int, Any]]) -> Mapping[int, Any]:
    """A table by its ids.

    Raises:
        InputError: rows repeat the id of another, which a mapping would hide.
    """
    found, rows = read(path), read_table(path, columns)
    if len(found) != len(rows):
        raise InputError(f"{path}: {len(rows) - len(found)} rows repeat the id of another; run its stage again")
    return found


def read_metrics(path: Path) -> dict[str, Any]:
    """Lines of a metrics.jsonl, and what is wrong with them."""
    lines = parse_metrics(path.read_text(encoding="utf-8"))
    steps = [line["step"] for line in lines]
    problems = [] if steps == sorted(set(steps)) else ["its steps do not go up"]
    for line in lines:
        odd = [name for name, value in line.items() if not math.isfinite(value)]
        problems += [f"step {line['step']}: {', '.join(odd)} is not finite"] if odd else []
    return {"lines": lines, "problems": problems}


def read_detections(path: Path) -> dict[str, Any]:
    """How many detections of COCO's result format there are, and their images, categories; what is wrong with them."""
    content = loads(path.read_bytes())
    if not isinstance(content, list):
        raise InputError(f"{path}: not a list of detections")
    problems = [f"detection {place} has score {one['score']!r}" for place, one in enumerate(content)
                if not 0 <= one["score"] <= 1]  # fmt: skip
    return {
        "count": len(content), "images": {one["image_id"] for one in content},
        "categories": {one["category_id"] for one in content}, "problems": problems,
    }  # fmt: skip


def read_store(path: Path) -> dict[str, Any]:
    """A crop store's table and what it says of itself."""
    store = CropStore(path, cache_megabytes=0)
    return {"table": store.table, "layout": store.layout}


def metadata_of(facts: Facts, path: str) -> dict[str, Any]:
    """A checkpoint's metadata, JSON values taken apart."""
    found = facts[path]["metadata"]
    return {name: json.loads(text) if text[:1] in "[{" else text for name, text in found.items()}
