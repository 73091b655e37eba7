"""Pictures of images with many objects: points that do not hide them, and a list that can be folded."""

from dataclasses import replace

import pytest
from jinja2 import Environment

from wssis.report_page.gallery import GalleryImage, Outline
from wssis.report_page.page import PackageLoader
from wssis.report_page.pictures import crowding


def _image(objects: int) -> GalleryImage:
    """96 x 48 px."""
    one = Outline(0, "cell", "#123456", "masked", "small", "", None, None, 0.5, 5.0, 6.0, {"pseudo": "M1 1L2 2"})
    outlines = tuple(replace(one, number=number) for number in range(objects))
    return GalleryImage("group", "a.png", "worst", 96, 48, "data:,", "cells", outlines, ())


@pytest.mark.parametrize(("objects", "radius"), [(0, 2.0), (1, 2.0), (20, 2.0), (80, 1.0), (320, 0.5)])
def test_points_of_four_times_as_many_objects_are_half_as_wide(objects: int, radius: float) -> None:
    assert _image(objects).dot == pytest.approx(radius)
    assert crowding(objects) == pytest.approx(radius / 2)


@pytest.mark.parametrize(("objects", "folded"), [(20, False), (21, True)])
def test_a_long_list_is_folded(objects: int, folded: bool) -> None:
    environment = Environment(loader=PackageLoader(), trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template("gallery.html.j2").render(
        study="s", groups=[], images=[_image(objects)], classes=["cell"], layers={}, statuses={}, scores=0.3
    )
    assert page.count("<li data-number=") == objects
    assert (f"<details><summary>{objects} objects</summary>" in page) == folded
    assert page.count("</details>") == (1 if folded else 0)
