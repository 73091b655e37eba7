"""The report of a made-up study: what the page says follows from the files, and nothing is left out."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_erosion

from wssis.config.stages import QualitySettings, ReportSettings
from wssis.engine.coco_metrics import summarise
from wssis.errors import InputError
from wssis.formats.atomic import write_json, write_text
from wssis.formats.coco import decode_mask, encode_mask, mask_box
from wssis.formats.points import write_hidden_ids
from wssis.formats.scores import SCORE_COLUMNS, read_score_table, write_scores
from wssis.report_page.accounts import Line, _missing
from wssis.report_page.compare import compare_group
from wssis.report_page.plan import read_plan
from wssis.report_page.results import group_results, load_results
from wssis.stages import quality, report

ARMS = {
    "supervised": ("Supervised", "none", ["full"]),
    "supervised-short": ("Supervised, short", "none", ["full"]),
    "rough": ("Rough", "rough", ["full", "point"]),
    "wssis": ("WSSIS", "refined", ["full", "point"]),
    "oracle": ("Oracle", "none", ["full"]),
}
SKILL = {"teacher": 0.5, "supervised": 0.5, "supervised-short": 0.45, "rough": 0.6, "wssis": 0.75, "oracle": 0.9}
CATEGORIES = [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}, {"id": 9, "name": "never seen"}]


@dataclass(frozen=True)
class MadeUp:
    """A study on disk: its plan, where its files are, and where its images are."""

    plan: dict
    results: Path
    images: Path
    out: Path

    def report(self, resamples: int = 50) -> str:
        """Write the report and return the page."""
        report.run(
            ReportSettings(bootstrap=resamples), json.dumps(self.plan), self.results, {"toy": self.images}, self.out
        )
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


def manifest(path: Path, stage: str, settings: Mapping, counts: Mapping) -> None:
    """A manifest with what the report reads of one."""
    write_json(
        path,
        {"stage": stage, "settings": settings, "seed": None, "inputs": {}, "outputs": {}, "code": "c0de" * 16,
         "versions": {"python": "3.11"}, "counts": counts, "duration": 1.5, "finished": "2024-01-01T00:00:00+00:00"},
    )  # fmt: skip


def _network(folder: Path, val: Mapping, arm: str, seed: int, counts: Mapping) -> None:
    """A trained and evaluated network."""
    rng = np.random.default_rng([seed, sum(map(ord, arm))])
    detections = detections_of(val, SKILL[arm], rng)
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


def _pseudo(run: Path, train_path: Path, train: Mapping, full: Mapping, weak: Mapping) -> None:
    """Proposals (eroded truth, every seventh empty), pseudo sets (refined: the truth), quality, predictions."""
    truth = {a["id"]: a for a in train["annotations"]}
    hidden = dict(csv.reader((run / "hidden_ids.csv").read_text().splitlines()[1:]))
    sizes = {image["id"]: (image["height"], image["width"]) for image in weak["images"]}
    masks = {}
    for point in weak["annotations"]:
        mask = decode_mask(truth[int(hidden[str(point["id"])])], *sizes[point["image_id"]])
        masks[point["id"]] = (binary_erosion(mask, iterations=2) if point["id"] % 7 else np.zeros_like(mask), mask)
    rough = [
        {**p, "point_id": p["id"], "score": 0.5, "segmentation": encode_mask(masks[p["id"]][0])}
        for p in weak["annotations"]
    ]
    write_json(run / "proposals" / "weak.json", {**weak, "annotations": rough})
    empty = sum(point["id"] % 7 == 0 for point in weak["annotations"])
    total, number = len(weak["annotations"]), len(full["annotations"])
    manifest(run / "proposals" / "weak.json.manifest.json", "proposals", {}, {
        "images": len(weak["images"]), "predictor_teacher": total, "status_kept": total - empty,
        "status_empty": empty})  # fmt: skip
    manifest(run / "proposals" / "full.json.manifest.json", "proposals", {}, {
        "images": len(full["images"]), "predictor_snapshot1": number, "predictor_snapshot2": number,
        "status_kept": 2 * number - 1, "status_fallback": 1})  # fmt: skip
    for arm, side in (("rough", 0), ("wssis", 1)):
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
            QualitySettings(shown=3), train_path, run / "weak.json", run / "hidden_ids.csv",
            run / "proposals" / "weak.json", path, run / "quality" / f"{arm}.csv", shown,
        )  # fmt: skip
        ids = {image["id"] for image in json.loads(shown.read_text())["images"]}
        some = {**train, "annotations": [a for a in train["annotations"] if a["image_id"] in ids]}
        write_json(run / "quality" / f"{arm}.predictions.json", detections_of(some, 0.8, np.random.default_rng(0)))


def make_study(
    root: Path, train: dict, val: dict, images: Path, full_images: Mapping[str, int], seeds: Sequence[int]
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
    rows = []
    for mix, number in {**full_images, "100pct": len(train["images"])}.items():
        for seed in seeds:
            run = place / mix / f"s{seed}" / "base"
            full, weak = _split(run, train, number)
            names = ["oracle"] if mix == "100pct" else ["teacher", *(arm for arm in ARMS if arm != "oracle")]
            if mix != "100pct":
                _pseudo(run, place / "train.json", train, full, weak)
            for arm in names:
                folder = run / "teacher" if arm == "teacher" else run / "students" / arm
                counts = {"images": len(train["images"]), "objects": len(train["annotations"])}
                _network(folder, val, arm, seed, counts)
                table = str(run / "quality" / f"{arm}.csv") if arm in ("rough", "wssis") else None
                rows.append({
                    "dataset": "toy", "mix": mix, "full_percent": float(mix.removesuffix("pct")), "seed": f"s{seed}",
                    "variant": "base", "arm": arm, "run": str(run), "scores": str(folder / "scores.json"),
                    "quality": table})  # fmt: skip
    arms = [
        {"name": name, "title": title, "explanation": f"What {name} is.", "pays": pays, "pseudo": pseudo}
        for name, (title, pseudo, pays) in ARMS.items()
    ]
    return MadeUp({"study": "made-up", "arms": arms, "rows": rows}, results, images, results / "report")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Two seeds of one mix."""
    root = tmp_path_factory.mktemp("study")
    sets = toy_set(root / "images", "train", 20), toy_set(root / "images", "val", 15)
    return make_study(root, *sets, root / "images", {"20pct": 4}, seeds=(0, 1))


