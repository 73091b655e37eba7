"""Image check and crop store on real images: milliseconds and bytes a piece, by number of worker processes.

`python -m benchmarks.coco_crops --annotations train.json --images FOLDER [--workers 0 2]`: any COCO set; the true masks
stand in for rough ones. Every image is checked and every object cut at 256 px, in a temporary folder.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wssis.config.data_stages import PrepareSettings
from wssis.config.mask_stages import CropsSettings
from wssis.formats.coco import compressed, mask_box, read_coco, write_coco
from wssis.formats.crop_store import CropStore
from wssis.stages import check_images, crops


def write_proposals(path: Path, coco: dict[str, Any], copies: int) -> int:
    """The objects of a set as proposals, each `copies` times; how many there are."""
    from pycocotools import mask as mask_api

    images = {image["id"]: image for image in coco["images"]}
    made = []
    for annotation in (a for a in coco["annotations"] if not a["iscrowd"]):
        image = images[annotation["image_id"]]
        rle = compressed(annotation["segmentation"], image["height"], image["width"])
        x, y, width, height = mask_box(mask_api.decode(rle))
        for _ in range(copies):
            number = len(made) + 1
            named = {"id": number, "point_id": number, "image_id": image["id"]}
            shown = {"point": [x + width // 2, y + height // 2], "segmentation": annotation["segmentation"]}
            made.append({**named, "category_id": annotation["category_id"], **shown})
    write_coco(path, {"images": coco["images"], "annotations": made, "categories": coco["categories"]})
    return len(made)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process and its workers."""
    before, begun = os.times(), time.perf_counter()
    work()
    after = os.times()
    return time.perf_counter() - begun, sum(after[:4]) - sum(before[:4])


def store_bytes(path: Path) -> dict[str, int]:
    """Bytes on the disk of each array of a store."""
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    return {folder.name: sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) for folder in folders}


def benchmark(annotations: Path, folder: Path, workers: list[int], copies: int, work: Path) -> None:
    """Print a line for each stage and number of workers, and the bytes of each array a crop."""
    coco = read_coco(annotations)
    count = write_proposals(work / "proposals.json", coco, copies)
    table, images = work / "images.csv", len(coco["images"])
    write_coco(work / "no.json", coco | {"images": [], "annotations": []})
    print(f"{images} images, {count} crops")
    for number in workers:
        spent = timed(
            lambda n=number: check_images.run(
                PrepareSettings(), annotations, work / "no.json", folder, folder, table, n
            )
        )
        print(f"check_images, {number} workers: {spent[0]:.2f} s, {1e3 * spent[1] / images:.1f} CPU ms an image")
    store = work / "crops.zarr"
    for number in workers:
        given = (CropsSettings(shard_megabytes=16), work / "proposals.json", annotations, folder, table, store)
        spent = timed(lambda n=number, given=given: crops.run(*given, workers=n))
        print(f"crops, {number} workers: {spent[0]:.2f} s, {1e3 * spent[1] / count:.1f} CPU ms a crop")
    sizes = store_bytes(store)
    raw = CropStore(store).megabytes * 2**20 / count
    print(f"bytes a crop: {sum(sizes.values()) / count:,.0f} (raw {raw:,.0f} without the heat map)")
    print(", ".join(f"{name} {size / count:,.0f}" for name, size in sizes.items()))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--copies", type=int, default=1, help="crops of each object, for small sets")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        benchmark(given.annotations, given.images, given.workers, given.copies, Path(work))


if __name__ == "__main__":
    main()
