"""JSON is written to the byte as the standard library writes it, and read alike."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wssis.formats.json_text import blocks, dumps, loads, pieces

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e-3, 1e-3))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _plain(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@given(VALUES.filter(lambda value: "\\ud" not in json.dumps(value)))
def test_same_bytes_as_the_standard_library(value: object) -> None:
    assert dumps(value) == _plain(value)
    assert loads(dumps(value)) == json.loads(_plain(value)) or "e" in str(value) or len(str(value)) > 18


@pytest.mark.parametrize("number", [1e-5, 1.5e-5, 1e-7, 1e15, 1e16, 1.2345678901234567e16, 1e22, 5e-324, -0.0, 2**70])
def test_numbers_that_are_written_in_more_than_one_way(number: float) -> None:
    assert dumps([number]) == _plain([number])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_nan_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps({"score": number})


def test_other_kinds_are_refused() -> None:
    with pytest.raises(TypeError):
        dumps({1, 2})


def test_nan_is_read_and_rubbish_is_named() -> None:
    assert math.isnan(loads(b'{"a": NaN}')["a"])
    with pytest.raises(ValueError, match="line 1 column 7"):
        loads(b'{"a": ?}')
    with pytest.raises(ValueError, match="utf-8"):
        loads(b'{"a": "\xff"}')


@pytest.mark.parametrize("text", [100_000 * b"[", b'{"a":' * 2000 + b"1" + b"}" * 2000])
def test_too_deep(text: bytes) -> None:
    with pytest.raises(ValueError, match="lists within one another, too deep"):
        loads(text)


@pytest.mark.parametrize(
    ("text", "half"),
    [(rb'["\ud800.png"]', 3), (rb'["\uDFFF"]', 3), (rb'{"\ud83d": NaN}', 3), (rb'["\\\\\udc00"]', 7),
     (rb'["\ud83d\ude00\ud83d"]', 15), (rb'["\ud83d\ud83d\ude00"]', 3)],
)  # fmt: skip
def test_half_a_character_is_refused(text: bytes, half: int) -> None:
    with pytest.raises(ValueError, match=rf"is half a character: line 1 column {half} "):
        loads(text)


@pytest.mark.parametrize("text", [rb'["\ud83d\ude00", NaN]', rb'["\\ud83d", NaN]', rb'["\"\n\u0041", NaN]'])
def test_whole_characters_beside_nan(text: bytes) -> None:
    assert loads(text)[0] == json.loads(text)[0]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_pieces_make_the_whole(count: int) -> None:
    items = [{"id": number} for number in range(count)]
    assert b"".join(pieces(iter(items))) == _plain(items)


def test_blocks_of_nothing() -> None:
    assert list(blocks([], 3)) == []
