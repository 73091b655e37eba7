"""What follows from what, and what a variant makes itself."""

from typing import Any

import pytest

from wssis.config.default_study import DEFAULT_STUDY
from wssis.config.jobs import manifest_of
from wssis.config.lineage import Lineage, Place, Product
from wssis.config.merging import merged
from wssis.config.plan import plan_rows
from wssis.config.study import Study
from wssis.config.validate import validate_study

PLACE = Place("shapes", "10pct", "s3")
ARMS = ["supervised", "rough", "wssis", "wssis-2", "semi", "oracle-mask", "oracle"]


def study(variant: dict[str, Any], **changes: Any) -> Study:
    """The default study, but with pairs by fold teachers, with a variant `v`."""
    run = {"run": {"arms": ARMS, "variants": ["base", "v"]}, "variants": {"v": variant}}
    crossfit = {"refiner": {"pairs": "crossfit"}}
    return validate_study(merged(merged(DEFAULT_STUDY, run | crossfit), changes))


def made_by(variant: dict[str, Any], **changes: Any) -> set[str]:
    """Where the manifests lie that the variant has in its own folder."""
    lineage = Lineage(study(variant, **changes))
    found = {one for arm in ARMS for one in lineage.with_all_before(Product("evaluate", arm), PLACE, "v")}
    found |= set(lineage.with_all_before(Product("evaluate"), PLACE, "v"))
    own = {manifest_of(one) for one in found if lineage.home(one, PLACE, "v") == "v"}
    return {name.removesuffix(".manifest.json").removesuffix("/manifest.json") for name in own}


STUDENTS_OF_POINTS = {f"students/{arm}{end}" for arm in ("rough", "wssis", "wssis-2") for end in ("", "/evaluate")}
REFINED = {f"students/{arm}{end}" for arm in ("wssis", "wssis-2") for end in ("", "/evaluate")} | {
    "pseudo/wssis.json", "pseudo/wssis-2.json", "arms/wssis-2/proposals/weak.json", "arms/wssis-2/crops/weak.zarr",
    "refiner",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "made"),
    [
        ({}, set()),
        ({"refiner": {"optimizer": {"lr": 0.5}}}, REFINED),
        ({"crops": {"size": 96}}, REFINED | {"crops/full.zarr", "crops/weak.zarr"}),
        ({"refiner": {"pairs": "corrupt"}}, REFINED | {"proposals/full.json", "crops/full.zarr"}),
        ({"student": {"network": {"sigma": 0.3}}}, None),
        ({"semi": {"hue": 0.2}}, {"students/semi", "students/semi/evaluate"}),
        (
            {"points": {"drift": 2.0}},
            REFINED | STUDENTS_OF_POINTS | {
                "points", "pseudo/rough.json", "pseudo/oracle-mask.json", "proposals/weak.json", "proposals/full.json",
                "crops/weak.zarr", "crops/full.zarr", "students/oracle-mask", "students/oracle-mask/evaluate",
            },
        ),
        ({"evaluate": {"max_detections": 300}}, None),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",  # a set's order is another in every process
)  # fmt: skip
def test_a_variant_makes_what_its_settings_reach(variant: dict[str, Any], made: set[str] | None) -> None:
    if made is None:
        found = made_by(variant)
        assert "teacher" not in found and "folds/0" not in found and "students/supervised/evaluate" in found
        assert ("students/supervised" in found) == ("student" in variant)
    else:
        assert made_by(variant) == made


def test_pairs_decide_what_the_refiner_follows_from() -> None:
    def before(pairs: str) -> set[str]:
        lineage = Lineage(study({}, refiner={"pairs": pairs}))
        return {manifest_of(one) for one in lineage.with_all_before(Product("refiner"), PLACE)}

    assert "folds/1/manifest.json" in before("crossfit") and "teacher/manifest.json" not in before("crossfit")
    assert "teacher/manifest.json" in before("snapshots") and "folds/1/manifest.json" not in before("snapshots")
    assert not {"teacher/manifest.json", "folds/1/manifest.json"} & before("corrupt")


def test_the_second_round_follows_from_the_first_student() -> None:
    def before(second_round: str) -> set[str]:
        lineage = Lineage(study({}, refiner={"second_round": second_round}))
        return {manifest_of(one) for one in lineage.with_all_before(Product("student", "wssis-2"), PLACE)}

    own = {"students/wssis/manifest.json", "arms/wssis-2/crops/weak.zarr.manifest.json", "refiner/manifest.json"}
    assert own <= before("reuse") & before("retrain")
    assert "arms/wssis-2/refiner/manifest.json" in before("retrain") - before("reuse")


def test_a_variant_has_rows_only_for_what_is_different() -> None:
    rows = [row for row in plan_rows(study({"crops": {"size": 96}})) if row.variant == "v"]
    assert [row.arm for row in rows] == ["wssis", "wssis-2"]
    row = rows[0]
    base = row.run.removesuffix("/v") + "/base"
    assert row.scores == f"{row.run}/students/wssis/scores.json" and row.quality == f"{row.run}/quality/wssis.csv"
    assert (row.folder("split"), row.folder("points"), row.folder("proposals/weak")) == (base, base, base)
    assert (row.folder("crops/weak"), row.folder("refiner"), row.folder("pseudo")) == (row.run,) * 3


def test_scores_may_be_a_variants_where_the_network_is_bases() -> None:
    rows = plan_rows(study({"evaluate": {"max_detections": 300}}))
    row = next(row for row in rows if row.variant == "v" and row.arm == "wssis")
    assert row.scores == f"{row.run}/students/wssis/scores.json"
    assert row.network == row.run.removesuffix("/v") + "/base/students/wssis"
    assert row.quality == row.run.removesuffix("/v") + "/base/quality/wssis.csv"


def test_overrides_by_mix_win_over_a_variant() -> None:
    config = study({"refiner": {"optimizer": {"lr": 0.5}}}, refiner={"by_mix": {"10pct": {"optimizer": {"lr": 0.1}}}})
    lineage = Lineage(config)
    assert lineage.settings(Product("refiner"), PLACE, "v").optimizer.lr == 0.1
    assert lineage.home(Product("refiner"), PLACE, "v") == "base"


def test_a_variant_of_the_second_round_alone_is_a_variant() -> None:
    again = made_by({"refiner": {"second_round": "retrain"}})
    assert {"pseudo/wssis-2.json", "students/wssis-2", "students/wssis-2/evaluate"} <= again
    assert not any(name.startswith("students/") and "wssis-2" not in name for name in again)
