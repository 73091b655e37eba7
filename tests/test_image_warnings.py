"""What is worth a look in sound images and clicks: what is seen, and what is not."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import HEIGHT, WIDTH, Data, check_with_val, masks, picture, points, warned
from PIL import Image

from wssis.checking.check import Checked, check_parts
from wssis.checking.parts import Part, expected_images
from wssis.checking.survey import survey_images
from wssis.config.data_stages import DataWarningsSettings
from wssis.formats.coco import decode_mask, read_coco
from wssis.formats.image_check import ORIENTATION, is_flat
from wssis.geometry.points import uniform


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


def test_the_same_file_in_val(data: Data) -> None:
    checked = check_with_val(data, masks({1: "a.png"}))
    (line,) = warned(checked, "same image in training and validation")
    assert line.startswith("a.png: image 1 of val: is the same file as a.png, image 7 of train; ")
    assert warned(checked, "near-duplicates in training and validation") == []


def test_a_copy_in_val(data: Data) -> None:
    picture(7).save(data.images / "copy.jpg", quality=60)
    (line,) = warned(check_with_val(data, masks({1: "copy.jpg"})), "near-duplicates in training and validation")
    assert line.startswith("copy.jpg: image 1 of val: looks like a.png, image 7 of train; ")


def test_other_images_in_val(data: Data) -> None:
    picture(99).save(data.images / "other.png")
    assert not [one for one in check_with_val(data, masks({1: "other.png"})).warnings if "training and val" in one.kind]


def test_orientation(data: Data) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    picture(8).save(data.images / "b.jpg", exif=exif)
    (line,) = warned(check_with_val(data), "EXIF orientation")
    assert line.startswith("b.jpg: image 8 of train: has EXIF orientation 3: viewers turn or mirror it, training")


def test_kinds_of_pixels(data: Data) -> None:
    picture(7).convert("RGBA").save(data.images / "a.png")
    picture(8).convert("CMYK").save(data.images / "b.jpg")
    lines = warned(check_with_val(data), "pixels")
    assert lines[0].startswith("a.png: image 7 of train: has RGBA pixels, like 1 images in all: transparency is drop")
    assert lines[1].startswith("b.jpg: image 8 of train: has CMYK pixels, like 1 images in all: they become RGB")


def test_large_images(data: Data) -> None:
    data.save(picture(7, 100, 90))
    kind = "image much larger than in training"
    (line,) = warned(check_with_val(data, settings=DataWarningsSettings(short_side=20)), kind)
    assert line.startswith("a.png: image 7 of train: is 100 x 90 px, more than 4 times the 20 px of training, one of 1")
    assert warned(check_with_val(data, settings=DataWarningsSettings(short_side=25)), kind) == []
    (note,) = check_with_val(data).notes
    assert note.startswith("size of the images beside that of training, and their objects beside the limit of detect")
    assert note.endswith(": no study was given")


def test_names_that_differ_in_case(data: Data) -> None:
    picture(9).save(data.images / "A.png")
    if len(list(data.images.iterdir())) == 2:
        pytest.skip("needs a disk that tells case")
    data.content["images"].append({"id": 9, "file_name": "A.png", "width": WIDTH, "height": HEIGHT})
    (line,) = warned(check_with_val(data), "file names alike")
    assert line.startswith("A.png: image 9 of train: differs from a.png (image 7) in upper and lower case only; ")


def _half_labelled(data: Data, image: Image.Image, *clicks: Sequence[float]) -> Checked:
    """data as the full part, and one weak image with these points."""
    data.write()
    image.save(data.images / "c.png")
    weak = points({9: "c.png"})
    (one,) = weak["annotations"]
    weak["annotations"] = [{**one, "id": 19 + place, "point": list(point)} for place, point in enumerate(clicks)]
    weak["images"][0].update(width=image.width, height=image.height)
    path = data.annotations.with_name("weak.json")
    path.write_text(json.dumps(weak))
    parts = [Part("full", data.annotations, data.images), Part("weak", path, data.images, "points")]
    checked = check_parts("mine", parts)
    assert checked.problems == []
    return checked


def test_a_point_on_nothing(data: Data) -> None:
    image = picture(9)
    image.paste((0, 0, 0), (0, 0, 20, HEIGHT))
    (line,) = warned(_half_labelled(data, image, [8, 15]), "point on nothing")
    assert line.startswith("c.png: image 9 of weak, annotation 19: its point lies amid pixels of one colour; ")
    assert warned(_half_labelled(data, image, [18, 15]), "point on nothing") == [], "near an edge there is something"


EDGES = {
    "left": lambda along, depth: (depth, along),
    "right": lambda along, depth: (WIDTH - 1 - depth, along),
    "top": lambda along, depth: (along, depth),
    "bottom": lambda along, depth: (along, HEIGHT - 1 - depth),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("depth", [-0.49, 0.0, 0.49])
def test_points_heaped_at_the_border(data: Data, edge: str, depth: float) -> None:
    """14 on the outermost pixels and none beside them happen by chance less than once in a thousand times."""
    clicks = [EDGES[edge](5 + place, depth) for place in range(14)]
    kind, inside = "point at the border", EDGES[edge](15, 2)
    lines = warned(_half_labelled(data, picture(9), inside, *clicks), kind)
    assert [line.split(":")[1] for line in lines] == [f" image 9 of weak, annotation {n}" for n in range(20, 34)]
    assert all("its point lies on the image's outermost pixels, as do more than on those beside" in x for x in lines)
    assert warned(_half_labelled(data, picture(9), inside, *clicks[:13]), kind) == []
    beside = [EDGES[edge](5 + place, 1) for place in range(10)]
    assert warned(_half_labelled(data, picture(9), *clicks, *beside), kind) == []


def test_sound_clicks_on_small_objects_at_the_border(shared_data: Path) -> None:
    """A fifth of the nuclei is cut off by the border of its image; a click on any of their pixels is sound."""
    rng, folder = np.random.default_rng(0), shared_data / "nuclei"
    coco = read_coco(folder / "annotations/instances_val.json")
    sizes = {image["id"]: (image["height"], image["width"]) for image in coco["images"]}
    seen, clipped = 0, []
    clicks = []
    for one in coco["annotations"]:
        height, width = sizes[one["image_id"]]
        point = uniform(decode_mask(one, height, width), rng)
        clicks.append({**one, "point": list(point)})
        seen += min(*point, width - 1 - point[0], height - 1 - point[1]) < 0.5
        out = np.array(point) + rng.choice([-4, 4], 2)
        clipped.append({**one, "point": np.clip(out, 0, (width - 1, height - 1)).tolist()})
    part = Part("weak", folder / "annotations/instances_val.json", folder / "images/val", "points")
    sound = survey_images(expected_images([part], {"weak": {**coco, "annotations": clicks}}))
    assert seen > 50 and not any(facts.border_points for facts in sound.facts)
    heaped = survey_images(expected_images([part], {"weak": {**coco, "annotations": clipped}}))
    assert sum(len(facts.border_points) for facts in heaped.facts) > seen


def test_copies_in_full_and_weak(data: Data) -> None:
    (line,) = warned(_half_labelled(data, picture(7).resize((80, 60)), [30, 30]), "near-duplicates in full and weak")
    assert line.startswith(
        "c.png: image 9 of weak: looks like a.png, image 7, which has masks; so do 1 of 1 weak images in all, 0 byte"
    )


def test_flat_window() -> None:
    image = Image.new("RGB", (40, 40))
    image.putpixel((20, 20), (0, 0, 1))
    assert is_flat(image, 15.4, 20) and not is_flat(image, 15.6, 20)
    assert is_flat(image, -0.5, -0.5) and is_flat(image, 39.4, 39.4)


@pytest.mark.parametrize("name", ["nuclei", "pennfudan", "carparts"])
def test_real_sets_have_no_copies_in_val(shared_data: Path, name: str) -> None:
    folder = shared_data / name
    files = {part: folder / f"annotations/instances_{part}.json" for part in ("train", "val")}
    parts = [Part(part, path, folder / f"images/{part}") for part, path in files.items()]
    checked = check_parts(name, parts)
    assert checked.problems == []
    assert {one.kind for one in checked.warnings} <= {"class with few masks", "class without masks"}
