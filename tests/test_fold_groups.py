"""Images that the split keeps together, as the frames of a video, are in one fold: no fold teacher saw any of them."""

from pathlib import Path

import pytest

from wssis.audit.coco_facts import coco_facts, groups_in
from wssis.config.mask_stages import ProposalsSettings
from wssis.config.merging import merged
from wssis.config.resolve import resolve, settings_json
from wssis.config.segmentor_stages import ScoreThresholdsSettings
from wssis.config.study import Study
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.images_table import ImageRow
from wssis.formats.split import assign_folds
from wssis.stages import fold, proposals, score_thresholds

IMAGES = [{"id": n, "file_name": f"{n}.png", "width": 4, "height": 4, "video": n // 3} for n in range(12)]
COCO = {"images": IMAGES, "annotations": [], "categories": [{"id": 1, "name": "car"}]}
GROUPED = {"split": {"method": "group", "group_key": "video"}, "refiner": {"pairs": "crossfit"}}
RUN = {"datasets": ["cars"], "mixes": ["10pct"], "seeds": ["s0"], "arms": ["wssis", "semi"]}
AT = {"dataset": "cars", "mix": "10pct", "seed": "s0"}


def _study(**changes: object) -> Study:
    paths = {name: f"{name}.json" for name in ("train_annotations", "val_annotations", "train_images", "val_images")}
    base = {"study": "mine", "datasets": {"cars": {"kind": "coco", **paths}}, "run": RUN}
    return Study.model_validate(merged(base, changes))


def test_the_stages_of_the_folds_know_the_key() -> None:
    grouped = _study(**GROUPED)
    stages = ({"stage": "fold", "fold": 0}, {"stage": "proposals", "side": "full"}, {"stage": "score_thresholds"})
    for one in stages:
        assert resolve(grouped, **AT, **one).group_key == "video"
        plain = settings_json(resolve(_study(refiner={"pairs": "crossfit"}), **AT, **one))
        assert "group_key" not in plain, "settings of studies without groups are the text they were"
    assert resolve(grouped, **AT, stage="proposals", side="weak").group_key is None
    corrupt = _study(**merged(GROUPED, {"refiner": {"pairs": "corrupt"}}))
    assert resolve(corrupt, **AT, stage="proposals", side="full").group_key is None


def test_nobody_predicts_a_video_of_which_it_was_trained_on_a_frame() -> None:
    rows = [ImageRow("train", image["id"], image["file_name"], 4, 4, "0" * 64) for image in IMAGES]
    settings = ProposalsSettings(pairs="crossfit", folds=2, fold_seed=3, group_key="video")
    for name, part in proposals.shares(settings, "full", rows, COCO).items():
        seen = fold.without_fold(COCO, 2, int(name[-1]), 3, "video")["images"]
        predicted = {image.image_id // 3 for image in part}
        assert part and predicted.isdisjoint(image["video"] for image in seen)
    chosen = ScoreThresholdsSettings(folds=2, fold_seed=3, group_key="video")
    for name, part in score_thresholds._shares(COCO, chosen):
        expected = [row.image_id for row in proposals.shares(settings, "full", rows, COCO)[name]]
        assert [image["id"] for image in part["images"]] == expected


def test_an_image_without_the_key_is_named() -> None:
    with pytest.raises(InputError, match=r"full\.json: image 0 has no key 'day' \(split\.group_key\)"):
        fold.without_fold(COCO, 2, 0, 3, "day")


def test_the_audit_deals_the_same_folds(tmp_path: Path) -> None:
    write_coco(tmp_path / "full.json", COCO)
    facts = coco_facts(tmp_path / "full.json", "truth")
    groups = groups_in(facts, {"group_key": "video"})
    ids = [image["id"] for image in IMAGES]
    kept = {image["id"] for image in fold.without_fold(COCO, 2, 0, 3, "video")["images"]}
    assert kept == {image for image, its in assign_folds(ids, 2, 3, groups).items() if its != 0}
    assert groups_in(facts, {}) is None
