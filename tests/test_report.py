"""The report of a made-up study: what the page says follows from the files, and nothing is left out."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_fixtures import ARMS, MadeUp, make_study, measured_at, toy_set, write_coco_classes

from wssis.config.report import ReportSettings
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import SCORE_COLUMNS, read_score_table
from wssis.report_page.accounts import Line, _missing
from wssis.report_page.ap_samples import ap_interval, sample_networks
from wssis.report_page.budget_text import budget_text
from wssis.report_page.compare import compare_group
from wssis.report_page.curves import CURVES, read_curves
from wssis.report_page.plan import read_plan
from wssis.report_page.published import published_table
from wssis.report_page.results import group_results, load_results
from wssis.report_page.tables import Cell, csv_text, latex_text, make_table, write_tables
from wssis.report_page.words import days
from wssis.stages import report


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Two seeds of one mix."""
    root = tmp_path_factory.mktemp("study")
    sets = toy_set(root / "images", "train", 20), toy_set(root / "images", "val", 15)
    return make_study(root, *sets, root / "images", {"20pct": 4}, seeds=(0, 1))


@pytest.fixture(scope="module")
def page(study: MadeUp) -> str:
    """Its page."""
    return study.report()


def test_an_interval_of_ap_is_mirrored() -> None:
    """Resamples of an AP lie above it, so the interval reaches further down than up; an AP is within 0 ... 100."""
    draws = np.linspace(24, 34, 1001)
    low, high = ap_interval(27.0, draws)
    assert (low, high) == pytest.approx((54 - 33.75, 54 - 24.25)) and 27 - low > high - 27
    assert ap_interval(2.0, np.array([1.0, 5.0]))[0] == 0 and ap_interval(99.5, np.array([98.0, 99.0]))[1] == 100
    assert ap_interval(float("nan"), draws) is None and ap_interval(27.0, np.zeros(0)) is None


