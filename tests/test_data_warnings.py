"""What is worth a look in sound data: what is seen, and what is not; and the stage that writes it down."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import HEIGHT, WIDTH, Data, masks, picture, points
from PIL import Image, ImageEnhance

from wssis.checking.alike import alike_groups
from wssis.checking.check import Checked, check_parts
from wssis.checking.parts import Part, expected_images
from wssis.checking.study_check import check_study
from wssis.checking.survey import survey_images
from wssis.config.files import read_study
from wssis.config.resolve import resolve
from wssis.config.stages import DataWarningsSettings, PrepareSettings, SplitSettings
from wssis.errors import InputError
from wssis.formats.coco import decode_mask, read_coco
from wssis.formats.image_check import ORIENTATION, is_flat
from wssis.formats.image_facts import ImageFacts, read_image_facts, write_image_facts
from wssis.formats.manifest import read_manifest
from wssis.formats.remark import Remark
from wssis.formats.warnings_file import read_warnings, write_warnings
from wssis.geometry.points import uniform
from wssis.stages import check_images, data_warnings, prepare, split

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


def _check(data: Data, val: dict | None = None, settings: DataWarningsSettings | None = None) -> Checked:
    data.write()
    parts = [Part("train", data.annotations, data.images)]
    if val is not None:
        data.annotations.with_name("val.json").write_text(json.dumps(val))
        parts.append(Part("val", data.annotations.with_name("val.json"), data.images))
    checked = check_parts("mine", parts, settings=settings)
    assert checked.problems == []
    return checked


def _of(checked: Checked, kind: str) -> list[str]:
    return [str(one) for one in checked.warnings if one.kind == kind]


def _grey(image: Image.Image) -> np.ndarray:
    return np.array(image.convert("RGB").convert("L").resize((16, 16), Image.Resampling.BOX))


def test_classes(data: Data) -> None:
    data.content["categories"] += [{"id": 4, "name": "nucleus"}, {"id": 5, "name": "crowd"}, {"id": 6, "name": "many"}]
    one = data.content["annotations"][0]
    data.content["annotations"] += [{**one, "id": 100 + n, "category_id": 6} for n in range(5)]
    data.content["annotations"].append({**one, "id": 200, "category_id": 5, "iscrowd": 1})
    checked = _check(data, masks({7: "a.png"}) | {"categories": data.content["categories"]})
    few, none = _of(checked, "class with few masks"), _of(checked, "class without masks")
    assert len(few) == 1 and "annotations.json: category 3 (cell): has 2 masks on the full images; " in few[0]
    assert [line.split(": ")[1] for line in none] == ["category 4 (nucleus)", "category 5 (crowd)"]
    assert len(_of(checked, "class without validation objects")) == 3


@pytest.mark.parametrize(("number", "warned"), [(1, True), (9, True), (10, False)])
def test_few_validation_images(data: Data, number: int, warned: bool) -> None:
    names = {100 + place: f"val{place}.png" for place in range(number)}
    for place, name in names.items():
        picture(place).save(data.images / name)
    lines = _of(_check(data, masks(names)), "few validation images")
    several = "1 image" if number == 1 else f"{number} images"
    told = f"val.json: has {several}, each of which moves the AP by much; hold out 10 or more"
    assert [line.rpartition("/")[2] for line in lines] == ([told] if warned else [])


def test_more_objects_than_detections(data: Data) -> None:
    """Of image 1, 3 objects and a crowd region; of image 2, 2 objects."""
    picture(99).save(data.images / "one.png")
    picture(98).save(data.images / "two.png")
    val = masks({1: "one.png", 2: "two.png"})
    first, second = val["annotations"]
    val["annotations"] += [{**first, "id": 50}, {**first, "id": 51}, {**first, "id": 52, "iscrowd": 1}]
    val["annotations"] += [{**second, "id": 53}]

    kind = "more objects than detections"

    def found(most: int, candidates: int) -> list[str]:
        settings = DataWarningsSettings(max_detections=most, candidates=candidates)
        return [line.rpartition("val.json: ")[2] for line in _of(_check(data, val, settings), kind)]

    assert found(3, 3) == []
    assert found(2, 3) == [
        "image 1: has 3 objects, more than the 2 of evaluate.max_detections, one of 1 such images among the 2 of"
        " validation; the rest can never be found: raise evaluate.max_detections"
    ]
    (line,) = found(3, 1)
    assert "image 1: has 3 objects, more than the 1 of inference.candidates, one of 2 such images among the 2" in line
    assert len(found(2, 2)) == 2
    assert _of(_check(data, val), kind) == [], "without a study nobody knows the limits"


def test_the_same_file_in_val(data: Data) -> None:
    checked = _check(data, masks({1: "a.png"}))
    (line,) = _of(checked, "same image in training and validation")
    assert line.startswith("a.png: image 1 of val: is the same file as a.png, image 7 of train; ")
    assert _of(checked, "near-duplicates in training and validation") == []


def test_a_copy_in_val(data: Data) -> None:
    picture(7).save(data.images / "copy.jpg", quality=60)
    (line,) = _of(_check(data, masks({1: "copy.jpg"})), "near-duplicates in training and validation")
    assert line.startswith("copy.jpg: image 1 of val: looks like a.png, image 7 of train; ")


def test_other_images_in_val(data: Data) -> None:
    picture(99).save(data.images / "other.png")
    assert not [one for one in _check(data, masks({1: "other.png"})).warnings if "training and val" in one.kind]


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


def test_orientation(data: Data) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    picture(8).save(data.images / "b.jpg", exif=exif)
    (line,) = _of(_check(data), "EXIF orientation")
    assert line.startswith("b.jpg: image 8 of train: has EXIF orientation 3: viewers turn or mirror it, training")


def test_kinds_of_pixels(data: Data) -> None:
    picture(7).convert("RGBA").save(data.images / "a.png")
    picture(8).convert("CMYK").save(data.images / "b.jpg")
    lines = _of(_check(data), "pixels")
    assert lines[0].startswith("a.png: image 7 of train: has RGBA pixels, like 1 images in all: transparency is drop")
    assert lines[1].startswith("b.jpg: image 8 of train: has CMYK pixels, like 1 images in all: they become RGB")


def test_large_images(data: Data) -> None:
    data.save(picture(7, 100, 90))
    (line,) = _of(_check(data, settings=DataWarningsSettings(short_side=20)), "image much larger than in training")
    assert line.startswith("a.png: image 7 of train: is 100 x 90 px, more than 4 times the 20 px of training, one of 1")
    assert _of(_check(data, settings=DataWarningsSettings(short_side=25)), "image much larger than in training") == []
    (note,) = _check(data).notes
    assert note.startswith("size of the images beside that of training, and their objects beside the limit of detect")
    assert note.endswith(": no study was given")


def test_names_that_differ_in_case(data: Data) -> None:
    picture(9).save(data.images / "A.png")
    if len(list(data.images.iterdir())) == 2:
        pytest.skip("needs a disk that tells case")
    data.content["images"].append({"id": 9, "file_name": "A.png", "width": WIDTH, "height": HEIGHT})
    (line,) = _of(_check(data), "file names alike")
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
    (line,) = _of(_half_labelled(data, image, [8, 15]), "point on nothing")
    assert line.startswith("c.png: image 9 of weak, annotation 19: its point lies amid pixels of one colour; ")
    assert _of(_half_labelled(data, image, [18, 15]), "point on nothing") == [], "near an edge there is something"


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
    lines = _of(_half_labelled(data, picture(9), inside, *clicks), kind)
    assert [line.split(":")[1] for line in lines] == [f" image 9 of weak, annotation {n}" for n in range(20, 34)]
    assert all("its point lies on the image's outermost pixels, as do more than on those beside" in x for x in lines)
    assert _of(_half_labelled(data, picture(9), inside, *clicks[:13]), kind) == []
    beside = [EDGES[edge](5 + place, 1) for place in range(10)]
    assert _of(_half_labelled(data, picture(9), *clicks, *beside), kind) == []


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
    (line,) = _of(_half_labelled(data, picture(7).resize((80, 60)), [30, 30]), "near-duplicates in full and weak")
    assert line.startswith(
        "c.png: image 9 of weak: looks like a.png, image 7, which has masks; so do 1 of 1 weak images in all, 0 byte"
    )


def test_flat_window() -> None:
    image = Image.new("RGB", (40, 40))
    image.putpixel((20, 20), (0, 0, 1))
    assert is_flat(image, 15.4, 20) and not is_flat(image, 15.6, 20)
    assert is_flat(image, -0.5, -0.5) and is_flat(image, 39.4, 39.4)


def test_facts_as_a_file(tmp_path: Path) -> None:
    facts = [ImageFacts("train", 7, "RGB", 1, None), ImageFacts("val", 7, "L", 6, 0, (5, 12), (3,))]
    write_image_facts(tmp_path / "facts.csv", facts)
    assert read_image_facts(tmp_path / "facts.csv") == facts


def test_warnings_as_a_file(tmp_path: Path) -> None:
    warnings = [Remark("kind", "ä.png", "image 1 of val", "is odd", "look")]
    write_warnings(tmp_path / "warnings.json", warnings)
    assert read_warnings(tmp_path / "warnings.json") == warnings
    (tmp_path / "warnings.json").write_text("[]")
    with pytest.raises(InputError, match=r"warnings\.json: holds no warnings .* run the stage data-warnings again"):
        read_warnings(tmp_path / "warnings.json")
    with pytest.raises(InputError, match=r"none\.json: not found; run the stage data-warnings"):
        read_warnings(tmp_path / "none.json")


STUDY = """
study: mine
run: {datasets: [cells], mixes: [50pct], seeds: [s0, s1], arms: [rough, oracle]}
datasets:
  cells:
    kind: coco
    train_annotations: annotations.json
    val_annotations: val.json
    train_images: images
    val_images: images
