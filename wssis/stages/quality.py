"""Stage pseudo-quality: pseudo masks against hidden truth. It may read weak masks; nothing trains on its outputs."""

from operator import attrgetter
from pathlib import Path

from wssis.config.mask_stages import QualitySettings
from wssis.engine.mask_quality import measure_masks, read_hidden
from wssis.engine.pseudo_quality import COLUMNS
from wssis.formats.atomic import write_json
from wssis.formats.manifest import StageRun
from wssis.formats.table import write_table


def run(
    settings: QualitySettings,
    train: Path,
    weak: Path,
    hidden_ids: Path,
    proposals: Path | None,
    pseudo: Path,
    out: Path,
    shown: Path,
) -> None:
    """Write `out` (one row per weak point), `shown` (the images of the report) and the manifest beside `out`.

    Args:
        settings: how many images to show, and how many more the gallery may.
        train: train.json, with the masks that no other stage may see.
        weak: weak.json of the run; or box_points.json, for an arm whose masks come from boxes.
        hidden_ids: hidden_ids.csv of the run, from weak ids to train ids; or box_hidden_ids.csv.
        proposals: proposals/weak.json of the run; None for an arm without proposals. Labels that stand for no point or
            box are held against the hidden object of their class that they fit best.
        pseudo: pseudo/{arm}.json, the arm's training set.
        out: quality/{arm}.csv.
        shown: quality/{arm}.shown.json.

    Raises:
        InputError: a weak point has no hidden mask.
    """
    inputs = {"train": train, "weak": weak, "hidden_ids": hidden_ids, "pseudo": pseudo}
    if proposals is not None:
        inputs["proposals"] = proposals
    with StageRun("quality", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        found = measure_masks(settings, read_hidden(train, weak, hidden_ids), pseudo, proposals)
        cells = attrgetter(*COLUMNS)
        write_table(out, COLUMNS, (["" if cell is None else cell for cell in cells(row)] for row in found.rows))
        write_json(shown, found.shown)
        stage.output(out, shown)
        stage.counts.update(found.counts)