class Tags(HTMLParser):
    """Collects the tags of a page, and checks that they close in order."""

    VOID = ("meta", "img", "br", "link", "input", "hr", "path", "use", "image", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_whole_and_fetches_nothing(study: MadeUp, page: str) -> None:
    parsed = Tags(page)
    assert parsed.open == []
    assert not {"script", "iframe"} & {tag for tag, _ in parsed.tags}
    fetched = [attrs[key] for tag, attrs in parsed.tags for key in ("src", "href", "xlink:href")
               if key in attrs and tag != "a"]  # fmt: skip
    assert fetched and all(source.startswith(("data:", "#")) for source in fetched)
    led_to = {attrs["href"].partition("#")[0] for tag, attrs in parsed.tags if tag == "a"}
    assert all(not link or (study.out / link).is_file() for link in led_to) and "gallery.html" in led_to
    assert "url(http" not in page and "@import" not in page


def test_every_picture_has_alt_text_and_no_id_comes_twice(page: str) -> None:
    tags = Tags(page).tags
    assert all(attrs.get("alt") for tag, attrs in tags if tag == "img")
    assert all(attrs.get("aria-label") for _, attrs in tags if attrs.get("role") == "img")
    figures = [attrs["aria-label"] for tag, attrs in tags if tag == "div" and attrs.get("role") in ("img", "group")]
    assert sum(tag == "svg" for tag, _ in tags) == len(figures) > 4 and all(figures)
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_score_table_has_one_row_per_network(study: MadeUp, page: str) -> None:
    rows = read_score_table(study.out / "scores.csv")
    assert tuple(rows[0]) == SCORE_COLUMNS
    assert len(rows) == len(study.plan["rows"]) == 12
    by_place = {(row["arm"], row["seed"]): row for row in rows}
    scores = json.loads(Path(study.plan["rows"][4]["scores"]).read_text())
    assert study.plan["rows"][4]["arm"] == "wssis"
    assert float(by_place["wssis", "s0"]["AP"]) == pytest.approx(scores["AP"], abs=1e-4)
    assert by_place["wssis", "s0"]["points"] == "centroid" and by_place["oracle", "s1"]["points"] == "none"
    assert by_place["oracle", "s1"]["AP_large"] == ""
    assert by_place["teacher", "s0"]["iterations"] == "300"
    days = {arm: float(by_place[arm, "s0"]["label_days_cheng"]) for arm in ("supervised", "wssis", "oracle")}
    assert 0 < days["supervised"] < days["wssis"] < days["oracle"]


def test_answer_follows_from_the_scores(study: MadeUp, page: str) -> None:
    rows = read_score_table(study.out / "scores.csv")
    means = {arm: np.mean([float(r["AP"]) for r in rows if r["arm"] == arm]) for arm in (*ARMS, "teacher")}
    base = max(means["supervised"], means["supervised-short"])
    answer = re.search(r'<section class="answer".*?</section>', page, re.DOTALL)[0]
    assert f"{means['wssis']:.1f} AP" in answer
    runs = {row["run"] for row in study.plan["rows"] if row["arm"] == "wssis"}
    objects = [len(json.loads((Path(run) / "weak.json").read_text())["annotations"]) for run in runs]
    assert len(set(objects)) == 1 and f"points on the {objects[0]} objects" in answer  # both seeds alike
    assert f"+{means['wssis'] - base:.1f} AP" in answer
    assert f"{100 * (means['wssis'] - base) / (means['oracle'] - base):.0f} %" in answer
    assert "mean of 2 seeds" in answer


def test_page_states_what_it_must(page: str) -> None:
    for words in ("idealised", "bias against our own method", "hidden truth", "Not paid for", "row of its own"):
        assert words in page
    assert page.count('class="fine">adds up') == 10 and "unaccounted for</td>" not in page


def test_warnings_about_the_data_are_shown(study: MadeUp, page: str) -> None:
    part = page.split('<section id="data"')[1].split("</section>")[0]
    assert "<summary>EXIF orientation (12)</summary>" in part
    assert "3.jpg: image 3 of train: has EXIF &lt;b&gt;6&lt;/b&gt;; turn its pixels" in part
    assert part.count("turn its pixels") == 10 and "and 2 more of the like" in part


def test_one_seed_says_so(study: MadeUp, tmp_path: Path) -> None:
    plan = {**study.plan, "rows": [row for row in study.plan["rows"] if row["seed"] == "s0"]}
    single = MadeUp(plan, study.results, study.images, tmp_path).report(resamples=0)
    assert "(one seed)" in single and "mean of" not in re.sub(r"ratio of the means.*?;", "", single)
    assert "no resamples" in single


def test_it_is_made_again_by_hand_where_snakemake_made_it(study: MadeUp, tmp_path: Path) -> None:
    """Snakemake marks folders; a folder of somebody else's tables refuses the report before anything is lost."""

    def make() -> None:
        settings = ReportSettings(bootstrap=10, gallery=2)
        report.run(settings, json.dumps(study.plan), study.results, {"toy": study.images}, tmp_path)

    make()
    (tmp_path / "tables" / ".snakemake_timestamp").touch()
    make()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "tables" / "mine.xlsx").touch()
    with pytest.raises(InputError, match="tables: holds files of another kind"):
        make()
    (tmp_path / "tables" / "mine.xlsx").unlink()
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_own_seconds_stand_beside_the_two_models(study: MadeUp, page: str, tmp_path: Path) -> None:
    own = {"image": 4.0, "point_first": 2.0, "point_more": 1.0}
    settings = ReportSettings(bootstrap=10, gallery=2, cost={"measured": own})
    report.run(settings, json.dumps(study.plan), study.results, {"toy": study.images}, tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert "own measured seconds" in text and "4 s per image" in text
    assert "own measured seconds" not in page
    told = ["own seconds, spotting" in _stage_days(out)[0] for out in (tmp_path, study.out)]
    assert told == [True, False]
    assert "own measured seconds" in budget_text(read_curves(tmp_path / CURVES), 10.0, "measured")


def _stage_days(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "tables/stage-days-toy-base.csv").open()))


def test_days_of_the_labelling_stages_add_up(study: MadeUp, page: str) -> None:
    """To what the table of costs says; a dash, nothing in the CSV, counts nothing."""
    costs = {line["arm"]: line for line in csv.DictReader((study.out / "tables/cost-toy-base.csv").open())}
    lines = _stage_days(study.out)
    assert sorted(line["arm"] for line in lines) == sorted(costs)
    for line in lines:
        for model in ("PointWSSIS", "Cheng et al."):
            stages = [float(line[f"{model}, {stage}"] or 0) for stage in ("category", "spotting", "localisation")]
            assert sum(stages) == pytest.approx(float(line[f"{model}, all"]), rel=0.1)
            assert line[f"{model}, all"] == costs[line["arm"]][f"{model}, categories unknown"]
        assert line["PointWSSIS, spotting"] == "" and float(line["Cheng et al., spotting"]) > 0


