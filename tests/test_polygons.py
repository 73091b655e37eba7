"""Polygons looked at in blocks: no verdict that the slow look does not share, and no point that differs by a bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.config.data_stages import PointsSettings
from wssis.engine.pointing import FEWEST_FOR_WORKERS, POINT_STREAM, simulated_points
from wssis.errors import InputError
from wssis.formats.annotation_blocks import trusted, without_pixels
from wssis.formats.coco import compressed, compressed_many, decode_mask, encode_mask, mask_area
from wssis.formats.coco_check import check_coco
from wssis.formats.coco_normal import normal_form
from wssis.formats.polygons import in_image, packed, surely_filled
from wssis.formats.rle import pixel_spans, run_lengths, run_table
from wssis.geometry.points import simulate, span_centroids, span_mask

H, W = 24, 30
SOME_MASKS = st.lists(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), min_size=1, max_size=6)
CORNER = st.one_of(
    st.integers(0, 24), st.floats(-1, 25), st.floats(9, 14), st.sampled_from([11.5, 11.499999, 12.5, 12.1, 11.9])
)
RINGS = st.lists(st.tuples(CORNER, CORNER), min_size=3, max_size=7).map(lambda corners: [c for p in corners for c in p])


@settings(max_examples=1500)
@given(RINGS)
def test_who_is_surely_filled_has_a_pixel(ring: list[float]) -> None:
    rings = packed([ring], [(W, H)])
    assert rings is not None
    if surely_filled(rings)[0]:
        assert mask_area([ring], H, W) > 0


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 24), st.floats(0.1, 4)), min_size=1, max_size=20))
def test_thin_steep_slivers(slivers: list[tuple[float, float, float]]) -> None:
    drawn = [[x, y, x + width, y, x + width / 2, y + 200 * width] for x, y, width in slivers]
    rings = packed(drawn, [(W, H)] * len(drawn))
    assert rings is not None
    for ring, sure in zip(drawn, surely_filled(rings), strict=True):
        assert not sure or mask_area([ring], H, W) > 0


def test_most_objects_are_surely_filled() -> None:
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    rings = [
        (12 + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)).ravel().tolist() for radius in (0.5, 2, 5, 11)
    ]
    drawn = packed(rings, [(W, H)] * 4)
    assert drawn is not None
    assert surely_filled(drawn).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "ring", [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, "6"], [1, 2, 3, 4, 5, None], "x"]
)
def test_no_polygon(ring: object) -> None:
    assert packed([[0, 0, 1, 0, 1, 1], ring], [(W, H)] * 2) is None


def test_in_image() -> None:
    rings = packed(
        [[0, 0, 5, 0, 5, 5], [-2, 0, 5, 0, 5, 5], [0, 0, 5, 0, 5, 26], [0, 0, float("nan"), 0, 5, 5]], [(W, H)] * 4
    )
    assert rings is not None
    assert in_image(rings, 1.0).tolist() == [True, False, False, False]
    assert in_image(rings, 2.0).tolist() == [True, True, True, False]


def _annotation(number: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 2, "segmentation": segmentation, **more}


def _coco(annotations: list[dict[str, Any]]) -> dict[str, Any]:
    images = [{"id": 1, "file_name": "1.png", "width": W, "height": H}]
    return {"images": images, "annotations": annotations, "categories": [{"id": 2, "name": "a"}]}


SQUARE = [[2, 2, 12, 2, 12, 12, 2, 12]]
DOUBTFUL = {
    "text id": {"id": "1"}, "true id": {"id": True}, "category": {"category_id": 3}, "list": {"category_id": [2]},
    "crowd": {"iscrowd": 2}, "short box": {"bbox": [1, 2]}, "negative": {"bbox": [1, 2, -3, 4.0]},
    "NaN box": {"bbox": [1.0, float("nan"), 3.0, 4.0]}, "area": {"area": float("inf")}, "image": {"image_id": 9},
    "list image": {"image_id": [1]}, "outside": {"segmentation": [[2, 2, 40, 2, 4, 9]]}, "none": {"segmentation": None},
    "no rings": {"segmentation": []}, "line": {"segmentation": [[2, 2, 9, 2, 5, 2]]},
}  # fmt: skip


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_doubtful_annotations_are_not_trusted_and_their_neighbours_not_blamed(kind: str) -> None:
    annotations = [_annotation(5, SQUARE), _annotation(6, SQUARE) | DOUBTFUL[kind], _annotation(7, SQUARE)]
    images = {1: {"width": W, "height": H}}
    assert 1 not in trusted(annotations, images, {2}, 1.0, filled=True)
    problems = check_coco(_coco(annotations), Path("a.json"))
    assert len(problems) == 1 and repr(annotations[1]["id"]) in str(problems[0])


def test_odd_but_sound_annotations() -> None:
    odd = [
        _annotation(1, SQUARE, bbox=[1, 2.0, 3, 0], area=0),
        _annotation(2, SQUARE, iscrowd=0.0),
        _annotation(3, [[2, 2, 9, 2, 5, 2], *SQUARE]),
    ]
    assert sorted(trusted(odd, {1: {"width": W, "height": H}}, {2}, 1.0, filled=True)) == [0, 1, 2]
    assert check_coco(_coco(odd), Path("a.json")) == []


@settings(max_examples=50)
@given(st.lists(RINGS, min_size=1, max_size=8))
def test_without_pixels_agrees_with_the_rasteriser(rings: list[list[float]]) -> None:
    annotations = [_annotation(number, [ring]) for number, ring in enumerate(rings)]
    annotations.append(_annotation(99, encode_mask(np.zeros((H, W)))))
    expected = [not mask_area(annotation["segmentation"], H, W) for annotation in annotations]
    assert list(without_pixels(annotations, {1: {"width": W, "height": H}})) == expected
    kept, dropped = normal_form(_coco(annotations), "drop")
    assert dropped == sum(expected) and len(kept["annotations"]) == expected.count(False)


@settings(max_examples=50)
@given(st.lists(st.lists(RINGS, min_size=1, max_size=3), max_size=6))
def test_many_masks_at_once(polygons: list[list[list[float]]]) -> None:
    given_masks = [*polygons, encode_mask(np.eye(H, W)), {"size": [H, W], "counts": [10, 5, H * W - 15]}]
    expected = [compressed(one, H, W) for one in given_masks]
    assert compressed_many(given_masks, H, W) == expected


@given(SOME_MASKS)
def test_run_table_is_run_lengths_of_each(masks: list[np.ndarray]) -> None:
    counts = [encode_mask(mask)["counts"].encode() for mask in masks]
    lengths, start = run_table(counts)
    for number, one in enumerate(counts):
        assert lengths[start[number] : start[number + 1]].tolist() == run_lengths(one).tolist()


@given(SOME_MASKS)
def test_spans_hold_the_mask(masks: list[np.ndarray]) -> None:
    first, last, start = pixel_spans([encode_mask(mask)["counts"].encode() for mask in masks])
    for number, mask in enumerate(masks):
        part = slice(start[number], start[number + 1])
        flat = np.zeros(mask.size, bool)
        for begin, end in zip(first[part], last[part], strict=True):
            flat[begin:end] = True
        assert (flat.reshape(mask.shape[::-1]).T == mask).all()
        if mask.any():
            found, (left, top) = span_mask(first[part], last[part], len(mask))
            placed = np.zeros_like(mask)
            placed[top : top + found.shape[0], left : left + found.shape[1]] = found
            assert (placed == mask).all()


@given(SOME_MASKS.map(lambda masks: [mask for mask in masks if mask.any()]).filter(len))
def test_span_centroids_are_equal_to_the_bit(masks: list[np.ndarray]) -> None:
    first, last, start = pixel_spans([encode_mask(mask)["counts"].encode() for mask in masks])
    found = span_centroids(first, last, start, np.array([len(mask) for mask in masks]))
    rng = np.random.default_rng(0)
    assert [tuple(point) for point in found.tolist()] == [simulate(mask, "centroid", 0.0, rng) for mask in masks]


def _drawn(count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    rings = rng.uniform(0, 24, (count, 10)).round(2).tolist()
    return [_annotation(number, [ring]) for number, ring in enumerate(rings) if mask_area([ring], H, W)]


@pytest.mark.parametrize("strategy", ["centroid", "interior", "random"])
@pytest.mark.parametrize("drift", [0.0, 2.0])
def test_points_are_those_of_the_whole_masks(strategy: str, drift: float) -> None:
    wanted = PointsSettings(strategy=strategy, drift=drift, seed=4)
    annotations = _drawn(60)
    expected = []
    for annotation in annotations:
        rng = np.random.default_rng([4, POINT_STREAM, annotation["id"]])
        x, y = simulate(decode_mask(annotation, H, W), strategy, drift, rng)
        expected.append((round(x, 3), round(y, 3)))
    assert list(simulated_points(annotations, {1: {"width": W, "height": H}}, wanted)) == expected


def test_workers_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    annotations, images = _drawn(60) * 40, {1: {"width": W, "height": H}}
    alone = list(simulated_points(annotations, images, PointsSettings()))
    assert len(annotations) < FEWEST_FOR_WORKERS
    monkeypatch.setattr("wssis.engine.pointing.FEWEST_FOR_WORKERS", 0)
    assert list(simulated_points(annotations, images, PointsSettings(), workers=2)) == alone


def test_empty_mask_and_wrong_size_are_named() -> None:
    images = {1: {"width": W, "height": H}}
    with pytest.raises(InputError, match="annotation 8: an empty mask has no point"):
        list(simulated_points([_annotation(8, [[2, 2, 9, 2, 5, 2]])], images, PointsSettings()))
    with pytest.raises(InputError, match="annotation 8: RLE of size"):
        list(simulated_points([_annotation(8, encode_mask(np.eye(4)))], images, PointsSettings()))
    assert json.dumps(list(simulated_points([], images, PointsSettings()))) == "[]"
