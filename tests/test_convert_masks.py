"""Masks of every tool come out pixel by pixel as they were drawn. The files: see convert_fixtures."""

import base64
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from convert_fixtures import (
    BAR,
    BAR_CORNERS,
    RING,
    H,
    W,
    coco_points,
    converted,
    labelme,
    masks_of,
    picture,
    region,
    same,
    shape,
    tasks,
    written,
)
from PIL import Image

from wssis.config.data_stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.brush_rle import brush_mask
from wssis.formats.coco import decode_mask, encode_mask, read_coco
from wssis.formats.importers.bdd100k import _ring
from wssis.formats.importers.reader import Options
from wssis.stages import prepare

FLAT_BAR = [side for corner in BAR_CORNERS for side in corner]
BAR_COUNTS = [38, 2, 4, 2, 4, 2, 2]
"""Down the columns: 6 empty columns and 2 px, then the bar's 3 columns of 2 px."""
BRUSHED = [
    0, 0, 0, 216, 57, 27, 254, 43, 0, 194, 127, 247, 192, 39, 255, 140, 2, 127, 251, 224, 24, 79, 255, 39, 128, 0,
]  # fmt: skip
"""What an encoder other than ours (label-studio-brush-rle-rs) makes of a block with a hole, as alpha 255."""
BRUSHED_MASK = np.array([
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 1, 1, 1, 1, 1, 0, 0],
    [0, 0, 1, 1, 0, 1, 1, 0, 0],
    [0, 0, 1, 1, 1, 1, 1, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
], bool)  # fmt: skip


def brush_rle(alpha: np.ndarray) -> list[int]:
    """A picture's alpha (H, W) packed as thi.ng/rle-pack does, in runs of equal values and one block of single ones."""
    values = np.zeros((*alpha.shape, 4), np.uint8)
    values[..., 3] = alpha
    flat = values.ravel()
    changes = np.flatnonzero(np.diff(flat[4:].astype(int))) + 5
    bits = f"{len(flat):032b}{8 - 1:05b}{3 - 1:04b}{4 - 1:04b}{8 - 1:04b}{16 - 1:04b}"
    bits += f"0{0:02b}{4 - 1:03b}" + "".join(f"{value:08b}" for value in flat[:4])  # The first pixel value by value.
    for begin, end in pairwise([4, *changes.tolist(), len(flat)]):
        for place in range(begin, end, 256):
            bits += f"1{2:02b}{min(256, end - place) - 1:08b}{flat[place]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def test_brush_rle_of_another_encoder() -> None:
    assert np.array_equal(brush_mask(BRUSHED, H, W), BRUSHED_MASK)


def test_brush_rle_by_hand() -> None:
    """2 x 1 px, all opaque: 8 values of 8 bits in one run: 1, width 0 (3 bits), 8 - 1, 255."""
    bits = f"{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "1" + "00" + "111" + "11111111" + 5 * "0"
    rle = [int(bits[start : start + 8], 2) for start in range(0, 72, 8)]
    assert brush_mask(rle, 1, 2).tolist() == [[True, True]]


def test_half_covered_pixels_belong_to_a_stroke() -> None:
    alpha = np.zeros((H, W), np.uint8)
    alpha[0, :3] = 127, 128, 255
    assert brush_mask(brush_rle(alpha), H, W)[0].tolist() == [False, True, True] + 6 * [False]


