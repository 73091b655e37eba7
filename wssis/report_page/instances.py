"""Links from the page's figures to the instances behind them, in the gallery."""

from collections.abc import Sequence
from dataclasses import replace

from wssis.report_page.figures import Link, Picture
from wssis.report_page.filters import Address
from wssis.report_page.gallery import GalleryGroup
from wssis.report_page.pictures import ShownImage
from wssis.report_page.results import Group

STUDENTS = {"layers": "student truth"}
"""What the gallery shows behind an AP: predictions, and what they should be."""


def address_in(gallery: GalleryGroup | None) -> Address:
    """Addresses within one group's gallery; None where it has no gallery."""
    return (lambda query: None) if gallery is None else gallery.link


def with_predictions(
    picture: Picture | None, groups: Sequence[Group], galleries: Sequence[GalleryGroup]
) -> Picture | None:
    """A figure of AP with links to what the students of its groups predict, where a gallery shows it."""
    if picture is None:
        return None
    titles = {group.key: group.name if len(groups) == 1 else f"{group.share} with masks" for group in groups}
    own = [one for one in galleries if one.key in titles]
    links = [Link(href, titles[one.key]) for one in own if (href := one.link(STUDENTS))]
    whose = " or ".join(dict.fromkeys(one.whose for one in own))
    return replace(picture, links=tuple(links), behind=f"Predictions of {whose} on weak images, in the gallery")


def with_addresses(images: Sequence[ShownImage], address: Address) -> list[ShownImage]:
    """Images side by side, each with the gallery's address of it."""
    return [replace(image, href=address({"image": image.name})) for image in images]