split: {method: random}
"""


def _study(data: Data) -> list[Checked]:
    """Four training images, two of them alike, and one of validation; checked as a study."""
    data.content = masks({7: "a.png", 8: "b.jpg", 9: "c.png", 10: "d.png"})
    picture(7).save(data.images / "c.png", compress_level=1)
    picture(10).save(data.images / "d.png")
    data.write()
    data.annotations.with_name("val.json").write_text(json.dumps(masks({1: "a.png"})))
    Path("study.yaml").write_text(STUDY)
    return check_study(read_study(REPOSITORY / "config.yaml", [Path("study.yaml")]))


def test_a_study_and_its_stages_say_the_same(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (checked,) = _study(data)
    assert checked.problems == [] and checked.notes == []
    out, images = Path("results/mine/cells"), Path("images")
    prepare.run(PrepareSettings(), Path("annotations.json"), Path("val.json"), out, images, images)
    check_images.run(PrepareSettings(), out / "train.json", out / "val.json", images, images, out / "images.csv")
    runs = {"50pct/s0": (50.0, 0), "50pct/s1": (50.0, 1), "100pct/s0": (100.0, 0), "100pct/s1": (100.0, 1)}
    for run, (percent, seed) in runs.items():
        settings = SplitSettings(method="random", full_percent=percent, seed=seed)
        split.run(settings, out / "train.json", out / run / "base")
    settings = resolve(read_study(REPOSITORY / "config.yaml"), "data_warnings")
    folders = [out / run / "base" for run in runs]
    data_warnings.run(
        settings, out / "val.json", out / "images.csv", out / "image_facts.csv", folders, out / "data_warnings.json"
    )  # fmt: skip
    written = read_warnings(out / "data_warnings.json")
    # The stage names the prepared file, the command the given one.
    given = [Remark(**{**vars(one), "file": one.file.replace("val.json", "results/mine/cells/val.json")})
             for one in checked.warnings]  # fmt: skip
    assert sorted(map(str, written)) == sorted(map(str, given))
    kinds = {one.kind for one in written}
    assert {"class with few masks", "same image in training and validation", "few validation images"} <= kinds
    counts = read_manifest(out / "data_warnings.json.manifest.json")["counts"]
    assert sum(counts.values()) == len(written) and counts["same image in training and validation"] == 1


def test_full_and_weak_of_every_run(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (checked,) = _study(data)
    apart = []
    for seed in (0, 1):
        coco = json.loads(data.annotations.read_text())
        prepared = prepare.normal_form(coco)[0]
        kinds = split.split_images(prepared, SplitSettings(method="random", full_percent=50, seed=seed))
        apart += [f"50pct/s{seed}/base"] if {kinds[7], kinds[9]} == {"full", "point"} else []
    lines = _of(checked, "near-duplicates in full and weak")
    assert len(lines) == len(apart) and all(run in line for run, line in zip(apart, lines, strict=True))


def test_a_split_that_cannot_be_made_is_a_problem(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data.content["annotations"] = data.content["annotations"][:1]
    data.write()
    data.annotations.with_name("val.json").write_text(json.dumps(masks({1: "a.png"})))
    listed = tmp_path / "full.txt"
    listed.write_text("8\n")
    Path("study.yaml").write_text(STUDY.replace("{method: random}", f"{{method: files, full_ids: {listed}}}"))
    (checked,) = check_study(read_study(REPOSITORY / "config.yaml", [Path("study.yaml")]))
    assert len(checked.problems) == 2, "the oracle takes all images, whatever is listed"
    assert "annotations.json: 50pct/s0/base: split: the 1 images drawn for masks show no object; raise" in str(
        checked.problems[0]
    )


def test_the_embedded_set_is_checked_once_it_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (checked,) = check_study(read_study(REPOSITORY / "config.yaml"))
    assert checked.notes == ["the embedded data set: the study has not drawn it yet"]


@pytest.mark.parametrize("name", ["nuclei", "pennfudan", "carparts"])
def test_real_sets_have_no_copies_in_val(shared_data: Path, name: str) -> None:
    folder = shared_data / name
    files = {part: folder / f"annotations/instances_{part}.json" for part in ("train", "val")}
    parts = [Part(part, path, folder / f"images/{part}") for part, path in files.items()]
    checked = check_parts(name, parts)
    assert checked.problems == []
    assert {one.kind for one in checked.warnings} <= {"class with few masks", "class without masks"}
