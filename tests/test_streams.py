"""What is read or kept piece by piece is what would be read or kept whole."""

import json
import math
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.errors import InputError
from wssis.formats import coco_stream
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.json_text import loads_at_once
from wssis.formats.ledger import COLUMNS, TYPES, LedgerRow, open_ledger
from wssis.formats.ledger_stream import ledger_parts
from wssis.formats.spill import Spill
from wssis.formats.table import open_table

NUMBERS = st.integers(-(2**63), 2**63) | st.floats(-1e3, 1e3)
VALUES = st.recursive(st.none() | NUMBERS | st.text(), st.lists, max_leaves=5)
ITEMS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4)


@settings(max_examples=60, deadline=None)
@given(ITEMS, ITEMS, st.permutations(["images", "annotations", "categories", "info", "n"]), st.integers(1, 30))
def test_stream_equals_the_whole(
    tmp_path_factory: pytest.TempPathFactory, items: list, others: list, keys: list[str], piece: int
) -> None:
    content = {"images": others, "annotations": items, "categories": others[:1], "info": {"annotations": [1]}, "n": 12}
    path = tmp_path_factory.mktemp("coco") / "a.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_stream, "PIECE", piece)
        for indent in (None, 1):
            path.write_text(json.dumps({key: content[key] for key in keys}, indent=indent, ensure_ascii=piece % 2 == 0))
            assert list(annotations_of(path)) == items
            assert read_frame(path) == {"images": others, "annotations": [], "categories": others[:1]}


LIKE_AN_ITEM = st.sampled_from([{"id": 1}, [{"id": 1}, {"id": 2}], '}, {"id": 3', '},{"id"', math.inf, 2**62, "\\é"])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"id": LIKE_AN_ITEM}, optional={"a": LIKE_AN_ITEM, "b": LIKE_AN_ITEM}), max_size=9),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,\n", " : ")]),
    st.integers(1, 400),
)
def test_what_stands_within_an_item_ends_none(
    tmp_path_factory: pytest.TempPathFactory, items: list, separators: tuple[str, str], piece: int
) -> None:
    """Items are parsed many at once, up to a comma before what looks like the next one."""
    path = tmp_path_factory.mktemp("coco") / "a.json"
    path.write_text(json.dumps({"images": items, "annotations": items[::-1], "categories": []}, separators=separators))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_stream, "PIECE", piece)
        assert list(annotations_of(path)) == items[::-1]
        assert read_frame(path)["images"] == items


@pytest.mark.parametrize("odd", [None, math.nan])
def test_many_items_are_parsed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: float | None) -> None:
    """An item that orjson does not take costs one attempt a window, not one an item."""
    items = [{"id": number, "score": odd} for number in range(2000)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [], "annotations": items, "categories": []}))
    tried: list[int] = []

    def counted(text: str) -> Any:
        tried.append(len(text))
        return loads_at_once(text)

    monkeypatch.setattr(coco_stream, "loads_at_once", counted)
    monkeypatch.setattr(coco_stream, "PIECE", path.stat().st_size // 4)
    singly = []
    monkeypatch.setattr(coco_stream, "refuse_halves", lambda *_: singly.append(1))
    assert [one["id"] for one in annotations_of(path)] == list(range(2000))
    assert len(tried) < 20
    assert len(singly) < 30 if odd is None else len(singly) > 2000


def test_a_fault_is_named_where_it_is(tmp_path: Path) -> None:
    """What comes before it is read all the same."""
    path = tmp_path / "a.json"
    path.write_text('{"annotations": [{"id": 1}, {"id": 2}, {"id": 3,}, {"id": 4}], "images": [], "categories": []}')
    found: list[Any] = []
    with pytest.raises(InputError, match=r"not readable as JSON \(Expecting property name .* column 49 "):
        found.extend(annotations_of(path))
    assert found == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "{}", '{"images": [], "annotations": {}, "categories": []}', '{"images": [{"id": 1}, ',
     '{"images": [], "annotations": [], "categories": []} {"masks": []}',
     '{"images": [], "annotations": [], "categories": []}}', '{"images": [1 2]}',
     '{"images": [], "annotations": [], "categories": [NaNN]}', "\xff",
     '{"images": ' + 100_000 * "[", '{"images": [{"file_name": "\\ud800.png"}], "annotations": [], "categories": []}'],
)  # fmt: skip
def test_not_a_coco_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"bad\.json"):
        list(annotations_of(path))
    with pytest.raises(InputError, match="not found"):
        read_frame(tmp_path / "none.json")


