"""Label cost: the published days, COCO's exact ones, and a data set's own counts."""

import pytest

from wssis.config.label_cost import CostSettings, MeasuredSeconds
from wssis.engine.label_costs import (
    COST_VIEWS,
    LabelCounts,
    cost_views,
    count_labels,
    label_days,
    label_seconds,
    label_stages,
)

COCO_IMAGES = 118_287


def _coco(fraction: float, objects_per_image: float = 7.2) -> LabelCounts:
    """A share of COCO train2017 by the rounded figures of the paper: 2.9 categories per image of 80."""
    images = COCO_IMAGES * fraction
    return LabelCounts(images, images * objects_per_image, images * 2.9, 0, 80)


@pytest.mark.parametrize(
    ("full", "days"), [(1.0, 884.2), (0.05, 158.5), (0.1, 196.7), (0.2, 273.1), (0.3, 349.5), (0.5, 502.3)]
)
def test_published_days_of_masks_and_points(full: float, days: float) -> None:
    mix = {"full": _coco(full), "point": _coco(1 - full)}
    assert label_days(mix, "pointwssis", CostSettings()) == pytest.approx(days, abs=0.1)


@pytest.mark.parametrize(("kind", "days"), [("box", 174.5), ("points10", 263.2)])
def test_published_days_of_boxes_and_ten_points(kind: str, days: float) -> None:
    assert label_days({kind: _coco(1.0)}, "pointwssis", CostSettings()) == pytest.approx(days, abs=0.1)


@pytest.mark.parametrize(("objects", "days"), [(849_949, 882.7), (860_001, 891.9)])
def test_days_of_all_masks_by_cocos_own_counts(objects: int, days: float) -> None:
    counts = LabelCounts(COCO_IMAGES, objects, COCO_IMAGES * 2.9, 0, 80)
    assert label_days({"full": counts}, "pointwssis", CostSettings()) == pytest.approx(days, abs=0.05)


@pytest.mark.parametrize(("kind", "days"), [("box", 493), ("full", 1204), ("points10", 582)])
def test_days_of_cheng_et_al_table_6(kind: str, days: float) -> None:
    counts = LabelCounts(COCO_IMAGES, 849_949, COCO_IMAGES * 2.9, 0, 80)
    assert label_days({kind: counts}, "cheng", CostSettings()) == pytest.approx(days, abs=1)


def _small_set() -> dict:
    """Three images, four classes: two cats and a dog; a cat in a crowd alone; nothing."""
    labels = [(1, 1, 0), (1, 1, 0), (1, 2, 0), (2, 1, 1)]
    annotations = [
        {"id": n, "image_id": image, "category_id": category, "iscrowd": crowd}
        for n, (image, category, crowd) in enumerate(labels)
    ]
    return {
        "images": [{"id": n} for n in (1, 2, 3)],
        "annotations": annotations,
        "categories": [{"id": n, "name": str(n)} for n in (1, 2, 3, 9)],
    }


def test_crowd_is_not_counted_and_its_image_counts_as_empty() -> None:
    assert count_labels(_small_set()) == LabelCounts(images=3, objects=3, pairs=2, empty=2, categories=4)


@pytest.mark.parametrize("model", ["pointwssis", "cheng"])
@pytest.mark.parametrize("points", [[10, 10, 10], [1, 5, 0]])
def test_points_in_boxes_are_paid_for_as_counted(model: str, points: list[int]) -> None:
    coco = _small_set()
    coco["annotations"].pop()  # A crowd region, which has no box.
    for annotation, number in zip(coco["annotations"], points, strict=True):
        annotation["point_labels"] = [1] * number
    seconds = label_seconds(count_labels(coco), "points10", model, CostSettings())
    assert seconds.localisation == pytest.approx(3 * 7 + sum(points) * 0.9)
    as_masks = label_seconds(count_labels(coco), "full", model, CostSettings())
    assert (seconds.category, seconds.spotting) == (as_masks.category, as_masks.spotting)


def test_images_without_objects_pay_the_category_stage() -> None:
    counts = LabelCounts(images=1, objects=0, pairs=0, empty=1, categories=13)
    assert label_seconds(counts, "point", "pointwssis", CostSettings()).total == 13
    assert label_seconds(counts, "point", "cheng", CostSettings()).total == 28.8


@pytest.mark.parametrize("model", ["pointwssis", "cheng"])
def test_known_categories_drop_the_category_stage_only(model: str) -> None:
    counts = count_labels(_small_set())
    asked = label_seconds(counts, "full", model, CostSettings())
    known = label_seconds(counts, "full", model, CostSettings(categories_known=True))
    assert known.category == 0
    assert (known.spotting, known.localisation) == (asked.spotting, asked.localisation)


def test_points_of_one_class_in_an_image_get_cheaper() -> None:
    seconds = label_seconds(count_labels(_small_set()), "point", "pointwssis", CostSettings())
    assert seconds.localisation == pytest.approx(2 * 2.4 + 0.9)


def test_own_seconds_replace_what_was_measured_and_nothing_else() -> None:
    counts = count_labels(_small_set())
    own = CostSettings(measured=MeasuredSeconds(image=3, point_first=2, point_more=1))
    point = label_seconds(counts, "point", "measured", own)
    assert (point.category, point.spotting, point.localisation) == (0, 3 * 3, 2 * 2 + 1)
    assert label_seconds(counts, "full", "measured", own).localisation == 3 * 79
    assert label_seconds(counts, "points10", "measured", own).localisation == 3 * (7 + 10 * 0.9)
    boxes = CostSettings(measured=MeasuredSeconds(point_in_box=0.5, mask=40))
    assert label_seconds(counts, "points10", "measured", boxes).localisation == 3 * (7 + 10 * 0.5)
    assert label_seconds(counts, "full", "measured", boxes).localisation == 3 * 40
    assert label_seconds(counts, "point", "measured", boxes) == label_seconds(counts, "point", "pointwssis", boxes)
    for model in ("pointwssis", "cheng"):
        assert label_seconds(counts, "point", model, own) == label_seconds(counts, "point", model, CostSettings())


@pytest.mark.parametrize("model", ["pointwssis", "cheng", "measured"])
def test_stages_of_a_mix_are_those_of_its_label_kinds(model: str) -> None:
    counts, own = count_labels(_small_set()), CostSettings(measured=MeasuredSeconds(image=3))
    labelled = {"full": counts, "point": LabelCounts(images=4, objects=9, pairs=5, empty=1, categories=3)}
    stages = label_stages(labelled, model, own)
    for stage in ("category", "spotting", "localisation"):
        parts = (getattr(label_seconds(one, kind, model, own), stage) for kind, one in labelled.items())
        assert getattr(stages, stage) == pytest.approx(sum(parts))
    assert stages.total / 86_400 == pytest.approx(label_days(labelled, model, own))


@pytest.mark.parametrize("known", [False, True])
def test_own_seconds_are_a_view_where_there_are_any(known: bool) -> None:
    assert cost_views(CostSettings(categories_known=known)) == COST_VIEWS
    *published, own = cost_views(CostSettings(categories_known=known, measured=MeasuredSeconds(mask=40)))
    assert tuple(published) == COST_VIEWS and (own.key, own.categories_known) == ("measured", known)


def test_without_own_seconds_the_settings_are_the_same_text_as_ever() -> None:
    assert "measured" not in CostSettings().model_dump_json()