def test_the_manifest_names_everything_the_pages_are_made_of(study: MadeUp, page: str) -> None:
    inputs = {Path(one["path"]) for one in read_manifest(study.out / "manifest.json")["inputs"].values()}
    for row in (row for row in study.plan["rows"] if row["quality"]):
        folder = Path(row["quality"]).parent
        assert {folder / f"{row['arm']}.{name}" for name in ("csv", "shown.json", "predictions.json")} <= inputs
    networks = {Path(row["scores"]).parent for row in study.plan["rows"]}
    refiners = {Path(row["run"]) / "refiner" for row in study.plan["rows"] if row["arm"] == "wssis"}
    assert {folder / "metrics.jsonl" for folder in networks | refiners} <= inputs


def test_a_damaged_file_of_predictions_is_named(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"] if row["arm"] in ("supervised", "wssis") and row["seed"] == "s0"]
    source = Path(rows[1]["quality"])
    for path in source.parent.glob("wssis.*"):
        shutil.copy(path, tmp_path / path.name)
    (tmp_path / "wssis.shown.json").write_text('{"rule": ')
    rows[1] |= measured_at(tmp_path / source.name)
    with pytest.raises(InputError, match=r"wssis\.shown\.json: not readable as JSON"):
        MadeUp(study.plan | {"rows": rows}, study.results, study.images, tmp_path / "report").report()


def test_one_mix_gets_no_plan(study: MadeUp, page: str) -> None:
    assert "One mix: no curve" in page and "The best mix for a budget" not in page
    text = budget_text(read_curves(study.out / CURVES), 10.0)
    assert text.count("One mix: no curve") == 2 and "Oracle: masks on 100 %" in text


def test_every_table_is_there_as_csv_and_latex(study: MadeUp, page: str) -> None:
    names = re.findall(r'id="table-([^"]+)"', page)
    assert len(names) == len(set(names)) > 8
    files = {f"{name}.{suffix}" for name in names for suffix in ("csv", "tex")}
    assert {path.name for path in (study.out / "tables").iterdir()} == files
    with (study.out / "tables" / "arms-toy-20pct-base.csv").open() as stream:
        rows = {row["arm"]: row for row in csv.DictReader(stream)}
    ap = np.mean([float(r["AP"]) for r in read_score_table(study.out / "scores.csv") if r["arm"] == "wssis"])
    assert float(rows["WSSIS"]["AP"]) == pytest.approx(ap, abs=0.051)
    latex = (study.out / "tables" / "differences-toy-20pct-base.tex").read_text()
    assert latex.count(r"\\") == 1 + latex.count("WSSIS") + latex.count("Rough $-$ Sup") + 2 and r"\toprule" in latex


def test_gallery_fetches_nothing_and_is_bounded(study: MadeUp, page: str, tmp_path: Path) -> None:
    text = (study.out / "gallery.html").read_text()
    tags = Tags(text).tags
    sources = [attrs["href"] for tag, attrs in tags if tag in ("image", "link")]
    assert sources and all(source.startswith("data:") for source in sources)
    links = {attrs["href"] for tag, attrs in tags if tag == "a"}
    assert {link for link in links if "image=" not in link} == {"index.html", "#images"} and len(links) > 2
    few = MadeUp(study.plan, study.results, study.images, tmp_path)
    few.report(resamples=0, gallery=3)
    assert sum(tag == "image" for tag, _ in Tags((tmp_path / "gallery.html").read_text()).tags) == 3


def test_a_variant_stands_beside_base_and_takes_from_it_what_it_did_not_make(study: MadeUp, tmp_path: Path) -> None:
    base = [row for row in study.plan["rows"] if row["arm"] == "wssis"]
    rough = {row["seed"]: row for row in study.plan["rows"] if row["arm"] == "rough"}
    parts = ("split", "points", "proposals/weak", "proposals/full", "refiner", "pseudo", "predict_shown", "network")
    other = [
        {**row, "variant": "drift", "run": str(tmp_path / row["seed"]), "scores": rough[row["seed"]]["scores"],
         "homes": dict.fromkeys(parts, row["run"])}
        for row in base
    ]  # fmt: skip
    plan = {**study.plan, "rows": study.plan["rows"] + other}
    text = MadeUp(plan, study.results, study.images, tmp_path / "report").report()
    assert "What the variants change" in text and 'id="toy-20pct-drift"' in text
    with (tmp_path / "report/tables/variants-toy.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    means = {
        arm: np.mean([json.loads(Path(r["scores"]).read_text())["AP"] for r in study.plan["rows"] if r["arm"] == arm])
        for arm in ("rough", "wssis")
    }
    assert (row["variant"], row["arm"]) == ("drift", "WSSIS")
    assert float(row["difference of AP"]) == pytest.approx(means["rough"] - means["wssis"], abs=0.051)


def test_an_arm_without_points_has_no_rough_masks(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"] if row["arm"] in ("supervised", "wssis") and row["seed"] == "s0"]
    source = Path(rows[1]["quality"])
    for path in source.parent.glob("wssis.*"):
        shutil.copy(path, tmp_path / path.name)
    table = pd.read_csv(source)
    table.assign(iou_rough=None).to_csv(tmp_path / source.name, index=False)
    shown = json.loads((tmp_path / "wssis.shown.json").read_text())
    for image in shown["images"]:
        image["objects"] = [one | {"iou_rough": None, "rough": None, "proposal": None} for one in image["objects"]]
    write_json(tmp_path / "wssis.shown.json", shown)
    rows[1] |= measured_at(tmp_path / source.name)
    arms = [arm | {"pseudo": "confident"} if arm["name"] == "wssis" else arm for arm in study.plan["arms"]]
    made = MadeUp(study.plan | {"arms": arms, "rows": rows}, study.results, study.images, tmp_path / "report")
    text = made.report()
    assert "Rough masks" not in text and "Masks of WSSIS" in text
    with (tmp_path / "report/tables/masks-toy-20pct-base.csv").open() as stream:
        line = next(csv.DictReader(stream))
    assert line["mean IoU, rough"] == line["IoU ≥ .5, rough"] == ""
    assert float(line["mean IoU, WSSIS, without points"]) == pytest.approx(table["iou_pseudo"].mean(), abs=0.001)
    assert "→" not in re.search(r"<figcaption>.*?</figcaption>", (made.out / "gallery.html").read_text(), re.DOTALL)[0]


def test_what_nobody_can_buy_stands_in_no_plan(study: MadeUp, tmp_path: Path) -> None:
    arms = [arm | {"pseudo": "hidden"} if arm["name"] == "rough" else arm for arm in study.plan["arms"]]
    rows = [row | measured_at(None) if row["arm"] == "rough" else row for row in study.plan["rows"]]
    text = MadeUp(study.plan | {"arms": arms, "rows": rows}, study.results, study.images, tmp_path).report()
    assert "nobody could buy them" in text
    assert {p.arm for p in read_curves(tmp_path / CURVES).curves[0].points} == {
        "supervised", "supervised-short", "wssis", "oracle",
    }  # fmt: skip


def test_class_and_quality_tables_lead_to_their_instances(study: MadeUp, page: str) -> None:
    assert "gallery.html#group=toy-20pct-base&amp;class=ring" in page
    assert "gallery.html#group=toy-20pct-base&amp;status=unmasked" in page
    assert "class=never+seen" not in page


def test_comparison_is_paired_and_honest(study: MadeUp) -> None:
    plan = read_plan(json.dumps(study.plan))
    (group,) = group_results(plan, load_results(plan, ReportSettings().cost))
    networks = [result for arm in group.arms.values() for result in arm.seeds.values()]
    comparison = compare_group(group, sample_networks(networks, study.results, resamples=40))
    ap = {name: np.mean(arm.values("AP")) for name, arm in group.arms.items()}
    base = group.baseline.arm.name
    assert ap[base] == max(ap["supervised"], ap["supervised-short"])
    own = comparison.difference("wssis", base)
    assert own.mean == pytest.approx(ap["wssis"] - ap[base])
    assert own.interval[0] < own.mean < own.interval[1]
    low, high = comparison.intervals["wssis"]
    assert low < ap["wssis"] < high
    assert list(own.per_seed) == ["s0", "s1"] and own.spread is not None
    assert comparison.difference("wssis", "rough") is not None
    gap = comparison.gaps["wssis"]
    assert gap.percent == pytest.approx(100 * (ap["wssis"] - ap[base]) / (ap["oracle"] - ap[base]))


def test_workers_resample_as_one_process_does(study: MadeUp, capsys: pytest.CaptureFixture) -> None:
    networks = load_results(read_plan(json.dumps(study.plan)), ReportSettings().cost)
    alone, shared = (sample_networks(networks, study.results, resamples=20, workers=number) for number in (0, 2))
    assert alone.keys() == shared.keys() == {network.row.scores for network in networks}
    for path, samples in alone.items():
        np.testing.assert_array_equal(shared[path], samples)
    assert f"report, resampled networks: {len(networks)} of {len(networks)}" in capsys.readouterr().err


def test_gap_under_two_ap_is_undefined(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"]]
    baseline = {row["seed"]: row["scores"] for row in rows if row["arm"] == "supervised"}
    for row in rows:
        row["scores"] = baseline[row["seed"]] if row["arm"] == "oracle" else row["scores"]
    text = MadeUp({**study.plan, "rows": rows}, study.results, study.images, tmp_path).report(resamples=5)
    assert "The gap closed is undefined" in text and "undefined</td>" in text


def test_detections_that_do_not_give_the_scores_are_refused(study: MadeUp, tmp_path: Path) -> None:
    rows = [dict(row) for row in study.plan["rows"]]
    target = tmp_path / "model"
    target.mkdir()
    source = Path(rows[1]["scores"]).parent
    for name in ("manifest.json", "metrics.jsonl", "scores.json"):
        (target / name).write_bytes((source / name).read_bytes())
    write_json(target / "detections.json", [])
    rows[1]["scores"] = str(target / "scores.json")
    with pytest.raises(InputError, match="but scores"):
        MadeUp({**study.plan, "rows": rows}, study.results, study.images, tmp_path / "out").report()


def test_plan_with_unknown_arm_or_key_is_refused(study: MadeUp) -> None:
    with pytest.raises(InputError, match="does not describe"):
        read_plan(json.dumps({**study.plan, "arms": study.plan["arms"][:2]}))
    with pytest.raises(InputError, match="colour"):
        read_plan(json.dumps({**study.plan, "colour": 1}))


def test_missing_images_and_objects_are_counted() -> None:
    total = Line("all", 10, 30, 2, part=False)
    assert _missing([total, Line("full", 4, 10, 1), Line("points", 6, 20, 1)]) == 0
    assert _missing([total, Line("full", 4, 10, 1), Line("points", 5, 18, 1)]) == 3
    assert _missing([total, Line("full", 4, 10, 1), Line("nobody looked at", 6)]) == 0


def test_published_results_stand_beside_ours_on_coco_alone(study: MadeUp, tmp_path: Path) -> None:
    plan = read_plan(json.dumps(study.plan))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    assert published_table("toy", groups, study.results / "toy" / "val.json") is None
    write_coco_classes(tmp_path / "val.json")
    table = published_table("toy", groups, tmp_path / "val.json")
    lines = {line[0].text: [cell.text for cell in line[1:]] for line in table.lines}
    assert lines["10 %"][1:] == ["35.8", "30.1", "35.0", "34.6"]
    ours = np.mean(groups[0].arms["wssis"].values("AP"))
    assert lines["20 %"][:2] == [f"{ours:.1f}", "37.1"]
    assert lines["100 %"][1] == "39.7" and "CVPR 2023" in table.caption


def test_tables_escape_what_latex_and_csv_take_for_their_own() -> None:
    lines = [("10 % & more", Cell("−1.5", tag="●")), ("2\u202f000", "–")]
    table = make_table("odd", "50 % of R&D_1", ("a_b", "x"), lines)
    assert csv_text(make_table("days", "", ("days",), [(days(1234.5),)])).splitlines() == ["days", "1234"]
    assert csv_text(table).splitlines() == ["a_b,x,x: mark", "10 % & more,-1.5,●", "2000,,"]
    latex = latex_text(table)
    assert r"10 \% \& more & $-$1.5 $\bullet$ \\" in latex and r"a\_b & x" in latex and r"50 \% of R\&D\_1" in latex
    with pytest.raises(ValueError, match="another number of cells"):
        make_table("odd", "", ("a",), [("1", "2")])
    with pytest.raises(ValueError, match="one name"):
        write_tables(Path("unused"), [table, table])
