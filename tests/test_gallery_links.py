"""Addresses of parts of the gallery, and which images it takes."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from wssis.report_page.figures import WIDTH, Link, Picture, drawing
from wssis.report_page.filters import iou_ranges, within
from wssis.report_page.gallery import GalleryGroup, GalleryImage, Outline, _spread
from wssis.report_page.instances import with_predictions
from wssis.report_page.results import Group


def _gallery(iou: float | None = 0.55) -> GalleryGroup:
    """One image with one object."""
    one = Outline(1, "cell", "#123456", "masked", "small", "apart", None, iou, 0.5, 5.0, 6.0, {})
    image = GalleryImage("toy", "a b.png", "worst", 96, 48, "data:,", "cells", (one,), ())
    return GalleryGroup("toy", "Toy", "wssis", "WSSIS, seed s0", (image,))


@pytest.mark.parametrize(
    ("query", "address"),
    [({"image": "a b.png"}, "image=a+b.png"), ({"image": "b.png"}, None),
     ({"iou": "0.5-0.6", "size": "small"}, "iou=0.5-0.6&size=small"), ({"iou": "0.6-0.7"}, None),
     ({"layers": "student truth"}, "layers=student+truth")],
)  # fmt: skip
def test_an_address_leads_to_instances_or_is_none(query: Mapping[str, str], address: str | None) -> None:
    assert _gallery().link(query) == (address and f"gallery.html#group=toy&{address}")


def test_without_hidden_truth_no_iou_is_known() -> None:
    assert _gallery(None).link({"iou": "0.5-0.6"}) is None and _gallery(None).link({}) is not None


def test_every_iou_is_in_one_range() -> None:
    for step in range(101):
        assert sum(within(step / 100, span) for span in iou_ranges()) == 1


def test_images_of_the_page_are_in_the_gallery_however_few_it_takes() -> None:
    records = [{"id": number, "fair": number in (3, 8)} for number in range(20)]
    for most in (2, 3, 7, 20, 30):
        ids = [record["id"] for record in _spread(records, most)]
        assert len(set(ids)) == len(ids) == min(most, 20) and {3, 8} <= set(ids)
    assert len(_spread(records, 1)) == 1 and _spread(records, 0) == []


def test_links_of_a_figure_stand_apart_from_what_readers_of_alt_text_are_spared() -> None:
    link = Link("gallery.html#a=1&b=2", "One < two")
    with drawing(WIDTH, 1, "linked", [link, None]) as (figure, svg):
        figure.add_subplot().axhspan(0, 1, url=link.href, alpha=0.01)
    spared, _, links = svg[0].partition('<g class="links">')
    assert spared.endswith("</g>") and '<g aria-hidden="true">' in spared and "<a " not in spared
    assert links.count("<a ") == 1 and "xlink" not in links and "<path" in links
    assert '<a href="gallery.html#a=1&amp;b=2" aria-label="One &lt; two">' in links


def test_figures_of_ap_lead_to_predictions_mix_by_mix() -> None:
    groups = [Group("toy", mix, percent, "base", {}) for mix, percent in (("5pct", 5.0), ("10pct", 10.0))]
    galleries = [replace(_gallery(), key=groups[1].key), _gallery()]
    picture = Picture("<svg></svg>", "AP", "AP of all.")
    both, one = (with_predictions(picture, own, galleries) for own in (groups, groups[1:]))
    assert both.links == (Link("gallery.html#group=toy-10pct-base&layers=student+truth", "10 % with masks"),)
    assert [link.title for link in one.links] == ["toy, 10 % with masks"] and "WSSIS, seed s0" in one.behind
    assert with_predictions(picture, groups[:1], galleries).links == ()
    assert with_predictions(None, groups, galleries) is None
