"""Splits: nested, complete, deterministic; rare classes early; groups whole; lists obeyed."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.config.data_stages import SplitSettings
from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.formats.split import read_split
from wssis.stages import split as stage
from wssis.stages.split import split_images


def data(classes_of: list[list[int]], groups: list[str] | None = None) -> dict[str, Any]:
    """Images 1, 2, ... with an object of every class listed; boxes suffice, masks are not looked at."""
    images: list[dict[str, Any]] = [
        {"id": n, "file_name": f"{n}.png", "width": 9, "height": 9} for n in range(1, len(classes_of) + 1)
    ]
    for image, group in zip(images, groups or [], strict=False):
        image["video"] = group
    annotations = [
        {"image_id": image["id"], "category_id": category, "iscrowd": 0, "segmentation": [[0, 0, 3, 0, 3, 3]]}
        for image, present in zip(images, classes_of, strict=True)
        for category in present
    ]
    annotations = [{"id": n, **annotation} for n, annotation in enumerate(annotations, start=1)]
    return {"images": images, "annotations": annotations, "categories": [{"id": n, "name": str(n)} for n in range(6)]}


def full(split: dict[int, str]) -> set[int]:
    return of_kind(split, "full")


def of_kind(split: dict[int, str], kind: str) -> set[int]:
    return {image for image, one in split.items() if one == kind}


CLASSES = st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=2, max_size=40).map(lambda lists: [[0], *lists])
PERCENTS = st.floats(0.1, 100)
METHODS = st.sampled_from(["random", "stratified", "group"])


@settings(deadline=None)
@given(CLASSES, PERCENTS, PERCENTS, METHODS, st.integers(0, 5))
def test_smaller_mixes_are_nested(classes: list[list[int]], one: float, two: float, method: str, seed: int) -> None:
    coco = data(classes, groups=[str(n % 5) for n in range(len(classes))])
    parts = []
    for percent in sorted([one, two]):
        chosen = SplitSettings(full_percent=percent, method=method, group_key="video", seed=seed)
        try:
            split = split_images(coco, chosen)
        except InputError as error:
            assert "show no object" in str(error) and method != "stratified"
            return
        assert set(split) == {image["id"] for image in coco["images"]}
        assert full(split)
        assert split == split_images({**coco, "images": coco["images"][::-1]}, chosen)
        parts.append(full(split))
    assert parts[0] <= parts[1]


@pytest.mark.parametrize("method", ["random", "stratified"])
@pytest.mark.parametrize(("percent", "count"), [(1, 1), (10, 4), (12.5, 5), (100, 40)])
def test_number_of_full_images(method: str, percent: float, count: int) -> None:
    coco = data([[0]] * 40)
    assert len(full(split_images(coco, SplitSettings(full_percent=percent, method=method)))) == count


def test_seeds_differ() -> None:
    coco = data([[n % 3] for n in range(30)])
    assert full(split_images(coco, SplitSettings(seed=0))) != full(split_images(coco, SplitSettings(seed=1)))


def test_rare_classes_come_early() -> None:
    coco = data([[0]] * 50 + [[0, 1]] * 40 + [[0, 2]] * 8 + [[0, 5]] * 2)
    present = {image["id"]: set() for image in coco["images"]}
    for annotation in coco["annotations"]:
        present[annotation["image_id"]].add(annotation["category_id"])
    for seed in range(10):
        chosen = full(split_images(coco, SplitSettings(full_percent=3, seed=seed)))
        assert set.union(*(present[image] for image in chosen)) == {0, 1, 2, 5}


def test_strata_keep_their_shares() -> None:
    coco = data([[0]] * 60 + [[1]] * 30 + [[]] * 10)
    chosen = full(split_images(coco, SplitSettings(full_percent=50, seed=3)))
    shares = Counter("0" if image <= 60 else "1" if image <= 90 else "empty" for image in chosen)
    assert abs(shares["0"] - 30) <= 2 and abs(shares["1"] - 15) <= 2 and abs(shares["empty"] - 5) <= 2


def test_groups_stay_together() -> None:
    groups = [str(n // 4) for n in range(40)]
    split = split_images(
        data([[0]] * 40, groups),
        SplitSettings(full_percent=30, unlabelled_percent=22, method="group", group_key="video"),
    )
    kinds = [{split[image + 1] for image in range(40) if groups[image] == name} for name in set(groups)]
    assert all(len(kind) == 1 for kind in kinds)
    assert Counter(split.values()) == {"full": 12, "unlabelled": 12, "point": 16}


def test_files_as_given(tmp_path: Path) -> None:
    listing = tmp_path / "full.txt"
    listing.write_text("3\n7\n")
    chosen = SplitSettings(method="files", full_ids=str(listing), full_percent=10)
    assert full(split_images(data([[0]] * 9), chosen)) == {3, 7}
    listing.write_bytes("3\n7\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"full\.txt: is no text in UTF-8 .*; list image ids in it, one per line"):
        split_images(data([[0]] * 9), chosen)
    listing.write_text("3\n70\n")
    with pytest.raises(InputError, match=r"full\.txt: image ids 70 are not in train\.json"):
        split_images(data([[0]] * 9), chosen)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "files", "full_ids": "none.txt"}, r"none\.txt: not found"),
        ({"method": "group", "group_key": "day"}, "image 1 has no key 'day'"),
        ({"full_percent": 60, "unlabelled_percent": 50}, "more than 100 together"),
    ],
)
def test_refusals(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_images(data([[0]] * 9), SplitSettings(**values))


def test_only_empty_images_drawn() -> None:
    with pytest.raises(InputError, match="show no object"):
        split_images(data([[0]] + [[]] * 200), SplitSettings(full_percent=1, method="random", seed=1))


def test_stage_writes_parts_that_add_up(tmp_path: Path) -> None:
    coco = data([[0], [1], [], [0, 1]] * 5)
    (tmp_path / "train.json").write_text(json.dumps(coco))
    stage.run(SplitSettings(full_percent=20, unlabelled_percent=20), tmp_path / "train.json", tmp_path / "run")
    kinds = read_split(tmp_path / "run" / "split.csv")
    assert Counter(kinds.values()) == {"full": 4, "unlabelled": 4, "point": 12}
    whole, unlabelled = (read_coco(tmp_path / "run" / f"{name}.json") for name in ("full", "unlabelled"))
    assert {image["id"] for image in whole["images"]} == full(kinds)
    assert whole["annotations"] == [a for a in coco["annotations"] if kinds[a["image_id"]] == "full"]
    assert len(unlabelled["images"]) == 4 and unlabelled["annotations"] == []
    counts = json.loads((tmp_path / "run" / "split.manifest.json").read_text())["counts"]
    assert counts["full_images"] == 4 and counts["full_objects"] == len(whole["annotations"])


PARTS = st.tuples(*[st.integers(0, 6)] * 4).filter(lambda parts: any(parts[:3]))
SHARES = PARTS.map(lambda parts: [100 * part / sum(parts) for part in parts])


@settings(deadline=None)
@given(CLASSES, SHARES, st.sampled_from(["random", "stratified"]), st.integers(0, 5))
def test_every_kind_has_its_share(classes: list[list[int]], shares: list[float], method: str, seed: int) -> None:
    coco, (masks, boxes, points, nothing) = data(classes), shares
    mix = {"full_percent": masks, "points10_percent": boxes, "unlabelled_percent": nothing}
    try:
        split = split_images(coco, SplitSettings(**mix, method=method, seed=seed))
    except InputError as error:
        assert "show no object" in str(error)
        return
    number = len(classes)
    assert set(split) == {image["id"] for image in coco["images"]}
    for kind, share in (("full", masks), ("points10", boxes), ("point", points), ("unlabelled", nothing)):
        assert abs(len(of_kind(split, kind)) - number * share / 100) <= 2, kind
    assert boxes or not of_kind(split, "points10")
    assert points or not boxes or not of_kind(split, "point"), "rounding leaves no image to a kind without a share"
    del mix["points10_percent"]
    without = split_images(coco, SplitSettings(**mix, method=method, seed=seed))
    assert [of_kind(split, kind) for kind in ("full", "unlabelled")] == [
        of_kind(without, kind) for kind in ("full", "unlabelled")
    ]
    assert of_kind(split, "points10") | of_kind(split, "point") == of_kind(without, "point")


def test_images_for_boxes_are_nested_in_those_of_a_larger_share() -> None:
    coco = data([[n % 6] for n in range(40)])
    parts = [
        of_kind(split_images(coco, SplitSettings(full_percent=10, points10_percent=share, seed=3)), "points10")
        for share in (20, 50, 90)
    ]
    assert parts[0] < parts[1] < parts[2] and [len(part) for part in parts] == [8, 20, 36]


def test_no_image_needs_a_mask() -> None:
    split = split_images(data([[0], [1], []]), SplitSettings(full_percent=0, points10_percent=100))
    assert set(split.values()) == {"points10"}


def test_a_list_of_images_gives_no_masks_to_a_mix_without_masks(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("1\n2\n")
    listed = {"method": "files", "full_ids": str(tmp_path / "ids.txt")}
    coco = data([[0], [1], [2], [0]])
    assert full(split_images(coco, SplitSettings(**listed, full_percent=25))) == {1, 2}
    split = split_images(coco, SplitSettings(**listed, full_percent=0, points10_percent=100))
    assert set(split.values()) == {"points10"}


def test_more_than_all_images() -> None:
    with pytest.raises(InputError, match="full_percent 60, points10_percent 50 are more than 100 together"):
        split_images(data([[0]]), SplitSettings(full_percent=60, points10_percent=50))
