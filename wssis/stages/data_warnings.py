"""Stage data_warnings: what is worth a look in a data set that has no problem, as warnings.

It reads no mask of a weak image: full.json of each split, not train.json.
"""

from collections.abc import Sequence
from pathlib import Path

from wssis.checking.counted import counted
from wssis.checking.known import Known, Labelling, Looked, evaluated
from wssis.checking.summary import EXAMPLES, grouped
from wssis.checking.warn import all_warnings
from wssis.config.data_stages import DataWarningsSettings
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.image_facts import read_image_facts
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import StageRun
from wssis.formats.remark import by_kind
from wssis.formats.split import read_split
from wssis.formats.warnings_file import write_warnings

FILES = {"split": "split.csv", "full": "full.json"}
"""Name of an input -> the file in the folder of a run."""
CLICKS = "weak.json"


def run(
    settings: DataWarningsSettings,
    val: Path,
    images_table: Path,
    image_facts: Path,
    splits: Sequence[Path],
    out: Path,
    clicked: Sequence[Path] = (),
) -> None:
    """Write data_warnings.json and its manifest; print the first warnings of every kind.

    Args:
        val: val.json of the data set.
        images_table: images.csv. image_facts: image_facts.csv.
        splits: folders of runs, each with split.csv and full.json.
        out: the JSON file.
        clicked: those of them whose points are not simulated: each has weak.json.
    """
    out, splits = Path(out), [Path(folder) for folder in splits]
    inputs = {"val": Path(val), "images_table": Path(images_table), "image_facts": Path(image_facts)}
    inputs |= {f"{name} {_name(folder)}": folder / file for folder in splits for name, file in FILES.items()}
    clicks = {Path(folder): Path(folder) / CLICKS for folder in clicked}
    inputs |= {f"clicks {_name(folder)}": path for folder, path in clicks.items()}
    with StageRun("data_warnings", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage_run:
        rows = [row for part in ("train", "val") for row in read_images_table(inputs["images_table"], part).values()]
        facts = {(one.subset, one.image_id): one for one in read_image_facts(inputs["image_facts"])}
        looked = Looked(rows, [facts[row.subset, row.image_id] for row in rows])
        frame = read_frame(inputs["val"])
        labellings = [_labelling(folder, clicks.get(folder)) for folder in splits]
        validated = evaluated(inputs["val"].as_posix(), frame["images"], annotations_of(inputs["val"]))
        labels = [*(part for one in labellings for part in (one.masks, one.clicks) if part), validated.masks]
        known = Known(looked, labels, frame["categories"], labellings, validated, settings)
        warnings = all_warnings(known)
        write_warnings(out, warnings)
        stage_run.output(out)
        stage_run.counts |= {kind: len(ones) for kind, ones in by_kind(warnings).items()}
        print("\n".join([f"{len(warnings)} warning(s)", *grouped(warnings, EXAMPLES)]))


def _labelling(folder: Path, clicks: Path | None) -> Labelling:
    kinds = {("train", image): kind for image, kind in read_split(folder / FILES["split"]).items()}
    full = folder / FILES["full"]
    clicked = None if clicks is None else counted(clicks.as_posix(), annotations_of(clicks))
    return Labelling(_name(folder), counted(full.as_posix(), annotations_of(full)), kinds, clicked)


def _name(folder: Path) -> str:
    """Mix, seed and variant of a run's folder."""
    return "/".join(folder.parts[-3:])
