"""Label Studio's brush strokes: RGBA pictures, row by row, in thi.ng/rle-pack's packed run lengths.

The stream is read bit by bit, the highest of each byte first: 32 bits number of values; 5 bits word size less 1;
4 x 4 bits: widths, less 1, in which a length may be written. Then blocks: 1 bit: whether one value is repeated;
2 bits: which width; the length less 1 in that many bits; then one value, or as many as the length says.
"""

import numpy as np
from numpy.typing import NDArray

OPAQUE = 128
"""Alpha from which a pixel belongs to the stroke: the stroke covers half of it or more."""
CHANNELS = 4
WORD = 8
"""Bits of a value, written."""
WIDTHS = (3, 4, 8, 16)
"""Bits in which a length may be written, as Label Studio's own encoder has them."""


class _Bits:
    """Reads unsigned integers from bytes, highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def _bytes(self, size: int) -> tuple[bytes, int]:
        """The bytes that hold the next bits, and how many bits at their end are not of them.

        Raises:
            ValueError: there are fewer bits.
        """
        begin, end = self._place, self._place + size
        last = (end + 7) // 8
        if last > len(self._data):
            raise ValueError("its RLE ends too early")
        self._place = end
        return self._data[begin // 8 : last], last * 8 - end

    def number(self, size: int) -> int:
        """The next integer of so many bits."""
        data, behind = self._bytes(size)
        return (int.from_bytes(data, "big") >> behind) & ((1 << size) - 1)

    def numbers(self, size: int, count: int) -> NDArray[np.int64]:
        """The next `count` integers of so many bits each."""
        data, behind = self._bytes(size * count)
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        table = bits[bits.size - behind - size * count : bits.size - behind].reshape(count, size).astype(np.int64)
        return table @ (1 << np.arange(size - 1, -1, -1, dtype=np.int64))


def brush_mask(rle: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (H, W) of a brush's RLE: where its picture is opaque.

    Raises:
        ValueError: no list of bytes, cut off, or of another size than the image.
    """
    if not isinstance(rle, list) or not all(type(byte) is int and 0 <= byte <= 255 for byte in rle):
        raise ValueError("its RLE is no list of bytes (0 to 255)")
    bits = _Bits(bytes(rle))
    count = bits.number(32)
    if count != CHANNELS * height * width:
        raise ValueError(f"its RLE holds {count} values, not 4 for each pixel of {width} x {height}")
    word = bits.number(5) + 1
    widths = [bits.number(4) + 1 for _ in range(len(WIDTHS))]
    values = np.zeros(count, np.min_scalar_type((1 << word) - 1))
    place = 0
    while place < count:
        repeated = bits.number(1)
        length = bits.number(widths[bits.number(2)]) + 1
        if place + length > count:
            raise ValueError("its RLE runs beyond the image")
        values[place : place + length] = bits.number(word) if repeated else bits.numbers(word, length)
        place += length
    return values.reshape(height, width, CHANNELS)[..., 3] >= OPAQUE


def brush_rle(mask: NDArray[np.bool_]) -> list[int]:
    """The brush's RLE of a mask (H, W): opaque white in the mask, transparent black elsewhere.

    >>> mask = np.array([[True, True]])
    >>> brush_mask(brush_rle(mask), 1, 2)
    array([[ True,  True]])
    """
    flat = mask.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * CHANNELS
    bits = [f"{flat.size * CHANNELS:032b}{WORD - 1:05b}", *(f"{width - 1:04b}" for width in WIDTHS)]
    for length, end in zip(lengths.tolist(), ends.tolist(), strict=True):
        value = f"{255 if flat[end - 1] else 0:08b}"
        bits += [f"1{_written(part)}{value}" for part in _parts(length, 2 ** WIDTHS[-1])]
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _parts(length: int, longest: int) -> list[int]:
    """A length in parts of at most `longest`."""
    return [min(longest, length - begin) for begin in range(0, length, longest)]


def _written(length: int) -> str:
    """A length in the narrowest width that holds it: which width, and the length less 1."""
    place, width = next((place, width) for place, width in enumerate(WIDTHS) if length <= 2**width)
    return f"{place:02b}{length - 1:0{width}b}"
