"""Pseudo masks without hidden truth: fates of clicks, pictures, out-of-fold pairs; and what the report says of them."""

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_fixtures import MadeUp, make_study, measured_at, toy_set

from wssis.audit.show import show
from wssis.audit.show_pictures import write_picture
from wssis.config.mask_stages import QualitySettings
from wssis.engine.shown_given import (
    ClickFate,
    choose_by_score,
    choose_worth_a_look,
    fates,
    labels_on_clicks,
    summarise_pairs,
)
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.coco import encode_mask, read_coco
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import read_score_table
from wssis.stages import show_given

SIZE = (6, 9)


def _mask(columns: slice) -> dict[str, Any]:
    mask = np.zeros(SIZE, bool)
    mask[1:5, columns] = True
    return encode_mask(mask)


def _label(number: int, columns: slice | None, score: float, category: int = 1, image: int = 1) -> dict[str, Any]:
    return {
        "id": number, "image_id": image, "category_id": category, "score": score, "source": "pseudo",
        "segmentation": None if columns is None else _mask(columns),
    }  # fmt: skip


def _weak(*clicks: tuple[int, float, float, int]) -> dict[str, Any]:
    """Clicks (id, x, y, category) on one image of 9 x 6 px."""
    annotations = [{"id": i, "image_id": 1, "category_id": c, "point": [x, y]} for i, x, y, c in clicks]
    images = [{"id": 1, "file_name": "1.png", "width": 9, "height": 6}]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "a"}]}


def test_fates() -> None:
    weak = _weak((1, 2, 2, 1), (2, 7.6, 2, 1), (3, 4, 4, 1), (4, 4, 4, 1))
    labels = {1: _label(1, slice(1, 4), 0.9), 2: _label(2, slice(1, 4), 0.4), 3: _label(3, None, 0.0)}
    found = fates(weak, labels)
    assert [one.status for one in found] == ["masked", "masked", "unmasked", "dropped"]
    assert [one.inside for one in found] == [True, False, None, None]
    assert [one.area for one in found] == [12, 12, None, None]


def test_labels_without_clicks_take_one_click_of_their_class_each() -> None:
    weak = _weak((1, 2, 2, 1), (2, 3, 3, 1), (3, 7, 3, 2))
    sure, unsure = _label(8, slice(1, 5), 0.9), _label(9, slice(1, 5), 0.3)
    other, stray = _label(7, slice(6, 9), 0.8, category=1), _label(6, slice(6, 9), 0.2, category=2)
    assert labels_on_clicks([unsure, other, stray, sure], weak) == {1: sure, 2: unsure, 3: stray}
    assert labels_on_clicks([_label(5, slice(6, 9), 0.9, image=1)], weak) == {}


def test_images_are_chosen_by_score_and_at_random() -> None:
    found = [ClickFate(n, n, 1, "masked", n / 10, 4, True) for n in range(10)]
    chosen = choose_by_score(found, 4)
    assert list(chosen)[:2] == [2, 7] and "rank 3 of 10 by score" in chosen[2]
    assert list(chosen.values())[2:] == ["drawn at random"] * 2
    assert choose_by_score(found, 99).keys() == set(range(10)) and choose_by_score([], 3) == {}


def test_worth_a_look() -> None:
    found = [ClickFate(n, n, 1, "masked", n / 10, 4, n != 5) for n in range(1, 8)]
    found.append(ClickFate(8, 8, 1, "unmasked", 0.0, None, None))
    chosen = choose_worth_a_look(found, {3, 4}, 6, {4})
    assert list(chosen) == [8, 3, 5, 1, 2, 6]
    assert chosen[5] == "a mask that misses its click" and chosen[3] == "a click that fell back to another level"


def test_objects_without_a_rough_mask_count_as_nothing() -> None:
    """One has an empty mask, one point was dropped; a crowd region has no point."""
    objects = [_label(number, slice(1, 4), 1.0) | {"iscrowd": int(number == 4)} for number in (1, 2, 3, 4)]
    full = _weak() | {"annotations": objects}
    pairs = [_label(8, slice(1, 4), 0.9) | {"point_id": 1}, _label(9, None, 0.9) | {"point_id": 2}]
    assert summarise_pairs(full, pairs) == {"pairs": 3, "mean_iou_pairs": 0.333333, "above_half_pairs": 0.333333}
    assert summarise_pairs(_weak(), []) == {"pairs": 0}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """The made-up study as one of half-labelled files: no oracle, no quality tables, clicks in the place of points."""
    root = tmp_path_factory.mktemp("given")
    sets = toy_set(root / "images", "train", 20), toy_set(root / "images", "val", 15)
    made = make_study(root, *sets, root / "images", {"20pct": 4}, seeds=(0,))
    rows = [_given(row) for row in made.plan["rows"] if row["arm"] != "oracle"]
    prepared = made.results / "toy" / "prepare.manifest.json"
    content = json.loads(prepared.read_text())
    content["counts"]["held_out_images"] = 15
    write_json(prepared, content)
    arms = [arm for arm in made.plan["arms"] if arm["name"] != "oracle"]
    return MadeUp(made.plan | {"rows": rows, "arms": arms}, made.results, made.images, made.out)