@pytest.mark.parametrize(
    ("rle", "reason"),
    [
        (BRUSHED[:-3], "ends too early"),
        (BRUSHED[:2], "ends too early"),
        ([], "ends too early"),
        ([0, 0, 0, 215, *BRUSHED[4:]], "holds 215 values"),
        ([256, *BRUSHED[1:]], "no list of bytes"),
        ("0,0", "no list of bytes"),
        (None, "no list of bytes"),
    ],
)
def test_broken_brush_rle(rle: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        brush_mask(rle, H, W)


def test_a_brush_rle_that_runs_beyond_its_image() -> None:
    rle = brush_rle(np.zeros((H, W)))
    rle[3] = 4
    with pytest.raises(ValueError, match="holds 4"):
        brush_mask(rle, H, W)
    with pytest.raises(ValueError, match="runs beyond"):
        brush_mask([0, 0, 0, 8, *brush_rle(np.zeros((H, W)))[4:]], 1, 2)


def test_label_studio(tmp_path: Path) -> None:
    polygon = [[x / W * 100, y / H * 100] for x, y in BAR_CORNERS]
    export = tasks(
        region("brushlabels", "ring", format="rle", rle=brush_rle(RING * 255)),
        region("polygonlabels", "bar", points=polygon, closed=True),
    )
    coco, _ = converted("masks", "label-studio", written(tmp_path / "e.json", export))
    assert same(masks_of(coco), [("ring", RING), ("bar", BAR)])
    ring, bar = coco["annotations"]
    assert (ring["bbox"], ring["area"], ring["iscrowd"]) == ([1, 1, 3, 3], 8, 0)
    assert (bar["bbox"], bar["area"]) == ([6, 2, 3, 2], 6)


def test_coco(tmp_path: Path) -> None:
    """Polygons and both kinds of RLE; ids, crowds, and box and area where they are given stay as they are."""
    given = coco_points(
        {"segmentation": [FLAT_BAR], "bbox": [6, 2, 3, 2], "area": 5.5},
        {"segmentation": {"size": [H, W], "counts": BAR_COUNTS}, "iscrowd": 1},
        {"segmentation": encode_mask(RING), "category_id": 3, "id": 90},
    )
    coco, _ = converted("masks", "coco", written(tmp_path / "c.json", given))
    assert same(masks_of(coco), [("bar", BAR), ("bar", BAR), ("ring", RING)])
    assert [a["id"] for a in coco["annotations"]] == [1, 2, 90]
    assert [a["iscrowd"] for a in coco["annotations"]] == [0, 1, 0]
    assert [a["area"] for a in coco["annotations"]] == [5.5, 6, 8]
    assert coco["annotations"][0]["segmentation"] == [FLAT_BAR]
    assert coco["categories"] == given["categories"]


def png_base64(mask: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_labelme(tmp_path: Path) -> None:
    """Polygons, two parts of one object by group_id, and a mask whose first point is its top-left pixel."""
    cut = png_base64(RING[1:4, 1:4])
    content = labelme(
        shape("polygon", "bar", [[6, 2], [8, 2], [8, 4], [6, 4]], group=3),
        shape("mask", "ring", [[1, 1], [3, 3]], mask=cut),
        shape("polygon", "bar", [[8, 2], [9, 2], [9, 4], [8, 4]], group=3),
        shape("polygon", "bar", BAR_CORNERS),
    )
    coco, _ = converted("masks", "labelme", written(tmp_path / "labels/a.json", content))
    assert same(masks_of(coco), [("bar", BAR), ("ring", RING), ("bar", BAR)])
    assert coco["annotations"][0]["segmentation"] == [[6, 2, 8, 2, 8, 4, 6, 4], [8, 2, 9, 2, 9, 4, 8, 4]]


@pytest.mark.parametrize("name", ["a.png", "a_mask.png"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_instance_png(tmp_path: Path, name: str, dtype: type) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray((RING * 1 + BAR * 7).astype(dtype)).save(tmp_path / "masks" / name)
    images = picture(tmp_path / "images")
    coco, _ = converted("masks", "instance-png", tmp_path / "masks", Options(category="thing"), image_dir=images)
    assert same(masks_of(coco), [("thing", RING), ("thing", BAR)])


def voc(folder: Path, classes: dict[int, int], void: np.ndarray | None = None) -> Path:
    """A VOC folder in palette PNGs: the ring is object 1, the bar object 2; classes: object -> class."""
    instance = (RING * 1 + BAR * 2).astype(np.uint8)
    kind = (RING * classes[1] + BAR * classes[2]).astype(np.uint8)
    for name, values in (("SegmentationObject", instance), ("SegmentationClass", kind)):
        (folder / name).mkdir(parents=True)
        if void is not None:
            values[void] = 255
        image = Image.fromarray(values, "P")
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
        image.save(folder / name / "a.png")
    picture(folder / "JPEGImages", "a.jpg")
    return folder


def test_voc(tmp_path: Path) -> None:
    """VOC's own classes; of palette PNGs the index counts; the void border belongs to no mask."""
    void = ~(RING | BAR)
    void[0] = False
    coco, _ = converted("masks", "voc", voc(tmp_path / "voc", {1: 15, 2: 9}, void))
    assert same(masks_of(coco), [("person", RING), ("chair", BAR)])
    assert coco["images"][0]["file_name"] == "a.jpg"


def test_voc_with_names_of_its_own(tmp_path: Path) -> None:
    """class_names.txt as labelme's export writes it."""
    source = voc(tmp_path / "voc", {1: 1, 2: 2})
    written(source / "class_names.txt", "__ignore__\n_background_\nring\nbar\n")
    assert same(masks_of(converted("masks", "voc", source)[0]), [("ring", RING), ("bar", BAR)])


def test_voc_in_colours(tmp_path: Path) -> None:
    """RGB PNGs and labelmap.txt, as CVAT's export has them."""
    source = tmp_path / "voc"
    labelmap = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbar:61,61,245::\nring:9,0,0::\n"
    written(source / "labelmap.txt", labelmap)
    colours = {"SegmentationObject": ((128, 0, 0), (0, 128, 0)), "SegmentationClass": ((9, 0, 0), (61, 61, 245))}
    for name, (ring, bar) in colours.items():
        (source / name).mkdir()
        values = RING[..., None] * np.array(ring, np.uint8) + BAR[..., None] * np.array(bar, np.uint8)
        Image.fromarray(values.astype(np.uint8)).save(source / name / "a.png")
    coco, _ = converted("masks", "voc", source, image_dir=picture(tmp_path / "images"))
    assert sorted(name for name, _ in masks_of(coco)) == ["bar", "ring"]
    assert same(sorted(masks_of(coco), key=lambda one: one[0]), [("bar", BAR), ("ring", RING)])


@pytest.mark.parametrize("name", ["class_names.txt", "labelmap.txt"])
def test_voc_classes_in_another_encoding(tmp_path: Path, name: str) -> None:
    source = voc(tmp_path / "voc", {1: 1, 2: 2})
    (source / name).write_bytes("Käse:1,2,3::\n".encode("latin-1"))
    with pytest.raises(InputError, match=rf"voc/{name}: is not in UTF-8 .*; save it as UTF-8"):
        converted("masks", "voc", source)


def bdd(*labels: dict[str, Any], **frame: Any) -> list[dict[str, Any]]:
    """BDD100K's ins_seg JSON of one frame."""
    return [{"name": "a.png", "labels": [{"id": str(n), **label} for n, label in enumerate(labels)], **frame}]


@pytest.mark.parametrize("wrapped", [False, True])
def test_bdd100k(tmp_path: Path, wrapped: bool) -> None:
    """RLE and poly2d in one file; what is marked crowd is a crowd region."""
    given: Any = bdd(
        {"category": "car", "rle": encode_mask(RING), "attributes": {"occluded": True}},
        {
            "category": "rider",
            "poly2d": [{"vertices": BAR_CORNERS, "types": "LLLL", "closed": True}],
            "attributes": {"crowd": True},
        },
    )
    given = {"frames": given, "config": {"imageSize": {"width": W, "height": H}}} if wrapped else given
    coco, _ = converted("masks", "bdd100k", written(tmp_path / "b.json", given))
    assert same(masks_of(coco), [("car", RING), ("rider", BAR)])
    assert [a["iscrowd"] for a in coco["annotations"]] == [0, 1]


def test_bezier_curves_of_bdd100k() -> None:
    """A circle of radius 1 in four curves, the last back to the first corner; and one whose end is written L."""
    k = 4 / 3 * (2**0.5 - 1)
    vertices = [
        [1, 0], [1, k], [k, 1], [0, 1], [-k, 1], [-1, k], [-1, 0], [-1, -k], [-k, -1], [0, -1], [k, -1], [1, -k],
    ]  # fmt: skip
    ring = np.array(_ring({"vertices": vertices, "types": "LCCCCCCCCCCC", "closed": True}))
    assert len(ring) == 65 and np.abs(np.hypot(*ring.T) - 1).max() < 1e-3
    ended = np.array(_ring({"vertices": vertices, "types": "LCCLCCLCCLCC", "closed": True}))
    assert np.array_equal(ring, ended)


@pytest.mark.parametrize(
    "part",
    [
        {"vertices": BAR_CORNERS, "types": "LLL", "closed": True},
        {"vertices": BAR_CORNERS, "types": "LLLX", "closed": True},
        {"vertices": BAR_CORNERS, "types": "CCLL", "closed": True},
        {"vertices": BAR_CORNERS, "types": "LLLC", "closed": True},
        {"vertices": BAR_CORNERS, "types": "LLLL", "closed": False},
    ],
)
def test_broken_poly2d(part: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="its"):
        _ring(part)


def polygons_of(mask: np.ndarray) -> list[list[list[float]]]:
    """One rectangle for each run of the mask, in each row: polygons that draw it exactly."""
    rectangles = []
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        rectangles += [[[a, y], [b, y], [b, y + 1], [a, y + 1]] for a, b in edges.reshape(-1, 2).tolist()]
    return rectangles


def alone(coco: dict[str, Any], image: dict[str, Any]) -> list[np.ndarray]:
    """The image's masks, each without the pixels of an earlier one: a label image cannot hold overlaps."""
    taken = np.zeros((image["height"], image["width"]), bool)
    masks = []
    for annotation in coco["annotations"]:
        if annotation["image_id"] == image["id"]:
            mask = decode_mask(annotation, *taken.shape) & ~taken
            taken |= mask
            masks.append(mask)
    return masks


@pytest.mark.parametrize("data", ["pennfudan", "nuclei"])
@pytest.mark.parametrize("label_format", ["coco", "instance-png", "voc", "labelme", "label-studio", "bdd100k"])
def test_real_masks_come_back(tmp_path: Path, shared_data: Path, data: str, label_format: str) -> None:
    """Five images of a real set, written as each tool writes them, come back equal; prepare takes the file."""
    coco = read_coco(shared_data / data / "annotations/instances_train.json")
    given = {image["file_name"]: alone(coco, image) for image in coco["images"][:5]}
    given = {name: [mask for mask in masks if mask.any()] for name, masks in given.items()}
    images = shared_data / data / "images/train"
    source = _exported(tmp_path / "labels", label_format, given)
    options = Options(category="thing" if label_format == "instance-png" else None)
    found, done = converted("masks", label_format, source, options, image_dir=images)
    assert not done.refusals and sum(done.labels.values()) == sum(map(len, given.values())) >= 5
    wanted = [("thing", mask) for name in sorted(given) for mask in given[name]]
    order = {image["id"]: image["file_name"] for image in found["images"]}
    found["annotations"].sort(key=lambda annotation: order[annotation["image_id"]])
    assert same(masks_of(found), wanted)
    out = source.parent / "converted.json"
    prepare.run(PrepareSettings(), out, out, tmp_path / "prepared")


def _exported(folder: Path, label_format: str, given: dict[str, list[np.ndarray]]) -> Path:
    """Masks by image name as a tool writes them, all of class `thing`."""
    folder.mkdir()
    if label_format in ("instance-png", "voc"):
        return _label_images(folder, label_format, given)
    if label_format == "labelme":
        for name, masks in given.items():
            shapes = [shape("polygon", "thing", part, n) for n, mask in enumerate(masks) for part in polygons_of(mask)]
            height, width = masks[0].shape
            content = {**labelme(*shapes, path=name, width=width), "imageHeight": height}
            written(folder / f"{Path(name).stem}.json", content)
        return folder
    if label_format == "label-studio":
        return written(folder / "export.json", [_task(name, masks) for name, masks in given.items()])
    rle = {name: [encode_mask(mask) for mask in masks] for name, masks in given.items()}
    if label_format == "bdd100k":
        frames = [
            {"name": name, "labels": [{"id": str(n), "category": "thing", "rle": one} for n, one in enumerate(masks)]}
            for name, masks in rle.items()
        ]
        return written(folder / "ins_seg.json", frames)
    images = [
        {"id": n, "file_name": name, "width": masks[0]["size"][1], "height": masks[0]["size"][0]}
        for n, (name, masks) in enumerate(rle.items())
    ]
    pairs = [(image["id"], one) for image in images for one in rle[image["file_name"]]]
    annotations = [
        {"id": n, "image_id": image, "category_id": 1, "segmentation": one} for n, (image, one) in enumerate(pairs)
    ]
    whole = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    return written(folder / "coco.json", whole)


def _label_images(folder: Path, label_format: str, given: dict[str, list[np.ndarray]]) -> Path:
    if label_format == "voc":
        written(folder / "class_names.txt", "_background_\nthing\n")
    for name, masks in given.items():
        values = sum((n * mask for n, mask in enumerate(masks, start=1)), np.zeros(masks[0].shape, int))
        assert values.max() < 255
        pngs = {"": values} if label_format == "instance-png" else {"Object": values, "Class": values > 0}
        for kind, content in pngs.items():
            path = folder / (f"Segmentation{kind}" if kind else "") / f"{Path(name).stem}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(content.astype(np.uint8)).save(path)
    return folder


def _task(name: str, masks: list[np.ndarray]) -> dict[str, Any]:
    height, width = masks[0].shape
    regions = [
        {
            **region("brushlabels", "thing", format="rle", rle=brush_rle(mask * 255)),
            "original_width": width,
            "original_height": height,
        }
        for mask in masks
    ]
    return tasks(*regions, image=f"/data/upload/3/0a1b2c3d-{name}")[0]