@pytest.fixture(scope="module")
def page(study: MadeUp) -> str:
    """Its page."""
    return study.report()


class Tags(HTMLParser):
    """Collects the tags of a page, and checks that they close in order."""

    VOID = ("meta", "img", "br", "link", "input", "hr", "path", "use")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_whole_and_fetches_nothing(page: str) -> None:
    parsed = Tags(page)
    assert parsed.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parsed.tags}
    sources = [attrs[key] for _, attrs in parsed.tags for key in ("src", "href", "xlink:href") if key in attrs]
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "url(http" not in page and "@import" not in page


def test_every_picture_has_alt_text_and_no_id_comes_twice(page: str) -> None:
    tags = Tags(page).tags
    assert all(attrs.get("alt") for tag, attrs in tags if tag == "img")
    assert all(attrs.get("aria-label") for _, attrs in tags if attrs.get("role") == "img")
    assert sum(tag == "svg" for tag, _ in tags) == sum(attrs.get("role") == "img" for _, attrs in tags) > 4
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_score_table_has_one_row_per_network(study: MadeUp, page: str) -> None:
    rows = read_score_table(study.out / "scores.csv")
    assert tuple(rows[0]) == SCORE_COLUMNS
    assert len(rows) == len(study.plan["rows"]) == 12
    by_place = {(row["arm"], row["seed"]): row for row in rows}
    scores = json.loads(Path(study.plan["rows"][4]["scores"]).read_text())
    assert study.plan["rows"][4]["arm"] == "wssis"
    assert float(by_place["wssis", "s0"]["AP"]) == pytest.approx(scores["AP"], abs=1e-4)
    assert by_place["wssis", "s0"]["points"] == "centroid" and by_place["oracle", "s1"]["points"] == "none"
    assert by_place["oracle", "s1"]["AP_large"] == ""
    assert by_place["teacher", "s0"]["iterations"] == "300"
    days = {arm: float(by_place[arm, "s0"]["label_days_cheng"]) for arm in ("supervised", "wssis", "oracle")}
    assert 0 < days["supervised"] < days["wssis"] < days["oracle"]


def test_answer_follows_from_the_scores(study: MadeUp, page: str) -> None:
    rows = read_score_table(study.out / "scores.csv")
    means = {arm: np.mean([float(r["AP"]) for r in rows if r["arm"] == arm]) for arm in SKILL}
    base = max(means["supervised"], means["supervised-short"])
    answer = re.search(r'<section class="answer".*?</section>', page, re.DOTALL)[0]
    assert f"{means['wssis']:.1f} AP" in answer
    runs = {row["run"] for row in study.plan["rows"] if row["arm"] == "wssis"}
    objects = [len(json.loads((Path(run) / "weak.json").read_text())["annotations"]) for run in runs]
    assert len(set(objects)) == 1 and f"points on the {objects[0]} objects" in answer  # both seeds alike
    assert f"+{means['wssis'] - base:.1f} AP" in answer
    assert f"{100 * (means['wssis'] - base) / (means['oracle'] - base):.0f} %" in answer
    assert "mean of 2 seeds" in answer


