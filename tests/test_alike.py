"""Which images look alike."""


import numpy as np
import pytest
from data_fixtures import picture
from PIL import Image, ImageEnhance

from wssis.checking.alike import alike_groups


def _grey(image: Image.Image) -> np.ndarray:
    return np.array(image.convert("RGB").convert("L").resize((16, 16), Image.Resampling.BOX))


PHOTOGRAPH = picture(5, 200, 160)
COPIES = {
    "smaller": PHOTOGRAPH.resize((90, 72)),
    "stretched": PHOTOGRAPH.resize((200, 90)),
    "brighter": ImageEnhance.Brightness(PHOTOGRAPH).enhance(1.3),
    "less contrast": ImageEnhance.Contrast(PHOTOGRAPH).enhance(0.6),
    "grey": PHOTOGRAPH.convert("L"),
    "shifted by 1 %": PHOTOGRAPH.crop((2, 2, 200, 160)),
}
NO_COPIES = {
    "mirrored": PHOTOGRAPH.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": PHOTOGRAPH.transpose(Image.Transpose.ROTATE_180),
    "half of it": PHOTOGRAPH.crop((0, 0, 100, 160)),
    "negative": Image.eval(PHOTOGRAPH, lambda value: 255 - value),
    "another": picture(6, 200, 160),
}


@pytest.mark.parametrize("kind", [*COPIES, *NO_COPIES])
def test_what_looks_alike(kind: str) -> None:
    other = (COPIES | NO_COPIES)[kind]
    assert alike_groups(np.stack([_grey(PHOTOGRAPH), _grey(other)])) == ([0, 0] if kind in COPIES else [None, None])


def test_groups_of_alike_images() -> None:
    rng = np.random.default_rng(0)
    pictures = [_grey(picture(seed)) for seed in range(60)]
    noisy = [np.clip(pictures[3] + rng.normal(0, 2, (16, 16)), 0, 255).astype(np.uint8) for _ in range(30)]
    flat = [np.full((16, 16), 9, np.uint8)] * 20
    groups = alike_groups(np.stack([*pictures, *noisy, pictures[8], *flat]))
    assert groups[3] == 0 and set(groups[60:90]) == {0}, "also where one image has more neighbours than are compared"
    assert groups[8] == groups[90] == 1
    assert {group for place, group in enumerate(groups) if place not in (3, 8, *range(60, 91))} == {None}


def test_no_image_and_one_image() -> None:
    assert alike_groups(np.zeros((0, 16, 16), np.uint8)) == []
    assert alike_groups(np.zeros((1, 16, 16), np.uint8)) == [None]
