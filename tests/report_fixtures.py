"""A made-up study on disk, with what the report reads of one: toy images, scores and masks nobody trained for."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from wssis.arms.arm import MEASURED
from wssis.config.mask_stages import QualitySettings
from wssis.config.report import ReportSettings
from wssis.engine.coco_metrics import summarise
from wssis.formats.atomic import write_json, write_text
from wssis.formats.coco import decode_mask, encode_mask, mask_box
from wssis.formats.points import write_hidden_ids
from wssis.formats.remark import Remark
from wssis.formats.scores import write_scores
from wssis.formats.warnings_file import write_warnings
from wssis.stages import quality, report

WARNINGS = [
    Remark("EXIF orientation", f"{number}.jpg", f"image {number} of train", "has EXIF <b>6</b>", "turn its pixels")
    for number in range(12)
]
"""Of one kind, more than the page shows."""
ARMS = {
    "supervised": ("Supervised", "none", ["full"]),
    "supervised-short": ("Supervised, short", "none", ["full"]),
    "rough": ("Rough", "rough", ["full", "point"]),
    "wssis": ("WSSIS", "refined", ["full", "point"]),
    "oracle": ("Oracle", "none", ["full"]),
}
MORE_ARMS = ARMS | {
    "semi": ("Semi-supervised", "none", ["full"]),
    "never-heard-of": ("An arm of tomorrow", "refined", ["full", "point"]),
}
SKILL = {
    "teacher": 0.5, "supervised": 0.5, "supervised-short": 0.45, "rough": 0.6, "wssis": 0.75, "oracle": 0.9,
    "semi": 0.55, "never-heard-of": 0.7, "oracle-mask": 0.8,
}  # fmt: skip
CATEGORIES = [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}, {"id": 9, "name": "never seen"}]


@dataclass(frozen=True)
class MadeUp:
    """A study on disk: its plan, where its files are, and where its images are."""

    plan: dict
    results: Path
    images: Path
    out: Path

    def report(self, resamples: int = 50, gallery: int = 20) -> str:
        """Write the report and return the page."""
        settings = ReportSettings(bootstrap=resamples, gallery=gallery)
        report.run(settings, json.dumps(self.plan), self.results, {"toy": self.images}, self.out)
        return (self.out / "index.html").read_text()


def toy_set(folder: Path, subset: str, number: int) -> dict:
    """Grey images of 48 x 64 px with up to three discs; every fifth is empty."""
    rng = np.random.default_rng(len(subset))
    rows, columns = np.mgrid[:48, :64]
    images, annotations = [], []
    for image_id in range(1, number + 1):
        pixels = rng.integers(60, 120, (48, 64, 3), dtype=np.uint8)
        for _ in range(0 if image_id % 5 == 0 else rng.integers(1, 4)):
            radius, x, y = rng.integers(5, 12), rng.integers(12, 52), rng.integers(12, 36)
            mask = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
            pixels[mask] = (220, 180, 90)
            annotations.append(_annotation(len(annotations) + 1, image_id, int(rng.choice([3, 5])), mask))
        name = f"{subset}/{image_id}.png"
        (folder / subset).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        images.append({"id": image_id, "file_name": name, "height": 48, "width": 64})
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}


def _annotation(number: int, image_id: int, category_id: int, mask: np.ndarray) -> dict:
    return {"id": number, "image_id": image_id, "category_id": category_id, "segmentation": encode_mask(mask),
            "bbox": mask_box(mask), "area": int(mask.sum()), "iscrowd": 0}  # fmt: skip


def detections_of(coco: Mapping, skill: float, rng: np.random.Generator) -> list[dict]:
    """Shifted copies of the truth, the fewer and the further the lower the skill, and some false alarms."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in coco["images"]}
    found = []
    for truth in coco["annotations"]:
        reach = round(6 * (1 - skill))
        mask = np.roll(decode_mask(truth, *sizes[truth["image_id"]]), rng.integers(-reach, reach + 1, 2), (0, 1))
        kind = truth["category_id"] if rng.random() < skill else 5
        found.append((truth["image_id"], kind, mask, skill * rng.random()))
    return [
        {"image_id": image_id, "category_id": kind, "score": round(float(score), 4),
         "segmentation": encode_mask(mask), "bbox": mask_box(mask)}
        for image_id, kind, mask, score in found if mask.any()
    ]  # fmt: skip


def write_coco_classes(path: Path) -> None:
    """A file of no images with what tells COCO's classes."""
    names = {1: "person", 18: "dog", 90: "toothbrush"}
    coco = [{"id": number, "name": names.get(number, f"class {number}")} for number in (*range(1, 80), 90)]
    write_json(path, {"images": [], "annotations": [], "categories": coco})