def test_page_states_what_it_must(page: str) -> None:
    for words in ("idealised", "bias against our own method", "hidden truth", "Not paid for", "row of its own"):
        assert words in page
    assert page.count("adds up") == 10 and "unaccounted for</td>" not in page


def test_one_seed_says_so(study: MadeUp, tmp_path: Path) -> None:
    plan = {**study.plan, "rows": [row for row in study.plan["rows"] if row["seed"] == "s0"]}
    single = MadeUp(plan, study.results, study.images, tmp_path).report(resamples=0)
    assert "(one seed)" in single and "mean of" not in re.sub(r"ratio of the means.*?;", "", single)
    assert "no resamples" in single


def test_two_mixes_share_the_oracle(tmp_path: Path) -> None:
    sets = toy_set(tmp_path / "images", "train", 20), toy_set(tmp_path / "images", "val", 6)
    made = make_study(tmp_path, *sets, tmp_path / "images", {"20pct": 4, "50pct": 10}, seeds=(0,))
    text = made.report(resamples=10)
    assert 'id="toy-20pct-base"' in text and 'id="toy-50pct-base"' in text
    plan = read_plan(json.dumps(made.plan))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    assert [group.mix for group in groups] == ["20pct", "50pct"]
    assert all("oracle" in group.arms for group in groups)
    assert "mask AP over the share of masked images" in text


def test_comparison_is_paired_and_honest(study: MadeUp) -> None:
    plan = read_plan(json.dumps(study.plan))
    (group,) = group_results(plan, load_results(plan, ReportSettings().cost))
    comparison = compare_group(group, study.results, resamples=40)
    ap = {name: np.mean(arm.values("AP")) for name, arm in group.arms.items()}
    base = group.baseline.arm.name
    assert ap[base] == max(ap["supervised"], ap["supervised-short"])
    own = comparison.difference("wssis", base)
    assert own.mean == pytest.approx(ap["wssis"] - ap[base])
    assert own.interval[0] < own.mean < own.interval[1]
    assert list(own.per_seed) == ["s0", "s1"] and own.spread is not None
    assert comparison.difference("wssis", "rough") is not None
    gap = comparison.gaps["wssis"]
    assert gap.percent == pytest.approx(100 * (ap["wssis"] - ap[base]) / (ap["oracle"] - ap[base]))


def test_gap_under_two_ap_is_undefined(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"]]
    baseline = {row["seed"]: row["scores"] for row in rows if row["arm"] == "supervised"}
    for row in rows:
        row["scores"] = baseline[row["seed"]] if row["arm"] == "oracle" else row["scores"]
    text = MadeUp({**study.plan, "rows": rows}, study.results, study.images, tmp_path).report(resamples=5)
    assert "The gap closed is undefined" in text and "undefined</td>" in text


def test_detections_that_do_not_give_the_scores_are_refused(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"]]
    target = tmp_path / "model"
    target.mkdir()
    source = Path(rows[1]["scores"]).parent
    for name in ("manifest.json", "metrics.jsonl", "scores.json"):
        (target / name).write_bytes((source / name).read_bytes())
    write_json(target / "detections.json", [])
    rows[1]["scores"] = str(target / "scores.json")
    with pytest.raises(InputError, match="but scores"):
        MadeUp({**study.plan, "rows": rows}, study.results, study.images, tmp_path / "out").report()


def test_plan_with_unknown_arm_or_key_is_refused(study: MadeUp) -> None:
    with pytest.raises(InputError, match="does not describe"):
        read_plan(json.dumps({**study.plan, "arms": study.plan["arms"][:2]}))
    with pytest.raises(InputError, match="colour"):
        read_plan(json.dumps({**study.plan, "colour": 1}))


def test_missing_images_and_objects_are_counted() -> None:
    total = Line("all", 10, 30, 2, part=False)
    assert _missing([total, Line("full", 4, 10, 1), Line("points", 6, 20, 1)]) == 0
    assert _missing([total, Line("full", 4, 10, 1), Line("points", 5, 18, 1)]) == 3
    assert _missing([total, Line("full", 4, 10, 1), Line("nobody looked at", 6)]) == 0
