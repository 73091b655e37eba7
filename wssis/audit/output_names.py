"""What every stage makes: an output that its manifest does not list would be looked at by no other check."""

from collections.abc import Iterator, Mapping

from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles

ANNOTATIONS = ("train.json", "val.json")
SPLIT = ("split.csv", "full.json", "unlabelled.json")
TEMPORARY = ("crops",)
"""Stages whose outputs may be temporary: gone, while their manifest stays."""
TRAINED = ("model.safetensors", "metrics.jsonl")
BESIDE = ("{stem}",)
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "prepare": ANNOTATIONS,
    "generate": (*ANNOTATIONS, "images/train", "images/val"),
    "take_given": (*ANNOTATIONS, "given.csv"),
    "check_images": ("images.csv", "image_facts.csv"),
    "data_warnings": BESIDE,
    "split": SPLIT,
    "split_given": SPLIT,
    "points": ("full_points.csv", "weak.json", "hidden_ids.csv"),
    "points_given": ("full_points.csv", "weak.json"),
    "box_points": ("box_points.json", "box_hidden_ids.csv"),
    "teacher": (*TRAINED, "snapshot1.safetensors", "snapshot2.safetensors"),
    "fold": TRAINED,
    "refiner": TRAINED,
    "student": TRAINED,
    "box_student": TRAINED,
    "proposals": ("{side}.json", "{side}.csv"),
    **dict.fromkeys(("crops", "pseudo", "oracle_mask", "confident_labels", "box_pseudo", "score_thresholds"), BESIDE),
    "evaluate": ("detections.json", "scores.json"),
    "quality": BESIDE,
    "show_given": BESIDE,
    "predict_shown": BESIDE,
    "report": ("index.html", "gallery.html", "scores.csv", "curves.json", "tables"),
}
"""Stage -> its outputs, relative to the manifest; {stem} is the manifest's name without its ending, {side} the name of
the proposals without .json."""


def output_findings(study: StudyFiles) -> Iterator[Finding]:
    """Outputs that a manifest should list and does not, or calls temporary and never are."""
    for record in study.records.values():
        if not record.retained and record.stage not in TEMPORARY:
            what = f"says that its outputs are temporary; those of {record.stage} never are"
            yield Finding(record.path, what, f"run {record.stage} again and what follows")
        folder = record.path.rpartition("/")[0]
        for name in _expected(record):
            if f"{folder}/{name}" not in record.outputs:
                what = f"does not list {name}, which {record.stage} always makes"
                yield Finding(record.path, what, f"run {record.stage} again and what follows")


def _expected(record: StageRecord) -> Iterator[str]:
    stem = record.path.rpartition("/")[2].removesuffix(".manifest.json")
    for name in OUTPUTS.get(record.stage, ()):
        if name == "metrics.jsonl" and "imported" in record.counts:
            continue  # Weights that were given have no training to tell of.
        yield name.format(stem=stem, side=stem.removesuffix(".json"))
