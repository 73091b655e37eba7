"""split.csv, full_points.csv, hidden_ids.csv and the folds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wssis.errors import InputError
from wssis.formats.points import read_full_points, read_hidden_ids, write_full_points, write_hidden_ids
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


@given(st.sets(st.integers(0, 10**12), min_size=5, max_size=40), st.integers(2, 5), st.integers(0, 99))
def test_folds_are_balanced_and_ignore_order(ids: set[int], folds: int, seed: int) -> None:
    assigned = assign_folds(ids, folds, seed)
    sizes = [list(assigned.values()).count(fold) for fold in range(folds)]
    assert set(assigned) == ids
    assert max(sizes) - min(sizes) <= 1
    assert assigned == assign_folds(sorted(ids, reverse=True), folds, seed)


def test_more_folds_than_images() -> None:
    with pytest.raises(InputError, match="cannot make 3 folds"):
        assign_folds([1, 2], 3, 0)