def test_annotations_may_be_made_as_they_are_written(tmp_path: Path) -> None:
    coco: dict[str, Any] = {"images": [], "annotations": [{"id": n} for n in range(2500)], "categories": []}
    write_coco(tmp_path / "whole.json", coco)
    write_coco(tmp_path / "made.json", coco | {"annotations": iter(coco["annotations"])})
    assert (tmp_path / "whole.json").read_bytes() == (tmp_path / "made.json").read_bytes()
    assert read_coco(tmp_path / "made.json") == coco


def _failing() -> Any:
    yield {"id": 1}
    raise RuntimeError


def test_a_failure_midway_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write_coco(tmp_path / "a.json", {"annotations": _failing()})
    with pytest.raises(RuntimeError), open_table(tmp_path / "a.csv", ["a"]) as write:
        write([1])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_ledger_row_by_row(tmp_path: Path) -> None:
    cells = {name: None for name in COLUMNS} | {"predictor": "teacher", "status": "small", "shares_mask_with": ""}
    row = LedgerRow(**cells | {"image_id": 1, "point_id": 2, "category_id": 3, "x": 0.1, "y": 2.5})
    with open_ledger(tmp_path / "a.csv") as write:
        write(row)
        write(row)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS) and lines[1:] == ["1,2,3,0.1,2.5,teacher,,small" + 10 * ","] * 2
    (ledger,) = ledger_parts(tmp_path / "a.csv")
    assert ledger["y"].tolist() == [2.5, 2.5]


def test_spill_is_a_mapping(tmp_path: Path) -> None:
    with Spill[str](tmp_path / "new", [7, -3, 2**40, 7]) as spill:
        assert len(spill) == 0 and 7 not in spill and spill.knows(7) and not spill.knows(8)
        spill[7] = "a"
        spill[2**40] = "b"
        spill[7] = "longer"
        assert [spill[7], spill[2**40]] == ["longer", "b"]
        assert spill.filled().tolist() == [7, 2**40] and len(spill) == 2
        assert 7 in spill and -3 not in spill and 8 not in spill
        for unknown in (8, -3, 2**41):
            with pytest.raises(KeyError):
                spill[unknown]
        with pytest.raises(KeyError):
            spill[8] = "c"
    assert list((tmp_path / "new").iterdir()) == []


def test_spill_of_nothing(tmp_path: Path) -> None:
    with Spill[str](tmp_path, []) as spill:
        assert not spill.knows(1) and spill.filled().size == 0


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_ledger_parts_are_the_ledger(tmp_path: Path, rows: int) -> None:
    """Parts of one to all records, with missing values, words that look like missing values, and empty words."""
    path = tmp_path / "a.csv"
    records = []
    for number in range(7):
        made = number % 2 == 0
        records.append(LedgerRow(
            number, 10 + number, 1, 0.5, 1.25, "NA" if number == 3 else "teacher", number if made else None,
            "kept" if made else "small", 2 if made else None, 0.25 if made else None, None, None,
            9 if made else None, made or None, None, None, False, "1 2" if number == 4 else "",
        ))  # fmt: skip
    with open_ledger(path) as write:
        for record in records:
            write(record)
    parts = list(ledger_parts(path, rows))
    assert [len(part) for part in parts] == [min(rows, 7 - first) for first in range(0, 7, rows)]
    whole = pd.concat(parts, ignore_index=True)
    assert [str(kind) for kind in whole.dtypes] == [str(pd.Series(dtype=TYPES[name]).dtype) for name in COLUMNS]
    cells = [[None if pd.isna(cell) else cell for cell in row] for row in whole.itertuples(index=False)]
    assert cells == [list(astuple(record)) for record in records]


def test_ledger_parts_refuse_what_is_no_ledger(tmp_path: Path) -> None:
    for text, words in (("a,b\n1,2\n", "its first line must be"), ("", "not a ledger"), (None, "not found")):
        if text is None:
            (tmp_path / "a.csv").unlink()
        else:
            (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match=words):
            list(ledger_parts(tmp_path / "a.csv"))
