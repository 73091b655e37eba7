"""Where every input of a report lies in its study; their names tell it, as `wssis.report_page.inputs` gives them."""

from collections.abc import Iterator

from wssis.audit.finding import Finding
from wssis.audit.places import SHARED_VARIANT
from wssis.audit.study_files import Input, StageRecord

OF_DATA_SET = {"val": "val.json", "data_warnings": "data_warnings.json"}
OF_RUN = {"full": "full.json", "point": "weak.json", "points10": "box_points.json"}
OF_NETWORK = {
    "scores": "{network}/scores.json", "detections": "{network}/detections.json", "metrics": "{network}/metrics.jsonl",
    "quality": "quality/{arm}.csv", "shown": "quality/{arm}.shown.json",
    "predictions": "quality/{arm}.predictions.json",
}  # fmt: skip
"""Kind of an input -> its place below its data set, its run, or the run of its network."""
NO_STUDENTS = ("teacher", "refiner", "folds")
"""Networks with a folder of their own in a run; folds/0 is one."""
OF_EVERY_NETWORK = ("detections", "metrics")
"""What is read of every network with scores."""


def report_input_findings(record: StageRecord) -> Iterator[Finding]:
    """Inputs of a report that lie elsewhere than the workflow has them, and those it must have read as well."""
    remedy = "run report again by the workflow"
    for one in record.inputs:
        expected = _places(one.name)
        if expected and not _lies_right(one, expected):
            what = f"input {one.name} is {one.path or one.recorded}; here it is {' or '.join(expected)}"
            yield Finding(record.path, what, remedy)
    for name in _missing({one.name for one in record.inputs}):
        yield Finding(record.path, f"has no input {name}, though it has the network's scores", remedy)


def _lies_right(one: Input, expected: list[str]) -> bool:
    return one.managed if one.path is None else one.path in expected  # Another study's is told with the chains.


def _places(name: str) -> list[str]:
    """Where an input of that name may lie, a variant using what base has made; empty where the name tells no place.

    >>> _places("metrics shapes/10pct/s0/more/folds/1")[0]
    'shapes/10pct/s0/more/folds/1/metrics.jsonl'
    """
    kind, _, place = name.partition(" ")
    parts = place.split("/")
    if kind in OF_DATA_SET and len(parts) == 1:
        return [f"{place}/{OF_DATA_SET[kind]}"]
    if not (kind in OF_RUN and len(parts) == 4) and not (kind in OF_NETWORK and len(parts) > 4):
        return []
    arm = "/".join(parts[4:])
    network = arm if arm.partition("/")[0] in NO_STUDENTS else f"students/{arm}"
    rest = (OF_RUN | OF_NETWORK)[kind].format(network=network, arm=arm)
    runs = dict.fromkeys("/".join([*parts[:3], variant]) for variant in (parts[3], SHARED_VARIANT))
    return [f"{run}/{rest}" for run in runs]


def _missing(names: set[str]) -> list[str]:
    """What a report must have read and does not list; of older reports, which name no metrics at all, nothing."""
    if not any(name.startswith("metrics ") for name in names):
        return []
    networks = sorted(name.removeprefix("scores ") for name in names if name.startswith("scores "))
    return [wanted for one in networks for kind in OF_EVERY_NETWORK if (wanted := f"{kind} {one}") not in names]
