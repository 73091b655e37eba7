"""Masks drawn in characters, to be checked by eye."""

import numpy as np


def drawn(text: str) -> np.ndarray:
    """The mask (H, W) of as many words of characters as it has rows: # is inside."""
    return np.array([[character == "#" for character in line] for line in text.split()])
