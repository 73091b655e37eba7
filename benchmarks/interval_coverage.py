"""How often 95 % intervals of AP over validation images miss the truth: percentiles of resamples, and mirrored ones.

`python -m benchmarks.interval_coverage results/default/shapes/val.json results/.../students/wssis` takes the images of
val.json as the population, whose AP is the truth, draws sets of as many images from it, and resamples each.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wssis.engine.bootstrap import class_matches, draw_weights, resampled_ap
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.formats.coco import read_coco
from wssis.formats.json_file import read_json
from wssis.formats.scores import read_scores
from wssis.report_page.ap_samples import mirrored, percentile_interval

Sampler = tuple[list, NDArray[np.float64]]
Shares = dict[str, NDArray[np.float64]]


def sampler_of(val: Path, student: Path) -> Sampler:
    """What `resampled_ap` needs of a student's detections."""
    most = read_scores(student / "scores.json")["max_detections"]
    evaluator = match(read_coco(val), read_json(student / "detections.json"), most, "segm", ONE_AREA)
    return class_matches(evaluator), evaluator.params.recThrs


def drawn_again(weights: NDArray[np.int32], resamples: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Resamples (B, images) of a set of images that is itself given by weights (images,)."""
    total = int(weights.sum())
    return generator.multinomial(total, weights / total, resamples).astype(np.int32)


def misses(samplers: list[Sampler], images: int, sets: int, resamples: int, seed: int) -> Shares:
    """Of each kind of interval: the share of sets in which the truth lies below it, and above it.

    samplers: of one network, whose AP is asked for; or of two, whose difference is.
    """
    generator = np.random.default_rng(seed)
    missed = {"percentile": np.zeros(2), "mirrored": np.zeros(2)}

    def values(weights: NDArray[np.int32]) -> NDArray[np.float64]:
        found = [resampled_ap(matches, weights, thresholds) for matches, thresholds in samplers]
        return found[0] if len(found) == 1 else found[0] - found[1]

    truth = values(np.ones((1, images), np.int32))[0]
    for weights in draw_weights(images, sets, seed):
        drawn = values(np.vstack([weights, drawn_again(weights, resamples, generator)]))
        plain = percentile_interval(drawn[1:])
        for name, (low, high) in (("percentile", plain), ("mirrored", mirrored(drawn[0], plain))):
            missed[name] += (truth < low, truth > high)
    return {name: count / sets for name, count in missed.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interval_coverage", description=__doc__)
    parser.add_argument("val", type=Path, help="val.json of the data set")
    parser.add_argument("student", type=Path, help="folder of an evaluated student")
    parser.add_argument("--minus", type=Path, help="another student: the difference is asked for")
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=200)
    arguments = parser.parse_args()
    students = [arguments.student] + ([arguments.minus] if arguments.minus else [])
    samplers = [sampler_of(arguments.val, student) for student in students]
    images = len(read_coco(arguments.val)["images"])
    found = misses(samplers, images, arguments.sets, arguments.resamples, seed=0)
    for name, (below, above) in found.items():
        print(f"{name:12} truth below {below:6.1%}   above {above:6.1%}   wanted 2.5 % each")


if __name__ == "__main__":
    main()
