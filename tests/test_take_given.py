"""Half-labelled files: what is refused, what is held out, and what a run makes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_fixtures import CATEGORIES, click, half_labelled, rectangle, write_half_labelled

from wssis.checking.check import check_parts
from wssis.checking.parts import half_labelled_parts
from wssis.config.data_stages import PointsSettings
from wssis.config.half_labelled import GivenSplitSettings, TakeGivenSettings
from wssis.errors import InputError
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.image_folders import one_folder
from wssis.formats.manifest import read_manifest
from wssis.formats.points import read_full_points
from wssis.formats.split import read_split, write_split
from wssis.stages import points_given, split_given, take_given

Contents = dict[str, dict[str, Any]]


def _take(folder: Path, contents: Contents, **settings: Any) -> Path:
    """Run the stage on the contents, with all images in their folders; the folder of the outputs."""
    paths = write_half_labelled(folder, contents)
    given = {part: (paths.get(part), folder / part if part in paths else None) for part in half_labelled()}
    if "val" not in paths:
        settings = {"val_share": 0.2} | settings
    take_given.run(TakeGivenSettings(**settings), **given, out=folder / "out")
    return folder / "out"


def _without(contents: Contents, *parts: str) -> Contents:
    return {part: content for part, content in contents.items() if part not in parts}


def _first(part: str, **changes: Any) -> Callable[[Contents], None]:
    """Change the first annotation of a part."""
    return lambda contents: contents[part]["annotations"][0].update(changes)


def _add_image(part: str, **changes: Any) -> Callable[[Contents], None]:
    image = {"id": 77, "file_name": "77.png", "width": 40, "height": 30} | changes
    return lambda contents: contents[part]["images"].append(image)


REFUSED: dict[str, tuple[Callable[[Contents], Any], str]] = {
    "one id for two images": (
        _add_image("weak", id=3), "weak.json: image 3: '77.png' has the id of '3.png' in {}/full.json; renumber one"
    ),
    "an image in two files": (
        _add_image("weak", file_name="./4.png"), "weak.json: image 77: '4.png' is also image 4 of {}/full.json; a pict"
    ),
    "an unlabelled image in two files": (
        _add_image("unlabelled", file_name="31.png"), "unlabelled.json: image 77: '31.png' is also image 31 of {}/weak"
    ),
    "one id for two annotations": (
        _first("weak", id=5), "weak.json: annotation 5: {}/full.json has this id, too; renumber one of the two files"
    ),
    "a category of another name": (
        lambda c: c["weak"].update(categories=[CATEGORIES[0], {"id": 5, "name": "dust"}]),
        "weak.json: category 5: 'dust' is called 'dirt' in {}/full.json; make both lists equal",
    ),
    "a category too few": (
        lambda c: (c["weak"].update(categories=CATEGORIES[:1]), c["weak"]["annotations"].pop()),
        "weak.json: category 5: 'dirt' of {}/full.json is missing; make both lists equal",
    ),
    "a point outside of its image": (_first("weak", point=[39.6, 3]), "weak.json: annotation 130: point [39.6, 3], in"),
    "a point that is none": (_first("weak", point=[3]), "weak.json: annotation 130: point [3] is not two finite num"),
    "no point": (_first("weak", point=None), "weak.json: annotation 130: point None is not two finite numbers"),
    "no category": (lambda c: c["weak"]["annotations"][0].pop("category_id"), "annotation 130: has no category_id; gi"),
    "an unknown category": (_first("weak", category_id=3), "weak.json: annotation 130: unknown category_id 3; add"),
    "a mask on a weak image": (
        _first("weak", segmentation=[[1, 1, 5, 1, 5, 5]]), "weak.json: annotation 130: has a segmentation in a file of"
    ),
    "a crowd of clicks": (_first("weak", iscrowd=1), "weak.json: annotation 130: is a crowd region, which has"),
    "an annotated unlabelled image": (
        lambda c: c["unlabelled"].update(annotations=[click(9, 50)]), "unlabelled.json: has 1 annotations, though its"
    ),
    "a full image without mask": (_first("full", segmentation=None), "full.json: annotation 1: has no segmentation; d"),
    "an unknown image": (_first("val", image_id=9), "val.json: annotation 1: unknown image_id 9; add the image"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(tmp_path: Path, kind: str) -> None:
    contents = half_labelled()
    change, message = REFUSED[kind]
    change(contents)
    with pytest.raises(InputError) as caught:
        _take(tmp_path, contents)
    assert message.format(tmp_path) in str(caught.value)
    assert not (tmp_path / "out" / "train.json").exists()


@pytest.mark.parametrize("part", ["full", "weak"])
def test_images_to_train_on_are_not_validated_on(tmp_path: Path, part: str) -> None:
    """In one folder, one name is one image; in two folders it is two, as in the fixture."""
    contents = half_labelled()
    shared = contents[part]["images"][0] | {"file_name": "./both.png"}
    contents[part]["images"][0] = shared
    contents["val"]["images"][0]["file_name"] = "both.png"
    paths = write_half_labelled(tmp_path, contents)
    folders = {name: tmp_path / name for name in contents}
    take_given.run(TakeGivenSettings(), **_given(paths, folders), out=tmp_path / "apart")
    (tmp_path / part / "sub").mkdir()
    for image in (tmp_path / "val").iterdir():
        if image.name != "both.png" and not (tmp_path / part / image.name).exists():
            image.rename(tmp_path / part / image.name)
    folders["val"] = tmp_path / part / "sub/.."
    parts = half_labelled_parts(**_given(paths, folders))
    message = f"{part}.json: image {shared['id']}: './both.png' is also image 1 of {tmp_path}/val.json, to validate on;"
    with pytest.raises(InputError) as caught:
        take_given.run(TakeGivenSettings(), **_given(paths, folders), out=tmp_path / "out")
    checked = [str(problem) for problem in check_parts("given", parts).problems]
    for said in (str(caught.value), "\n".join(checked)):
        assert said.count("to validate on") == 1 + (part == "full") * 2 and message in said
        assert "wssis join and wssis convert take --without" in said
    assert not (tmp_path / "out/train.json").exists()


def _given(paths: dict[str, Path], folders: dict[str, Path]) -> dict[str, tuple[Path, Path]]:
    return {part: (paths[part], folders[part]) for part in paths}


def test_all_problems_at_once_with_those_of_images(tmp_path: Path) -> None:
    contents = half_labelled()
    for name in ("one id for two images", "no point", "a full image without mask"):
        REFUSED[name][0](contents)
    write_half_labelled(tmp_path, contents)
    (tmp_path / "weak" / "33.png").unlink()
    given = {part: (tmp_path / f"{part}.json", tmp_path / part) for part in contents}
    with pytest.raises(InputError, match="4 problem") as caught:
        take_given.run(TakeGivenSettings(), **given, out=tmp_path / "out")
    assert "33.png: image 33 of weak: missing" in str(caught.value)


def test_sound_files_are_taken_as_they_are(tmp_path: Path) -> None:
    out = _take(tmp_path, half_labelled())
    train, kinds = read_coco(out / "train.json"), read_split(out / "given.csv")
    assert [image["id"] for image in train["images"]] == [*range(1, 11), *range(30, 35), 50, 51] == sorted(kinds)
    assert {kind: sum(one == kind for one in kinds.values()) for kind in kinds.values()} == {
        "full": 10, "point": 5, "unlabelled": 2,
    }  # fmt: skip
    assert [a for a in train["annotations"] if "point" in a] == sorted(
        half_labelled()["weak"]["annotations"], key=lambda one: (one["image_id"], one["id"])
    )
    assert len(read_coco(out / "val.json")["images"]) == 3
    counts = read_manifest(out / "prepare.manifest.json")["counts"]
    expected = {"train_images": 17, "train_objects": 15, "train_crowd": 1, "val_objects": 1, "held_out_images": 0}
    assert expected.items() <= counts.items()


def _held_out(folder: Path, **settings: Any) -> set[int]:
    folder.mkdir(exist_ok=True)
    out = _take(folder, _without(half_labelled(), "val"), **settings)
    val, train = read_coco(out / "val.json"), read_coco(out / "train.json")
    held = {image["id"] for image in val["images"]}
    assert not held & {image["id"] for image in train["images"]} and not held & read_split(out / "given.csv").keys()
    assert {annotation["image_id"] for annotation in val["annotations"]} <= held
    assert read_manifest(out / "prepare.manifest.json")["counts"]["held_out_images"] == len(held)
    return held


def test_held_out_images_are_nested_and_leave_every_class(tmp_path: Path) -> None:
    few, more = _held_out(tmp_path / "a", val_share=0.2), _held_out(tmp_path / "b", val_share=0.5)
    assert len(few) == 2 and len(more) == 5 and few < more
    assert few == _held_out(tmp_path / "c", val_share=0.2)
    others = [_held_out(tmp_path / f"s{seed}", val_seed=seed) for seed in range(4)]
    assert len({frozenset(one) for one in others}) > 1
    assert all(3 not in one for one in (*others, more)), "image 3 alone shows dirt: it stays"


def test_groups_stay_together(tmp_path: Path) -> None:
    held = _held_out(tmp_path, group_key="slide", val_share=0.3)
    slides = {image["id"]: image["slide"] for image in half_labelled()["full"]["images"]}
    assert not {slides[one] for one in held} & {slide for one, slide in slides.items() if one not in held}
    with pytest.raises(InputError, match=r"full\.json: image 1 has no key 'video' \(split\.group_key\)"):
        _held_out(tmp_path / "other", group_key="video")


def test_something_must_be_left_to_train_on(tmp_path: Path) -> None:
    contents = _without(half_labelled(), "val")
    contents["full"]["images"] = contents["full"]["images"][:1]
    contents["full"]["annotations"] = [rectangle(1, 1)]
    contents["weak"]["annotations"] = [click(130, 30)]
    with pytest.raises(InputError, match=r"of 1 images with masks, 1 are held out, and no object is left to train on"):
        _take(tmp_path, contents)


def test_neither_or_both_ways_to_validate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--val or the setting val_share"):
        _take(tmp_path, half_labelled(), val_share=0.2)


def test_the_files_of_a_run(tmp_path: Path) -> None:
    out, run = _take(tmp_path, half_labelled()), tmp_path / "run"
    split_given.run(GivenSplitSettings(), out / "train.json", out / "given.csv", run)
    points = PointsSettings(strategy="interior")
    points_given.run(points, out / "train.json", run / "split.csv", run / "full.json", run)
    full, weak = read_coco(run / "full.json"), read_coco(run / "weak.json")
    assert [image["id"] for image in full["images"]] == [*range(1, 11)]
    assert all(annotation["segmentation"] for annotation in full["annotations"])
    assert weak["annotations"] == sorted(
        half_labelled()["weak"]["annotations"], key=lambda one: (one["image_id"], one["id"])
    )
    assert all(image.keys() == {"id", "file_name", "width", "height"} for image in weak["images"])
    assert [image["id"] for image in read_coco(run / "unlabelled.json")["images"]] == [50, 51]
    assert read_full_points(run / "full_points.csv").keys() == {*range(1, 10), 20}, "the crowd region gets no point"
    assert not (run / "hidden_ids.csv").exists()
    counts = read_manifest(run / "points.manifest.json")["counts"]
    assert (counts["weak_points"], counts["verified_empty"], counts["full_crowd"]) == (5, 1, 1)


def test_masks_in_the_place_of_clicks(tmp_path: Path) -> None:
    """Full and weak swapped in given.csv: the split wants masks, points-given wants clicks."""
    out = _take(tmp_path, half_labelled())
    swapped = {"full": "point", "point": "full"}
    write_split(out / "given.csv", {n: swapped.get(kind, kind) for n, kind in read_split(out / "given.csv").items()})
    with pytest.raises(InputError, match=r"train\.json: annotation \d+ has no segmentation; is it the right file\?"):
        split_given.run(GivenSplitSettings(), out / "train.json", out / "given.csv", tmp_path / "run")
    write_coco(tmp_path / "none.json", {"images": [], "annotations": [], "categories": []})
    with pytest.raises(InputError, match=r"train\.json: annotation \d+ has no point; is it the right file\?"):
        points_given.run(
            PointsSettings(), out / "train.json", out / "given.csv", tmp_path / "none.json", tmp_path / "run"
        )


def test_split_of_other_files_is_refused(tmp_path: Path) -> None:
    out = _take(tmp_path, half_labelled())
    coco = read_coco(out / "train.json")
    kept = [one for one in coco["annotations"] if one["image_id"] != coco["images"][0]["id"]]
    write_coco(out / "train.json", coco | {"images": coco["images"][1:], "annotations": kept})
    with pytest.raises(InputError, match=r"given\.csv: lists other images than .*train\.json; run take-given again"):
        split_given.run(GivenSplitSettings(), out / "train.json", out / "given.csv", tmp_path / "run")


def test_several_folders_are_joined(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/deep/2.png", "b/deep/3.png", "b/4.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name[-5:])
    with one_folder(f"{tmp_path}/a:{tmp_path}/b") as joined:
        names = sorted(path.relative_to(joined).as_posix() for path in joined.rglob("*.png"))
        assert names == ["1.png", "4.png", "deep/2.png", "deep/3.png"]
        assert (joined / "deep" / "3.png").read_text() == "3.png"
    assert not joined.exists()
    with one_folder(f"{tmp_path}/a") as alone:
        assert alone == tmp_path / "a"


def test_folders_that_do_not_go_together(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_text(folder)
    with pytest.raises(InputError, match=r"b/1\.png: another file than .*a/1\.png; two pictures need two names"):
        with one_folder(f"{tmp_path}/a:{tmp_path}/b"):
            pass
    with pytest.raises(InputError, match="c: is no folder"):
        with one_folder(f"{tmp_path}/a:{tmp_path}/c"):
            pass


def test_unlabelled_images_need_no_empty_lists(tmp_path: Path) -> None:
    out = _take(tmp_path, half_labelled())
    assert json.loads((tmp_path / "unlabelled.json").read_text()).keys() == {"images"}
    assert list(read_split(out / "given.csv").values()).count("unlabelled") == 2


def test_a_split_of_other_images(tmp_path: Path) -> None:
    out, run = _take(tmp_path, half_labelled()), tmp_path / "run"
    split_given.run(GivenSplitSettings(), out / "train.json", out / "given.csv", run)
    (run / "split.csv").write_text("image_id,label_kind\n1,full\n")
    with pytest.raises(InputError, match=r"split\.csv: lists other images than .*train\.json; run split-given again"):
        points_given.run(PointsSettings(), out / "train.json", run / "split.csv", run / "full.json", run)
