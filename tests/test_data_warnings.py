"""What is worth a look in the labels of sound data; and the stage that writes all warnings down."""

import json
from pathlib import Path

import pytest
from data_fixtures import Data, check_with_val, masks, picture, points, warned

from wssis.checking.check import Checked, check_parts
from wssis.checking.counted import Counted
from wssis.checking.image_warnings import copies_in_weak
from wssis.checking.known import Labelling, Looked
from wssis.checking.label_warnings import class_warnings, fold_warnings
from wssis.checking.parts import Part
from wssis.checking.study_check import check_study
from wssis.config.data_stages import DataWarningsSettings, PrepareSettings, SplitSettings
from wssis.config.files import read_study
from wssis.config.resolve import resolve
from wssis.errors import InputError
from wssis.formats.image_facts import ImageFacts, read_image_facts, write_image_facts
from wssis.formats.images_table import ImageRow
from wssis.formats.manifest import read_manifest
from wssis.formats.remark import Remark
from wssis.formats.warnings_file import read_warnings, write_warnings
from wssis.stages import check_images, data_warnings, prepare, split

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


def test_classes(data: Data) -> None:
    data.content["categories"] += [{"id": 4, "name": "nucleus"}, {"id": 5, "name": "crowd"}, {"id": 6, "name": "many"}]
    one = data.content["annotations"][0]
    data.content["annotations"] += [{**one, "id": 100 + n, "category_id": 6} for n in range(5)]
    data.content["annotations"].append({**one, "id": 200, "category_id": 5, "iscrowd": 1})
    checked = check_with_val(data, masks({7: "a.png"}) | {"categories": data.content["categories"]})
    few, none = warned(checked, "class with few masks"), warned(checked, "class without masks")
    assert len(few) == 1 and "annotations.json: category 3 (cell): has 2 masks on the full images; " in few[0]
    assert [line.split(": ")[1] for line in none] == ["category 4 (nucleus)", "category 5 (crowd)"]
    assert len(warned(checked, "class without validation objects")) == 3


def test_objects_labelled_twice(data: Data) -> None:
    """The same mask of another class, on another image, or as a crowd region, is no repetition."""
    one = data.content["annotations"][0]
    data.content["categories"].append({"id": 4, "name": "nucleus"})
    data.content["annotations"] += [
        {**one, "id": 100}, {**one, "id": 101, "category_id": 4}, {**one, "id": 102, "iscrowd": 1}, {**one, "id": 103},
    ]  # fmt: skip
    names = {7: "a.png"}
    picture(1).save(data.images / "a.png")
    val = masks(names)
    val["annotations"].append({**val["annotations"][0], "id": 500})
    lines = warned(check_with_val(data, val), "object labelled twice")
    told = f"is of the same class and at the very same place as annotation {one['id']} of image {one['image_id']}"
    remedy = "delete one of them from the file that was given, unless they are two objects"
    assert [line.rpartition("/")[2].split(": ")[:3] for line in lines[:2]] == [
        ["annotations.json", f"annotation {number}", f"{told}; {remedy}"]
        for number in (100, 103)
    ]
    assert len(lines) == 3 and "val.json: annotation 500: is of the same class" in lines[2]


def test_clicks_repeated_and_a_class_that_nobody_clicked(data: Data, tmp_path: Path) -> None:
    picture(7).save(data.images / "weak.png")
    data.content["categories"] = categories = [*data.content["categories"], {"id": 4, "name": "nucleus"}]
    data.content["annotations"].append({**data.content["annotations"][0], "id": 77, "category_id": 4})
    weak = points({70: "weak.png"}) | {"categories": categories}
    weak["annotations"].append({**weak["annotations"][0], "id": 500})
    for number in (501, 502):
        point = [number / 99, 3]
        weak["annotations"].append({**weak["annotations"][0], "segmentation": [], "id": number, "point": point})
    (tmp_path / "weak.json").write_text(json.dumps(weak))
    data.annotations.write_text(json.dumps(data.content))
    parts = [Part("full", data.annotations, data.images), Part("weak", tmp_path / "weak.json", data.images, "points")]
    checked = check_parts("cells", parts)
    assert checked.problems == []
    (line,) = warned(checked, "object labelled twice")
    assert "weak.json: annotation 500: is of the same class and at the very same place as annotation 80 of" in line
    (line,) = warned(checked, "class without clicks")
    assert "weak.json: category 4 (nucleus): has no click on the weak images, and 1 mask on the full ones; if" in line


@pytest.mark.parametrize(("number", "few"), [(1, True), (9, True), (10, False)])
def test_few_validation_images(data: Data, number: int, few: bool) -> None:
    names = {100 + place: f"val{place}.png" for place in range(number)}
    for place, name in names.items():
        picture(place).save(data.images / name)
    lines = warned(check_with_val(data, masks(names)), "few validation images")
    several = "1 image" if number == 1 else f"{number} images"
    told = f"val.json: has {several} to validate on, each of which moves the AP by much; hold out 10 or more"
    assert [line.rpartition("/")[2] for line in lines] == ([told] if few else [])


