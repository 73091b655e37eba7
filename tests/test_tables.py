"""Tables that stages read: what is in them, and what is refused; and the folds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wssis.errors import InputError
from wssis.formats.image_facts import ImageFacts, read_image_facts, write_image_facts
from wssis.formats.images_table import read_images_table
from wssis.formats.points import read_full_points, read_hidden_ids, write_full_points, write_hidden_ids
from wssis.formats.score_thresholds import ScoreThreshold, read_thresholds, write_thresholds
from wssis.formats.scores import read_scores
from wssis.formats.split import assign_folds, read_split, write_split


def test_split_there_and_back(tmp_path: Path) -> None:
    split = {12: "full", 3: "point", 7: "unlabelled"}
    write_split(tmp_path / "split.csv", split)
    assert read_split(tmp_path / "split.csv") == split
    assert (tmp_path / "split.csv").read_text() == "image_id,label_kind\n3,point\n7,unlabelled\n12,full\n"


def test_points_there_and_back(tmp_path: Path) -> None:
    points = {5: (1 / 3, 2.0), 2: (-0.25, 900.125)}
    write_full_points(tmp_path / "p.csv", points)
    assert read_full_points(tmp_path / "p.csv") == points


def test_hidden_ids_there_and_back(tmp_path: Path) -> None:
    write_hidden_ids(tmp_path / "h.csv", {1: 900100581781, 2: 4})
    assert read_hidden_ids(tmp_path / "h.csv") == {1: 900100581781, 2: 4}


@pytest.mark.parametrize("text", ["", "a,b\n", "image_id,label_kind\n1\n", "image_id,label_kind\n1,boxes\n"])
def test_bad_split(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(InputError, match=r"split\.csv"):
        read_split(tmp_path / "split.csv")


def test_empty_cells_there_and_back(tmp_path: Path) -> None:
    facts = [ImageFacts("train", 3, "RGB", 1, None, (4, 5)), ImageFacts("val", 9, "L", 6, 2)]
    write_image_facts(tmp_path / "f.csv", facts)
    assert read_image_facts(tmp_path / "f.csv") == facts
    rows = [ScoreThreshold(1, 0.25, 0.5, 0.5, 0.5, 2, 3), ScoreThreshold(2, None, 0.0, None, 0.0, 1, 0)]
    write_thresholds(tmp_path / "t.csv", rows)
    assert read_thresholds(tmp_path / "t.csv") == {1: 0.25, 2: None}


SPLIT = "image_id,label_kind\n3,full\n"
IMAGES = "subset,image_id,file_name,width,height,sha256\n"
NO_NUMBERS = {
    "split": (read_split, SPLIT + "x,point\n", "line 3: image_id must be a whole number, not 'x'"),
    "no integer": (read_split, SPLIT + "4.5,point\n", "line 3: image_id must be a whole number, not '4.5'"),
    "images": (lambda path: read_images_table(path, "train"), IMAGES + "val,1,a.png,,9,00\n",
               "line 2: width must be a whole number, not ''"),
    "points": (read_full_points, "annotation_id,x,y\n1,2.5,nan\n", "line 2: y must be a finite number, not 'nan'"),
    "hidden": (read_hidden_ids, "weak_annotation_id,train_annotation_id\n1,-\n", "line 2: train_annotation_id must be"),
    "facts": (read_image_facts,
              "subset,image_id,mode,orientation,alike,flat_points,border_points\ntrain,1,RGB,1,,,4;5\n",
              "line 2: border_points must be whole numbers, not '4;5'"),
    "thresholds": (read_thresholds, "category_id,threshold,f1,precision,recall,objects,detections\n1,high,1,1,1,1,1\n",
                   "line 2: threshold must be a finite number or empty, not 'high'"),
}  # fmt: skip
"""Kind -> reader, text, what is said."""


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_cell_that_is_no_number(tmp_path: Path, kind: str) -> None:
    read, text, said = NO_NUMBERS[kind]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=rf"t\.csv: {said}.*; run its stage again"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("content", [SPLIT.encode() + b"\xd04,point\n", SPLIT.encode("utf-16"),
                                     SPLIT.encode() + b"4," + b"x" * 200_000])  # fmt: skip
@pytest.mark.parametrize("read", [read_split, read_full_points])
def test_a_table_that_is_no_text(tmp_path: Path, content: bytes, read: Callable[[Path], object]) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.csv: not a table in UTF-8 \(.*run its stage again"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("text", ["3", "[]", 2000 * "[", "{}", ""])
def test_scores_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(InputError, match=r"scores\.json: .*; run the evaluate stage again"):
        read_scores(tmp_path / "scores.json")


@given(st.sets(st.integers(0, 10**12), min_size=5, max_size=40), st.integers(2, 5), st.integers(0, 99))
def test_folds_are_balanced_and_ignore_order(ids: set[int], folds: int, seed: int) -> None:
    assigned = assign_folds(ids, folds, seed)
    sizes = [list(assigned.values()).count(fold) for fold in range(folds)]
    assert set(assigned) == ids
    assert max(sizes) - min(sizes) <= 1
    assert assigned == assign_folds(sorted(ids, reverse=True), folds, seed)
    order = np.random.default_rng([seed, folds]).permutation(len(ids))
    assert assigned == {sorted(ids)[place]: turn % folds for turn, place in enumerate(order)}, "dealt in turn, as ever"


@given(st.lists(st.integers(1, 7), min_size=5, max_size=20), st.integers(2, 5), st.integers(0, 99))
def test_a_group_is_in_one_fold(sizes: list[int], folds: int, seed: int) -> None:
    """Such as the frames of a video: a fold teacher that saw one of them would not be blind for the others."""
    names = [str(name) for name, size in enumerate(sizes) for _ in range(size)]
    groups = dict(enumerate(names, 10))
    assigned = assign_folds(groups, folds, seed, groups)
    assert set(assigned) == set(groups) and set(assigned.values()) == set(range(folds))
    assert all(len({assigned[image] for image in groups if groups[image] == name}) == 1 for name in set(names))
    held = [list(assigned.values()).count(fold) for fold in range(folds)]
    assert max(held) - min(held) <= max(sizes)


def test_more_folds_than_images() -> None:
    with pytest.raises(InputError, match="cannot make 3 folds"):
        assign_folds([1, 2], 3, 0)
    with pytest.raises(InputError, match=r"2 groups of fully labelled images .* cannot make 3 folds"):
        assign_folds(range(4), 3, 0, {0: "a", 1: "a", 2: "b", 3: "b"})