def measured_at(table: Path | None) -> dict[str, str | None]:
    """What a row of the plan says of its pseudo masks: the quality file, and shown.json beside it."""
    if table is None:
        return {"quality": None, "shown": None}
    return {"quality": str(table), "shown": str(table.with_suffix(".shown.json"))}


def manifest(path: Path, stage: str, settings: Mapping, counts: Mapping) -> None:
    """A manifest with what the report reads of one."""
    write_json(
        path,
        {"stage": stage, "settings": settings, "seed": None, "inputs": {}, "outputs": {}, "code": "c0de" * 16,
         "versions": {"python": "3.11"}, "counts": counts, "duration": 1.5, "finished": "2024-01-01T00:00:00+00:00"},
    )  # fmt: skip


def _network(folder: Path, val: Mapping, arm: str, percent: float, seed: int, counts: Mapping) -> None:
    """A trained and evaluated network, the better the more images have masks."""
    rng = np.random.default_rng([seed, sum(map(ord, arm))])
    skill = SKILL[arm] if arm == "oracle" else SKILL[arm] * (0.7 + 0.1 * np.log10(percent))
    detections = detections_of(val, skill, rng)
    write_json(folder / "detections.json", detections)
    write_scores(folder / "scores.json", summarise(val, detections, 100))
    settings = {"schedule": {"iterations": 300}, "network": {"backbone": {"weights": "none"}}}
    manifest(folder / "manifest.json", "student", settings, counts)
    lines = [{"step": step, "dice": 3 / step, "focal": 1 / step, "lr": 0.01, "seconds": step} for step in range(1, 90)]
    write_text(folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def _split(run: Path, train: Mapping, full_images: int) -> tuple[dict, dict]:
    """full.json, weak.json and what points and split leave beside them."""
    weak_images = train["images"][full_images:]
    ids = {image["id"] for image in weak_images}
    full = {**train, "images": train["images"][:full_images]}
    full["annotations"] = [a for a in train["annotations"] if a["image_id"] not in ids]
    hidden = [a for a in train["annotations"] if a["image_id"] in ids]
    points = []
    for number, truth in enumerate(hidden, start=1):
        x, y, width, height = truth["bbox"]
        point = [x + width / 2, y + height / 2]
        points.append({"id": number, **{key: truth[key] for key in ("image_id", "category_id")}, "point": point})
    weak = {"images": weak_images, "annotations": points, "categories": train["categories"]}
    write_json(run / "full.json", full)
    write_json(run / "weak.json", weak)
    write_hidden_ids(run / "hidden_ids.csv", dict(enumerate((a["id"] for a in hidden), start=1)))
    manifest(run / "split.manifest.json", "split", {}, {
        "full_images": full_images, "point_images": len(weak_images), "full_objects": len(full["annotations"]),
        "full_crowd": 0})  # fmt: skip
    empty = len(ids - {a["image_id"] for a in hidden})
    manifest(run / "points.manifest.json", "points", {"strategy": "centroid", "drift": 0.0}, {
        "weak_images": len(weak_images), "weak_points": len(points), "weak_crowd": 0, "verified_empty": empty,
        "full_points": len(full["annotations"]), "full_crowd": 0})  # fmt: skip
    return full, weak


def _pseudo(run: Path, train_path: Path, train: Mapping, full: Mapping, weak: Mapping, arms: Mapping) -> None:
    """Proposals (eroded truth, every seventh empty), pseudo sets (refined: the truth), quality, predictions."""
    truth = {a["id"]: a for a in train["annotations"]}
    hidden = dict(csv.reader((run / "hidden_ids.csv").read_text().splitlines()[1:]))
    sizes = {image["id"]: (image["height"], image["width"]) for image in weak["images"]}
    masks = {}
    for point in weak["annotations"]:
        mask = decode_mask(truth[int(hidden[str(point["id"])])], *sizes[point["image_id"]])
        masks[point["id"]] = (binary_erosion(mask, iterations=2) if point["id"] % 7 else np.zeros_like(mask), mask)
    rough = [
        {**p, "point_id": p["id"], "score": 0.5, "segmentation": encode_mask(masks[p["id"]][0]),
         "status": "fallback" if p["id"] % 5 == 0 else "kept" if p["id"] % 7 else "empty"}
        for p in weak["annotations"]
    ]  # fmt: skip
    write_json(run / "proposals" / "weak.json", {**weak, "annotations": rough})
    empty = sum(point["id"] % 7 == 0 for point in weak["annotations"])
    total, number = len(weak["annotations"]), len(full["annotations"])
    manifest(run / "proposals" / "weak.json.manifest.json", "proposals", {}, {
        "images": len(weak["images"]), "predictor_teacher": total, "status_kept": total - empty,
        "status_empty": empty})  # fmt: skip
    manifest(run / "proposals" / "full.json.manifest.json", "proposals", {}, {
        "images": len(full["images"]), "predictor_snapshot1": number, "predictor_snapshot2": number,
        "status_kept": 2 * number - 1, "status_fallback": 1})  # fmt: skip
    if any(kind == "refined" for _, kind, _ in arms.values()):
        manifest(run / "refiner" / "manifest.json", "refiner", {"checkpoint": None}, {})
        write_text(run / "refiner" / "metrics.jsonl", '{"step": 1, "dice": 0.9}\n{"step": 2, "dice": 0.4}\n')
    for arm, side in ((arm, int(kind == "refined")) for arm, (_, kind, _) in arms.items() if kind in MEASURED):
        labels = [
            {**p, "id": 1000 + p["id"], "source": "pseudo",
             "segmentation": encode_mask(masks[p["point_id"]][side]) if p["point_id"] % 7 else None}
            for p in rough
        ]  # fmt: skip
        path = run / "pseudo" / f"{arm}.json"
        write_json(path, {**train, "annotations": [{**a, "source": "full"} for a in full["annotations"]] + labels})
        manifest(path.with_name(f"{arm}.json.manifest.json"), "pseudo", {}, {
            "full_images": len(full["images"]), "full_annotations": number, "weak_images": len(weak["images"]),
            "pseudo_masks": total - empty, "unmasked": empty})  # fmt: skip
        shown = run / "quality" / f"{arm}.shown.json"
        quality.run(
            QualitySettings(shown=3, gallery=8), train_path, run / "weak.json", run / "hidden_ids.csv",
            run / "proposals" / "weak.json", path, run / "quality" / f"{arm}.csv", shown,
        )  # fmt: skip
        ids = {image["id"] for image in json.loads(shown.read_text())["images"]}
        some = {**train, "annotations": [a for a in train["annotations"] if a["image_id"] in ids]}
        write_json(run / "quality" / f"{arm}.predictions.json", detections_of(some, 0.8, np.random.default_rng(0)))


def make_study(
    root: Path,
    train: dict,
    val: dict,
    images: Path,
    full_images: Mapping[str, int],
    seeds: Sequence[int],
    arms: Mapping[str, tuple[str, str, list[str]]] = ARMS,
) -> MadeUp:
    """Write a whole study of all arms: mixes by name with their number of full images."""
    results = root / "results" / "made-up"
    place = results / "toy"
    write_json(place / "train.json", train)
    write_json(place / "val.json", val)
    manifest(place / "prepare.manifest.json", "prepare", {}, {
        "train_images": len(train["images"]), "train_objects": len(train["annotations"]),
        "val_images": len(val["images"]), "val_objects": len(val["annotations"])})  # fmt: skip
    manifest(place / "images.csv.manifest.json", "check_images", {}, {"train_images_in_val": 0})
    write_warnings(place / "data_warnings.json", WARNINGS)
    rows = []
    for mix, number in {**full_images, "100pct": len(train["images"])}.items():
        for seed in seeds:
            run = place / mix / f"s{seed}" / "base"
            full, weak = _split(run, train, number)
            names = ["oracle"] if mix == "100pct" else ["teacher", *(arm for arm in arms if arm != "oracle")]
            if mix != "100pct":
                _pseudo(run, place / "train.json", train, full, weak, arms)
            for arm in names:
                folder = run / "teacher" if arm == "teacher" else run / "students" / arm
                counts = {"images": len(train["images"]), "objects": len(train["annotations"])}
                _network(folder, val, arm, float(mix.removesuffix("pct")), seed, counts)
                made = arm in arms and arms[arm][1] in MEASURED
                rows.append({
                    "dataset": "toy", "mix": mix, "full_percent": float(mix.removesuffix("pct")), "seed": f"s{seed}",
                    "variant": "base", "arm": arm, "run": str(run), "scores": str(folder / "scores.json"),
                    **measured_at(run / "quality" / f"{arm}.csv" if made else None)})  # fmt: skip
    described = [
        {"name": name, "title": title, "explanation": f"What {name} is.", "pays": pays, "pseudo": pseudo}
        for name, (title, pseudo, pays) in arms.items()
    ]
    return MadeUp({"study": "made-up", "arms": described, "rows": rows}, results, images, results / "report")