@pytest.mark.parametrize(
    ("short", "long", "told"),
    [(30, 40, []), (29, 1333, ["7.7"]), (1000, 36, ["7.2"]), (1000, 1000, [])],
)
def test_objects_small_in_training(data: Data, short: int, long: int, told: list[str]) -> None:
    """Objects of 8 x 8 px in images of 40 x 30 px."""
    names = {100: "val.png"}
    picture(5).save(data.images / "val.png")
    settings = DataWarningsSettings(short_side=short, long_side=long)
    lines = warned(check_with_val(data, masks(names), settings), "objects small in training")
    assert [line.split("a side under ")[1].split(" px")[0] for line in lines] == told
    assert all(f"with a short side of {short} px; under 8 px they are hardly learned: raise" in line for line in lines)


@pytest.mark.parametrize(
    ("images", "folds", "seen"), [(8, 2, 4), (19, 2, 9), (20, 2, None), (11, 3, 7), (11, 11, None), (8, 0, None)]
)
def test_few_images_for_fold_teachers(images: int, folds: int, seen: int | None) -> None:
    kinds = {("train", number): "full" for number in range(images)} | {("train", 100): "point"}
    labelling = Labelling("10pct/s0/base", Counted("full.json"), kinds)
    lines = [str(one) for one in fold_warnings(labelling, DataWarningsSettings(folds=folds))]
    told = f"has {images} images with masks of 10pct/s0/base, so that each of {folds} fold teachers learns from {seen};"
    assert [told in line and "set refiner.pairs: corrupt" in line for line in lines] == ([True] if seen else [])


def test_no_fold_teachers_where_all_images_have_masks() -> None:
    labelling = Labelling("100pct/s0/base", Counted("full.json"), {("train", 1): "full"})
    assert list(fold_warnings(labelling, DataWarningsSettings(folds=2))) == []


def test_a_run_without_masks_lacks_no_class() -> None:
    """Its networks learn from boxes with points; with a single image of masks, classes without any are told."""
    classes, kinds = [{"id": 3, "name": "ring"}], {("train", 1): "points10"}
    assert list(class_warnings(Labelling("boxes/s0/base", Counted("full.json"), kinds), classes)) == []
    (told,) = class_warnings(Labelling("10pct/s0/base", Counted("full.json"), kinds | {("train", 2): "full"}), classes)
    assert "category 3 (ring): has no mask on the full images of 10pct/s0/base; no mask can be learned" in str(told)


@pytest.mark.parametrize("kind", ["point", "points10", "unlabelled"])
def test_copies_among_weak_images_of_any_kind(kind: str) -> None:
    rows = [ImageRow("train", number, f"{number}.png", 8, 8, "5ha") for number in (1, 2)]
    looked = Looked(rows, [ImageFacts("train", number, "RGB", 1, None) for number in (1, 2)])
    labelling = Labelling("10pct/s0/base", Counted("full.json"), {("train", 1): "full", ("train", 2): kind})
    assert len(list(copies_in_weak(looked, labelling))) == (kind != "unlabelled")


def test_sizes_are_those_of_the_networks_that_are_trained() -> None:
    study = read_study(REPOSITORY / "config.yaml", [REPOSITORY / "studies/carparts-points10.yaml"])
    settings = resolve(study, "data_warnings", dataset="carparts")
    assert (settings.short_side, settings.long_side, settings.candidates) == (192, 320, None)


def test_images_to_hold_out_are_counted(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-labelled data without validation images: of 10 masked images, 2 are held out and 8 left."""
    monkeypatch.chdir(tmp_path)
    for number in range(11):
        picture(number).save(data.images / f"{number}.png")
    Path("full.json").write_text(json.dumps(masks({n: f"{n}.png" for n in range(10)})))
    Path("weak.json").write_text(json.dumps(points({100: "10.png"})))
    Path("study.yaml").write_text(HALF_LABELLED)
    (checked,) = check_study(read_study(REPOSITORY / "config.yaml", [Path("study.yaml")]))
    assert checked.problems == []
    few, folds, small = (
        warned(checked, kind)
        for kind in ("few validation images", "few images for fold teachers", "objects small in training")
    )
    assert len(few) == 1 and few[0].startswith("full.json, held out: has 2 images to validate on")
    assert len(folds) == 1 and "has 8 images with masks, so that each of 2 fold teachers learns from 4" in folds[0]
    assert small == []


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
        return [line.rpartition("val.json: ")[2] for line in warned(check_with_val(data, val, settings), kind)]

    assert found(3, 3) == []
    assert found(2, 3) == [
        "image 1: has 3 objects, more than the 2 of evaluate.max_detections, one of 1 such images among the 2 of"
        " validation; the rest can never be found: raise evaluate.max_detections"
    ]
    (line,) = found(3, 1)
    assert "image 1: has 3 objects, more than the 1 of inference.candidates, one of 2 such images among the 2" in line
    assert len(found(2, 2)) == 2
    assert warned(check_with_val(data, val), kind) == [], "without a study nobody knows the limits"


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


HALF_LABELLED = """
study: mine
run: {datasets: [cells], mixes: [given], seeds: [s0], arms: [supervised, wssis]}
datasets:
  cells:
    {kind: half-labelled, full_annotations: full.json, weak_annotations: weak.json, full_images: images,
     weak_images: images, val_share: 0.2}
refiner: {pairs: crossfit}
"""
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
    settings = resolve(read_study(REPOSITORY / "config.yaml", [Path("study.yaml")]), "data_warnings")
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
    lines = warned(checked, "near-duplicates in full and weak")
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
