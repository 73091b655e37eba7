"""AP of every network on the validation images and on resamples of them; the same draws weigh every network.

What two networks share cancels in their difference, whatever arm, mix or seed they come from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wssis.engine.bootstrap import class_matches, draw_weights, resampled_ap
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.engine.progress import Progress
from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.formats.json_file import read_json
from wssis.process_pool import process_pool
from wssis.report_page.results import Result

BOOTSTRAP_SEED = 0
QUANTILES = (2.5, 97.5)

Interval = tuple[float, float]
ApSamples = Mapping[str, NDArray[np.float64]]
"""Path of scores.json -> AP, float (1 + B,): first of the real validation set, then of every resample."""
Task = tuple[Path, Result]
"""val.json, and a network that was evaluated on it; at COCO's size, a minute's work."""


def sample_networks(networks: Sequence[Result], results: Path, resamples: int, workers: int = 0) -> ApSamples:
    """AP samples of all networks of a study.

    Args:
        networks: students and teachers.
        results: folder of the study; holds {dataset}/val.json.
        resamples: bootstrap resamples B.
        workers: processes that share the work; the result does not depend on it.

    Raises:
        InputError: detections that do not give the AP of their scores.json.
    """
    tasks = [(results / network.row.dataset / "val.json", network) for network in networks]
    samples: dict[str, NDArray[np.float64]] = {}
    with Progress("report, resampled networks", len(tasks)) as progress:
        found = _mapped(partial(_sampled, resamples=resamples), tasks, workers)
        for (_, network), ap in zip(tasks, found, strict=True):
            samples[network.row.scores] = ap
            progress.count(len(samples))
    return samples


def _mapped(
    work: Callable[[Task], NDArray[np.float64]], tasks: Sequence[Task], workers: int
) -> Iterator[NDArray[np.float64]]:
    """What comes of the tasks, in order; in this process if there are no others, or nothing to share."""
    if workers < 2 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    with process_pool(min(workers, len(tasks))) as pool:
        yield from pool.map(work, tasks)


def _sampled(task: Task, resamples: int) -> NDArray[np.float64]:
    """AP of one network on the real set and on every resample; must agree with its scores.json."""
    val, network = task
    coco = read_coco(val)
    images = len(coco["images"])
    weights = np.vstack([np.ones((1, images), np.int32), draw_weights(images, resamples, BOOTSTRAP_SEED)])
    path = network.folder / "detections.json"
    detections = read_json(path)
    evaluator = match(coco, detections, network.scores["max_detections"], "segm", ONE_AREA)
    ap = resampled_ap(class_matches(evaluator), weights, evaluator.params.recThrs)
    told = np.nan if network.scores["AP"] is None else network.scores["AP"]
    if not np.isclose(ap[0], told, atol=1e-6, equal_nan=True):
        raise InputError(f"{path}: AP {ap[0]:.4f}, but scores.json says {told:.4f}; run the evaluate stage again")
    return ap


def ap_interval(ap: float, draws: NDArray[np.float64]) -> Interval | None:
    """95 % interval of an AP, or of a mean of APs, from its resamples (B,); None without resamples.

    The percentiles mirrored at the AP ("basic" bootstrap), within 0 ... 100. Precision is interpolated by its maximum,
    so AP grows where images repeat, and resamples lie above what they are drawn from: of 1,000 sets of images
    14 % had a percentile interval above the truth, 3.5 % a mirrored one (`benchmarks.interval_coverage`). In paired
    differences and ratios this shift cancels; they have `percentile_interval`.
    """
    found = percentile_interval(draws)
    if found is None or np.isnan(ap):
        return None
    low, high = mirrored(ap, found)
    return max(0.0, low), min(100.0, high)


def mirrored(value: float, interval: Interval) -> Interval:
    """The interval of resamples turned round at the value they were drawn from."""
    low, high = interval
    return 2 * value - high, 2 * value - low


def percentile_interval(values: NDArray[np.float64]) -> Interval | None:
    """95 % percentile interval; resamples without truth are left out; None without any."""
    values = values[~np.isnan(values)]
    if not values.size:
        return None
    low, high = np.percentile(values, QUANTILES)
    return float(low), float(high)
