"""Label Studio's brush strokes: RGBA pictures, row by row, in thi.ng/rle-pack's packed run lengths.

The stream is read bit by bit, the highest of each byte first: 32 bits number of values; 5 bits word size less 1;
4 x 4 bits: widths, less 1, in which a length may be written. Then blocks: 1 bit: whether one value is repeated;
2 bits: which width; the length less 1 in that many bits; then one value, or as many as the length says.
"""

import numpy as np
from numpy.typing import NDArray

OPAQUE = 128
"""Alpha from which a pixel belongs to the stroke: the stroke covers half of it or more."""


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
    if count != 4 * height * width:
        raise ValueError(f"its RLE holds {count} values, not 4 for each pixel of {width} x {height}")
    word = bits.number(5) + 1
    widths = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.min_scalar_type((1 << word) - 1))
    place = 0
    while place < count:
        repeated = bits.number(1)
        length = bits.number(widths[bits.number(2)]) + 1
        if place + length > count:
            raise ValueError("its RLE runs beyond the image")
        values[place : place + length] = bits.number(word) if repeated else bits.numbers(word, length)
        place += length
    return values.reshape(height, width, 4)[..., 3] >= OPAQUE
