"""Stage show-given: what became of the clicks of half-labelled files, and which images to show without hidden truth.

In the place of pseudo-quality; the only masks it compares with true ones are those of the refiner's pairs, on full
images, each by a network that was not trained on its image.
"""

from pathlib import Path

from wssis.config.mask_stages import QualitySettings
from wssis.engine.shown_given import fates, given_record, labels_on_clicks, summarise_fates, summarise_pairs
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.labels_file import check_labels, read_labels
from wssis.formats.manifest import StageRun


def run(
    settings: QualitySettings,
    weak: Path,
    pseudo: Path,
    out: Path,
    proposals: Path | None = None,
    full: Path | None = None,
    pairs: Path | None = None,
) -> None:
    """Write `out` (the images of the report) and the manifest beside it, which has the counts.

    Args:
        settings: how many images to show, and how many more the gallery may.
        weak: weak.json of the run.
        pseudo: pseudo/{arm}.json, the arm's training set.
        out: quality/{arm}.shown.json.
        proposals: proposals/weak.json of the run; None for an arm whose labels come without points: a label is then
            that of the click that lies on it.
        full, pairs: full.json and proposals/full.json, where the latter's masks are out of fold; both or neither.

    Raises:
        InputError: one of full and pairs is missing.
    """
    if (full is None) != (pairs is None):
        raise InputError("show-given needs --full and --pairs together, or neither")
    named = {"weak": weak, "pseudo": pseudo, "proposals": proposals, "full": full, "pairs": pairs}
    inputs = {name: path for name, path in named.items() if path is not None}
    with StageRun("show_given", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        clicks = read_labels(weak, "point")
        weak_images = {image["id"] for image in clicks["images"]}
        given = read_labels(pseudo, "source", "segmentation")
        made = [one for one in given["annotations"] if one["source"] == "pseudo" and one["image_id"] in weak_images]
        rough = None
        if proposals is not None:
            rough = {one["point_id"]: one for one in read_labels(proposals, "point_id", "status")["annotations"]}
            check_labels({**given, "annotations": made}, pseudo, "point_id")
        labels = labels_on_clicks(made, clicks) if rough is None else {one["point_id"]: one for one in made}
        found = fates(clicks, labels)
        write_json(out, given_record(found, settings.shown, settings.gallery, clicks, rough, labels))
        stage.output(out)
        stage.counts.update(summarise_fates(found))
        if rough is None:
            stage.counts["without_a_click"] = len(made) - len(labels)
        if full is not None and pairs is not None:
            masks = read_labels(full, "segmentation", "iscrowd")
            stage.counts.update(summarise_pairs(masks, read_labels(pairs, "point_id")["annotations"]))
