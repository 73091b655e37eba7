"""Largest memory of the stages proposals and pseudo on made-up sets of two sizes: how much each object adds.

`python -m benchmarks.coco_memory [--images 4000 16000]`. No network runs: the predictor is stood in for by blobs, and
the pseudo masks are rough. What is left is reading, keeping, numbering and writing, each stage in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.synthetic_coco import CLASSES, objects_of

HEIGHT, WIDTH = 480, 640
FULL = 10
"""Every tenth image has masks."""
CHILD = "import sys, resource, benchmarks.coco_memory as b; b.run_stage(sys.argv[1], b.Path(sys.argv[2]));\
 print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)"


def write_set(folder: Path, images: int) -> None:
    """full.json, weak.json and images.csv of a set with COCO's number of objects per image."""
    rng = np.random.default_rng(images)
    rows = [{"id": n, "file_name": f"{n:012d}.jpg", "width": WIDTH, "height": HEIGHT} for n in range(1, images + 1)]
    parts = {"full": rows[::FULL], "weak": [row for n, row in enumerate(rows) if n % FULL]}
    number = 0
    for side, part in parts.items():
        annotations = []
        for image in rng.choice([row["id"] for row in part], objects_of(len(part))).tolist():
            number += 1
            point = rng.uniform(100, 380, 2).round(3).tolist()
            shown = {"point": point} if side == "weak" else blob(point, number)
            annotations.append({"id": number, "image_id": image, "category_id": 1 + number % CLASSES, **shown})
        categories = [{"id": n + 1, "name": str(n)} for n in range(CLASSES)]
        content = {"images": part, "annotations": annotations, "categories": categories}
        (folder / f"{side}.json").write_text(json.dumps(content))
    lines = ["subset,image_id,file_name,width,height,sha256"]
    lines += [f"train,{row['id']},{row['file_name']},{WIDTH},{HEIGHT},{row['id']:064x}" for row in rows]
    (folder / "images.csv").write_text("\n".join(lines) + "\n")


def blob(point: Sequence[float], number: int) -> dict[str, Any]:
    """A jagged mask of a predictor's kind around a point: segmentation (RLE of some 300 bytes), box and area."""
    from pycocotools import mask as mask_api

    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 30 + 20 * np.random.default_rng(number).random((60, 1))
    ring = (np.asarray(point) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)).ravel().tolist()
    rle = mask_api.frPyObjects([ring], HEIGHT, WIDTH)[0]
    made = {"size": rle["size"], "counts": rle["counts"].decode("ascii")}
    return {"segmentation": made, "bbox": mask_api.toBbox(rle).tolist(), "area": int(mask_api.area(rle)), "iscrowd": 0}


def _records(
    segmentor: object, name: str, images: Sequence[Any], objects: Mapping[int, Sequence[Any]], *rest: object
) -> Iterator[tuple[int, list[Any]]]:
    """In the place of `propose`: a blob for every object."""
    from dataclasses import replace

    from wssis.engine.proposing import Proposal, _bare_row

    for image in images:
        made = []
        for one in objects[image.image_id]:
            mask = blob(one.point, one.id)
            bare = _bare_row(one, image.image_id, name, "kept")
            values = {"level": 1, "score": 0.5, "maskness": 0.5, "category_score": 0.5, "area": mask["area"]}
            row = replace(bare, **values, own_point_inside=True, foreign_points=0, same_class_points=0, fallback=False)
            named = {"image_id": image.image_id, "category_id": one.category_id, "point_id": one.id}
            made.append(
                Proposal(row, {"id": 0, **named, "point": list(one.point), **mask, **values, "predictor": name})
            )
        if made:
            yield image.image_id, made


def run_stage(stage: str, folder: Path) -> None:
    """Run `proposals` (its predictor stood in for) or `pseudo` (rough) on a set of `write_set`."""
    from wssis.config.mask_stages import ProposalsSettings, PseudoSettings

    if stage == "proposals":
        from wssis.stages import proposals

        absent = dict.fromkeys(("load_segmentor", "check_categories", "refuse_imported_snapshot"), lambda *_: None)
        with mock.patch.multiple(proposals, propose=_records, **absent):
            weak, table, out = folder / "weak.json", folder / "images.csv", folder / "proposals" / "weak.json"
            model = {"teacher": folder / "images.csv"}
            proposals.run(ProposalsSettings(), "weak", weak, model, table, folder, out, out.with_suffix(".csv"))
    else:
        from wssis.stages import pseudo

        given = (folder / "full.json", folder / "weak.json", folder / "proposals" / "weak.json")
        pseudo.run(PseudoSettings(masks="rough", threads=1), *given, folder / "pseudo" / "rough.json")


def main() -> None:
    """Read the command line, run both stages at both sizes, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs=2, default=[4000, 16000], help="sizes of the two sets")
    sizes = parser.parse_args().images
    objects = [objects_of(count - count // FULL) for count in sizes]
    found: dict[str, list[float]] = {"proposals": [], "pseudo": []}
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_set(Path(folder), count)
            for stage, megabytes in found.items():
                done = subprocess.run(
                    [sys.executable, "-c", CHILD, stage, folder], check=True, stdout=subprocess.PIPE, text=True
                )
                megabytes.append(float(done.stdout.split()[-1]))
    print(f"largest memory, MB, with {objects[0]:,} and {objects[1]:,} weak points")
    for stage, (small, large) in found.items():
        each = (large - small) * 1e6 / (objects[1] - objects[0])
        print(f"{stage:10} {small:8.0f} {large:8.0f}   {each:6.0f} bytes a point")


if __name__ == "__main__":
    main()
