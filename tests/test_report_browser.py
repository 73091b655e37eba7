"""The report's pages in a real browser, opened from disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, chromium
from report_fixtures import MORE_ARMS, MadeUp, make_study, toy_set

PHONE = 360
SHEET = 688
"""Width of A4 between margins of 14 mm at 96 px per inch."""
SLOWEST_PAINT = 1000
"""Milliseconds to the first paint of the largest report."""
SPILLED = """Array.from(document.querySelectorAll("body *"))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide, pre, svg")).length"""
SHOWN = "Array.from(document.querySelectorAll('#images > .card:not([hidden])'))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """Two mixes, one seed, with its report."""
    root = tmp_path_factory.mktemp("study")
    sets = toy_set(root / "images", "train", 20), toy_set(root / "images", "val", 8)
    made = make_study(root, *sets, root / "images", {"20pct": 4, "50pct": 10}, seeds=(0,))
    made.report(resamples=20)
    return made


@pytest.mark.parametrize("page", ["index.html", "gallery.html"])
@pytest.mark.parametrize("width", [PHONE, 1200])
def test_opens_from_disk_in_silence(browser: Browser, study: MadeUp, page: str, width: int) -> None:
    browser.resize(width, 800)
    browser.open(study.out / page)
    assert browser.value("document.querySelector('h1').getBoundingClientRect().height") > 0
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(SPILLED) == 0
    assert browser.requests == [] and browser.complaints == []


def test_links_between_pages_lead_to_files_and_instances(browser: Browser, study: MadeUp) -> None:
    browser.resize(1200, 800)
    browser.open(study.out / "index.html")
    links = browser.value("Array.from(document.querySelectorAll('a[href]'), a => a.getAttribute('href'))")
    files = {link.partition("#")[0] for link in links} - {""}
    assert {"gallery.html", "scores.csv", "curves.json"} < files
    assert all((study.out / name).is_file() for name in files)
    anchors = [link[1:] for link in links if link.startswith("#")]
    assert browser.value(f"{anchors}.every(id => document.getElementById(id))")
    fragments = {link.partition("#")[2] for link in links if link.startswith("gallery.html#")}
    assert len(fragments) > 5
    for fragment in sorted(fragments):
        browser.open(study.out / "gallery.html", f"#{fragment}")
        assert browser.value(f"{SHOWN}.length") > 0, fragment


def test_layers_switch_by_box_and_by_key(browser: Browser, study: MadeUp) -> None:
    browser.resize(1200, 800)
    browser.open(study.out / "gallery.html")
    drawn = "Array.from(document.querySelectorAll('.card .layer-{}'), e => e.getBoundingClientRect().width)"
    for key, layer in enumerate(("point", "rough", "pseudo", "student", "truth"), start=1):
        before = max(browser.value(drawn.format(layer))) > 0
        assert before == (layer in ("point", "pseudo"))
        browser.value(f"document.querySelector('input[value={layer}]').click()")
        assert (max(browser.value(drawn.format(layer))) > 0) != before, layer
        browser.press(str(key))
        assert (max(browser.value(drawn.format(layer))) > 0) == before, layer
    assert browser.complaints == []


def _choose(browser: Browser, name: str, value: str) -> None:
    browser.value(
        f"(() => {{ const e = document.getElementById('controls').elements['{name}']; e.value = '{value}';"
        " e.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def test_filters_and_order(browser: Browser, study: MadeUp) -> None:
    browser.open(study.out / "gallery.html")
    everything = browser.value(f"{SHOWN}.length")
    _choose(browser, "class", "star")
    with_star = f"{SHOWN}.every(card => card.querySelector('li[data-class=star]'))"
    assert 0 < browser.value(f"{SHOWN}.length") < everything and browser.value(with_star)
    assert browser.value("document.querySelectorAll('.card:not([hidden]) li.out[data-class=star]').length") == 0
    _choose(browser, "class", "")
    _choose(browser, "status", "unmasked")
    lacking = browser.value(f"{SHOWN}.length")
    assert 0 < lacking < everything
    assert browser.value(f"{SHOWN}.every(card => card.querySelector('li[data-status=unmasked]'))")
    assert f"{lacking} of {everything} images" in browser.value("document.getElementById('told').textContent")
    shared = browser.value("location.hash")
    browser.open(study.out / "gallery.html", shared)
    assert browser.value(f"{SHOWN}.length") == lacking
    _choose(browser, "status", "")
    for order, best in (("worst", "Math.min"), ("best", "Math.max")):
        _choose(browser, "order", order)
        worths = "Array.from(card.querySelectorAll('li[data-worth]'), e => +e.dataset.worth)"
        ious = browser.value(f"{SHOWN}.map(card => {best}(...{worths}))")
        assert ious == sorted(ious, reverse=order == "best") and len(set(ious)) > 1


def test_every_figure_with_instances_behind_it_leads_to_them(browser: Browser, study: MadeUp) -> None:
    browser.open(study.out / "index.html")
    told = browser.value(
        "Array.from(document.querySelectorAll('.plot'), e => [e.querySelector('[role]').ariaLabel.split(' ', 1)[0],"
        " e.querySelectorAll('a[href^=\"gallery.html#\"]').length])"
    )
    linked = {first: min(number for other, number in told if other == first) for first, _ in told}
    assert linked.pop("Training") == 0
    assert set(linked) == {"Mask", "Differences", "Mean", "IoU"}
    assert linked["Mean"] > 4 and linked["IoU"] > 2 and linked["Differences"] == 1
    strips = "Array.from(document.querySelectorAll('.strip'), e => e.querySelector('a[href*=\"image=\"]') !== null)"
    assert set(browser.value(strips)) == {True}


def test_a_bar_is_a_link_by_pointer_and_by_key(browser: Browser, study: MadeUp) -> None:
    browser.resize(1200, 800)
    browser.open(study.out / "index.html")
    found = "document.querySelector('svg a[href*=\"iou=0.9-1\"]')"
    browser.value(f"{found}.scrollIntoView({{block: 'center'}})")
    assert browser.value(f"{found}.getAttribute('aria-label')") == "Instances with IoU 0.9 to 1"
    assert browser.value(f"{found}.closest('[aria-hidden], [role=img]')") is None
    middle = "((r) => [r.left + r.width / 2, r.top + r.height / 2])"
    x, y = browser.value(f"{middle}({found}.getBoundingClientRect())")
    assert browser.value(f"document.elementFromPoint({x}, {y}).closest('a') === {found}")
    unseen = f"getComputedStyle({found}.querySelector('path')).opacity"
    assert browser.value(unseen) == "0"
    browser.press("Tab")  # Focus by script alone is not shown.
    browser.value(f"{found}.focus()")
    assert float(browser.value(unseen)) > 0
    browser.press("Enter")
    browser.until("location.pathname.endsWith('gallery.html') && document.readyState === 'complete'")
    ious = "Array.from(document.querySelectorAll('.card:not([hidden]) li:not(.out)'), e => +e.dataset.iou)"
    assert min(browser.value(ious)) >= 0.9


def test_an_address_of_one_image_and_of_a_range_of_iou(browser: Browser, study: MadeUp) -> None:
    """Each filter in use is a button, and the keyboard removes it."""
    browser.open(study.out / "gallery.html", "#iou=0.85-1")
    ious = "Array.from(document.querySelectorAll('.card:not([hidden]) li:not(.out)'), e => +e.dataset.iou)"
    assert (kept := browser.value(ious)) and all(0.85 <= iou <= 1 for iou in kept)
    name = browser.value(f"{SHOWN}[0].dataset.image")
    browser.value(f"{SHOWN}[0].querySelector('figcaption a').click()")
    browser.until("location.hash.includes('image=')")
    browser.until(f"{SHOWN}.length === 1")
    assert browser.value(f"{SHOWN}[0].dataset.image") == name
    texts = "Array.from(document.querySelectorAll('#chosen button'), e => e.textContent)"
    assert [text.partition(":")[0] for text in browser.value(texts)] == ["Run", "Image"]
    for left in (1, 0):
        browser.value("document.querySelector('#chosen button').focus()")
        browser.press(" ")
        browser.until(f"document.querySelectorAll('#chosen button').length === {left}")
    assert browser.value(f"{SHOWN}.length") == browser.value("document.querySelectorAll('.card').length")
    assert "image=" not in browser.value("location.hash") and browser.complaints == []
    browser.open(study.out / "gallery.html", "#iou=nonsense")
    assert browser.value(texts) == []


def test_first_come_points_without_a_mask_then_those_that_fell_back(browser: Browser, study: MadeUp) -> None:
    browser.open(study.out / "gallery.html", "#group=toy-20pct-base")
    ranks = browser.value(
        f"{SHOWN}.map(card => card.querySelector('li[data-status=unmasked]') ? 0"
        " : card.querySelector('li[data-status=fallback]') ? 1 : 2)"
    )
    assert ranks == sorted(ranks) and set(ranks) >= {0, 1}


def test_keyboard_reaches_the_skip_link_first_and_focus_is_seen(browser: Browser, study: MadeUp) -> None:
    browser.resize(1200, 800)
    browser.open(study.out / "index.html")
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0
    for _ in range(2):
        browser.press("Tab")
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_text_has_contrast(browser: Browser, study: MadeUp) -> None:
    """WCAG AA: 4.5 to 1 against the page, for every colour that text is set in."""
    for page in ("index.html", "gallery.html"):
        browser.open(study.out / page)
        ratios = browser.value(
            """(() => {
              const parts = (text) => text.match(/[\\d.]+/g).map(Number);
              const light = (rgb) => rgb.slice(0, 3).map(v => v / 255)
                .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
                .reduce((sum, v, place) => sum + v * [.2126, .7152, .0722][place], 0);
              const ground = light(parts(getComputedStyle(document.body).backgroundColor));
              const kinds = "p, td, th, a, li, figcaption, label, summary, b, span, svg text";
              return Array.from(document.querySelectorAll(kinds))
                .map(e => getComputedStyle(e)[e instanceof SVGElement ? "fill" : "color"])
                .map(text => (ground + .05) / (light(parts(text)) + .05));
            })()"""
        )
        assert min(ratios) >= 4.5, page


def test_prints_on_a_sheet_without_controls(browser: Browser, study: MadeUp) -> None:
    browser.resize(SHEET, 1000)
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        for page, hidden in (("index.html", "nav"), ("gallery.html", "#controls")):
            browser.open(study.out / page)
            assert browser.value(f"getComputedStyle(document.querySelector('{hidden}')).display") == "none"
            assert browser.value("document.documentElement.scrollWidth") <= SHEET, page
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")


def test_strips_keep_their_columns_on_paper(browser: Browser, study: MadeUp) -> None:
    """A sheet between its margins is no wider than a phone's screen may be, and its strips fall into no rows."""
    tops = "Array.from({}.querySelectorAll('.panels > figure'), e => Math.round(e.getBoundingClientRect().top))"
    rows = f"Array.from(document.querySelectorAll('.strip'), strip => new Set({tops.format('strip')}).size)"
    browser.resize(SHEET, 1000)
    browser.open(study.out / "index.html")
    assert set(browser.value(rows)) == {3}
    browser.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert set(browser.value(rows)) == {1}
    finally:
        browser.command("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [1280, 1600])
def test_the_table_of_arms_is_whole_in_a_window(browser: Browser, study: MadeUp, width: int) -> None:
    browser.resize(width, 800)
    browser.open(study.out / "index.html")
    hidden = "Array.from(document.querySelectorAll('[id^=table-arms] .wide'), e => e.scrollWidth - e.clientWidth)"
    assert set(browser.value(hidden)) == {0}


@pytest.mark.slow
def test_largest_report_paints_within_a_second(browser: Browser, tmp_path: Path) -> None:
    sets = toy_set(tmp_path / "images", "train", 100), toy_set(tmp_path / "images", "val", 12)
    mixes = {f"{share}pct": share for share in (1, 2, 5, 10, 20, 30, 50)}
    made = make_study(tmp_path, *sets, tmp_path / "images", mixes, (0, 1, 2), MORE_ARMS)
    made.report(resamples=20, gallery=120)
    assert len(made.plan["rows"]) == 7 * 3 * 7 + 3
    for page in ("index.html", "gallery.html"):
        for width in (PHONE, 1200):
            browser.resize(width, 800)
            browser.open(made.out / page)
            assert browser.paint() < SLOWEST_PAINT, (page, width)
            assert browser.requests == [] and browser.complaints == []