def _given(row: dict[str, Any]) -> dict[str, Any]:
    """A row at the mix `given`, with what its stages write."""
    run = Path(row["run"])
    manifest = json.loads((run / "points.manifest.json").read_text())
    write_json(run / "points.manifest.json", manifest | {"stage": "points_given"})
    row = row | {"mix": "given", "full_percent": None, **measured_at(None)}
    if (run / "quality" / f"{row['arm']}.csv").is_file():
        shown = run / "quality" / f"{row['arm']}.shown.json"
        pairs = {"full": run / "full.json", "pairs": _pairs(run)} if row["arm"] == "wssis" else {}
        show_given.run(
            QualitySettings(shown=3, gallery=8), run / "weak.json", run / "pseudo" / f"{row['arm']}.json", shown,
            run / "proposals" / "weak.json", **pairs,
        )  # fmt: skip
        (run / "quality" / f"{row['arm']}.csv").unlink()
        row["shown"] = str(shown)
    return row


@pytest.mark.parametrize(
    ("name", "wrong", "key"),
    [("weak", "pseudo", "point"), ("pseudo", "weak", "source"), ("proposals", "weak", "point_id"),
     ("full", "weak", "segmentation"), ("pairs", "weak", "point_id")],
)  # fmt: skip
def test_another_file_than_the_one_asked_for(tmp_path: Path, name: str, wrong: str, key: str) -> None:
    weak = _weak((1, 2, 2, 1))
    label = _label(5, slice(1, 4), 0.9) | {"point_id": 1, "status": "kept", "iscrowd": 0}
    paths = {one: tmp_path / f"{one}.json" for one in ("weak", "pseudo", "proposals", "full", "pairs")}
    for one, path in paths.items():
        write_json(path, weak if one == "weak" else {**weak, "annotations": [label]})
    show_given.run(QualitySettings(), out=tmp_path / "shown.json", **paths)
    with pytest.raises(InputError, match=rf"{wrong}\.json: annotation [15] has no {key}; is it the right file"):
        show_given.run(QualitySettings(), out=tmp_path / "shown.json", **paths | {name: paths[wrong]})


def _pairs(run: Path) -> Path:
    """Out-of-fold masks on the full images: the true ones, but for the first, which is empty."""
    full = read_coco(run / "full.json")
    pairs = [{**one, "point_id": one["id"], "score": 0.5, "status": "kept"} for one in full["annotations"]]
    pairs[0] |= {"segmentation": None}
    write_json(run / "proposals" / "full.json", {**full, "annotations": pairs})
    return run / "proposals" / "full.json"


def test_the_page_says_what_is_known_and_what_is_not(study: MadeUp) -> None:
    page = study.report()
    text = html.unescape(" ".join(re.sub("<[^>]+>", " ", page).split()))
    assert "Nobody has drawn the clicked objects, so three things cannot be known" in text
    assert "Points are given : clicks as they came with the data" in text
    assert "20 % (given) with masks" in text and "One mix: no curve. The files have masks on 20 %" in text
    assert "15 validation images were held out of those with masks" in text
    assert "by PointWSSIS's model and" in text
    for word in ("idealised", "gap closed", "Hidden truth", "run.mixes"):
        assert word not in text, word
    shown = Path(study.plan["rows"][-1]["shown"])
    pairs = read_manifest(shown.with_name("wssis.shown.json.manifest.json"))["counts"]
    number = pairs["pairs"]
    assert pairs["mean_iou_pairs"] == pytest.approx((number - 1) / number, abs=1e-6)
    assert f"have a mean IoU of {pairs['mean_iou_pairs']:.2f} with the true masks" in text


def test_its_tables(study: MadeUp) -> None:
    study.report()
    rows = read_score_table(study.out / "scores.csv")
    assert {row["points"] for row in rows} == {"none", "given"}
    assert {float(row["full_percent"]) for row in rows} == {20.0}
    table = (study.out / "tables" / "clicks-toy-given-base.csv").read_text()
    counts = read_manifest(Path(f"{study.plan['rows'][-1]['shown']}.manifest.json"))["counts"]
    assert counts["points"] == counts["masked"] + counts["unmasked"] + counts["dropped"] > counts["unmasked"] > 0
    assert "clicks with a mask" in table and str(counts["masked"]) in table


def test_the_gallery_has_no_truth(study: MadeUp) -> None:
    study.report()
    gallery = (study.out / "gallery.html").read_text()
    assert "Nobody knows the true masks" in gallery and 'value="truth"' not in gallery and "IoU" not in gallery
    assert "score 0.50" in gallery and 'data-worth="0.5"' in gallery and "least sure first" in gallery


def test_what_wssis_show_says_of_them(study: MadeUp, tmp_path: Path) -> None:
    """Without hidden masks there are scores, and no IoU."""
    path = Path(next(row["shown"] for row in study.plan["rows"] if row.get("shown")))
    text = show(path)
    assert "made by show_given" in text and "by score, 1 being the least sure" in text
    (line,) = [line for line in text.splitlines() if line.startswith("score ")]
    assert len(line.split()) == 7 and "IoU, pseudo" not in text
    told = write_picture(path, tmp_path / "shown.png")
    assert told.endswith("images, chosen by the rule: rough masks, pseudo masks")


def test_full_and_pairs_go_together(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs --full and --pairs together"):
        show_given.run(QualitySettings(), tmp_path, tmp_path, tmp_path, full=tmp_path)
