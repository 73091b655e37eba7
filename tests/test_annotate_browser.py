"""The labelling pages in a real browser, by clicking and typing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from annotate_fixtures import Served, box_request, request, served, started, write_images
from chromium import Browser, chromium
from PIL import Image

from wssis.annotate.setup import Request
from wssis.formats.coco import read_coco

EXIF_ORIENTATION = 0x0112
PHONE = 390
SPILLED = """Array.from(document.querySelectorAll("body *"))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .filter(e => !e.closest("#stage, .pane, dialog, .unseen")).length"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def one(browser: Browser, tmp_path: Path) -> Iterator[Served]:
    """The first view, open in the browser; afterwards: nothing foreign was asked for, and nothing complained."""
    with served(request(tmp_path)) as found:
        _open(browser, found)
        yield found
        _is_quiet(browser, found)


def _open(browser: Browser, found: Served, width: int = 1200) -> None:
    browser.resize(width, 800)
    browser.visit(found.server.url)
    what = "images" if found.session.board.view == "points" else "boxes"
    browser.until(f"{what}.length > 0 && document.querySelector('img').style.visibility === ''")


def _is_quiet(browser: Browser, found: Served) -> None:
    assert browser.complaints == []
    assert [address for address in browser.requests if not address.startswith(f"http://127.0.0.1:{found.port}/")] == []


def _place(browser: Browser, x: float, y: float) -> Sequence[float]:
    """Where a pixel index of the image is in the window, CSS px."""
    return browser.value(
        "(() => { const f = $('stage').getBoundingClientRect();"
        f" const [x, y] = view.toPane([{x} + .5, {y} + .5]); return [f.left + x, f.top + y]; }})()"
    )


def _put(browser: Browser, key: str, x: float, y: float, total: int) -> None:
    browser.press(key)
    browser.click(*_place(browser, x, y))
    browser.until(f"own().size === {total}")


def _points(found: Served, image: int = 41) -> list[list[float]]:
    return list(found.session.board.content()["points"].get(str(image), {}).values())


def _near(found: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]], scale: float) -> None:
    """Same classes; places to within what a click at a whole CSS pixel can say."""
    assert [point[0] for point in found] == [point[0] for point in wanted]
    assert np.abs(np.array(found)[:, 1:] - np.array(wanted)[:, 1:]).max() < 0.6 / scale


def test_points_are_where_the_clicks_were_and_the_image_is_finished(browser: Browser, one: Served) -> None:
    _put(browser, "1", 10, 5, 1)
    _put(browser, "2", 40, 30, 2)
    _put(browser, "2", 0, 0, 3)
    scale = browser.value("view.scale")
    assert scale > 5
    _near(_points(one), [[3, 10, 5], [7, 40, 30], [7, 0, 0]], scale)
    assert browser.value("$('status').textContent") == "Put: ring. Saved."
    browser.press("Enter")
    browser.until("image().name === 'b.png'")
    browser.press("Enter")
    browser.until("image().name === 'c.png'")
    assert "2 of 3 images · 3 points" in browser.value("$('told').textContent")
    one.writer.write()
    weak = read_coco(one.files.weak)
    assert [image["file_name"] for image in weak["images"]] == ["a.png", "b.png"] and len(weak["annotations"]) == 3


def test_zoomed_in_a_click_is_finer_and_pixels_are_crisp(browser: Browser, one: Served) -> None:
    x, y = np.round(_place(browser, 20, 20)).tolist()
    under = browser.value(f"view.toImage(placeOf({{clientX: {x}, clientY: {y}}}))")
    for _ in range(4):
        browser.point(x, y, "mouseWheel", deltaX=0, deltaY=-400)
    browser.until("view.scale > 40")
    assert browser.value("getComputedStyle(view.picture).imageRendering") == "pixelated"
    assert np.allclose(browser.value("view.toImage(pointer)"), under), "what is under the pointer stays there"
    _put(browser, "1", 20.25, 19.75, 1)
    scale = browser.value("view.scale")
    _near(_points(one), [[3, 20.25, 19.75]], scale)
    before = browser.value("[view.x, view.y]")
    browser.drag([(400, 400), (430, 420), (460, 440)])
    assert np.allclose(browser.value("[view.x, view.y]"), np.add(before, [60, 40]))
    assert len(_points(one)) == 1, "a drag puts no point"
    browser.press("-")
    assert browser.value("view.scale") < scale
    browser.press("Home")
    assert browser.value("view.fitted")


def test_undo_redo_delete_move_and_change_of_class(browser: Browser, one: Served) -> None:
    _put(browser, "1", 10, 10, 1)
    _put(browser, "1", 40, 20, 2)
    browser.drag([_place(browser, 10, 10), _place(browser, 14, 12), _place(browser, 15, 15)])
    browser.until("Math.abs([...own().values()][0][1] - 15) < .2")
    browser.click(*_place(browser, 40, 20))
    assert browser.value("selected") == 92
    browser.press("2")
    browser.until("own().get(92)[0] === 7")
    browser.press("Escape")
    browser.point(*_place(browser, 16, 16))
    browser.press("Delete")
    browser.until("own().size === 1 && own().has(92)")
    browser.point(*_place(browser, 5, 35))
    browser.press("Delete")
    browser.until("$('status').textContent.startsWith('No point here')")
    for state in ("own().size === 2", "own().get(92)[0] === 3", "Math.abs(own().get(91)[1] - 10) < .2"):
        browser.press("z")
        browser.until(state)
    browser.press("y")
    browser.until("Math.abs(own().get(91)[1] - 15) < .2")
    browser.press("n")
    browser.until("image().name === 'b.png'")
    browser.press("z")
    browser.until("image().name === 'a.png' && Math.abs(own().get(91)[1] - 10) < .2")
    assert len(_points(one)) == 2


def test_keys_move_between_images_and_hold_does_not_label(browser: Browser, one: Served) -> None:
    names = []
    for key in ("n", "ArrowRight", "ArrowRight", "p", "ArrowLeft", "p"):
        browser.press(key)
        browser.value("server.queue.then(() => 0)")
        names.append(browser.value("image().name"))
    assert names == ["b.png", "c.png", "c.png", "b.png", "a.png", "a.png"]
    for _ in range(4):
        browser.hold("Enter", repeat=True)
    browser.value("server.queue.then(() => 0)")
    assert one.session.board.finished() == set()


def test_points_without_a_mouse(browser: Browser, one: Served) -> None:
    browser.value("$('stage').dispatchEvent(new PointerEvent('pointerleave'))")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        browser.press(key, shift=True)
    browser.press("2")
    browser.press(".")
    browser.until("own().size === 1")
    scale = browser.value("view.scale")
    assert browser.value("$('status').textContent") == "Put: ring. Saved."
    _near(_points(one), [[7, 29.5 + 8 / scale, 19.5 + 16 / scale]], scale)


def test_a_reloaded_page_and_a_new_session_go_on(browser: Browser, tmp_path: Path) -> None:
    asked = request(tmp_path)
    with served(asked) as found:
        _open(browser, found)
        _put(browser, "2", 30, 30, 1)
        browser.press("Enter")
        browser.until("image().name === 'b.png'")
        _put(browser, "1", 5, 5, 1)
        browser.visit(browser.value("location.href"))
        browser.until("images.length > 0 && own().size === 1")
        assert browser.value("image().name") == "b.png"
    with served(asked) as found:
        _open(browser, found)
        assert browser.value("[image().name, own().size, finished.size]") == ["b.png", 1, 1]
        browser.press("z")
        browser.until("own().size === 0")


def test_a_second_window_is_told_and_never_overwrites(browser: Browser, one: Served) -> None:
    browser.value("(server.look = () => {}, 0)")  # The page learns the news from its own action.
    add = {"do": "add", "image": 41, "category": 3, "x": 50, "y": 30, "revision": one.session.revision}
    one.session.act(add)
    browser.press("2")
    browser.click(*_place(browser, 10, 10))
    browser.until("own().size > 0")
    assert "this action was not carried out" in browser.value("$('status').textContent")
    assert _points(one) == [[3, 50, 30]] and browser.value("own().size") == 1
    (complaint,) = browser.complaints
    assert "409" in complaint
    browser.complaints.clear()
    browser.value("delete server.look")
    one.session.act({"do": "remove", "image": 41, "id": 91, "revision": one.session.revision})
    browser.until("!own().has(91)")


def test_a_dead_server_is_told(browser: Browser, tmp_path: Path) -> None:
    request(tmp_path)
    with started(tmp_path) as (_, port, token):
        browser.visit(f"http://127.0.0.1:{port}/?token={token}")
        browser.until("images.length > 0")
    browser.press("1")
    browser.click(*_place(browser, 10, 10))
    browser.until("!$('alarm').hidden && $('alarm').textContent.includes('does not answer')")
    assert browser.value("own().size") == 0


def _two_halves(path: Path, orientation: int) -> None:
    """Stored 60 x 40 px: left half red, right half blue; the tag would turn it."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30, 0] = 255
    pixels[:, 30:, 2] = 255
    tags = Image.Exif()
    tags[EXIF_ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=tags, quality=95)


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_does_not_turn_the_image(browser: Browser, tmp_path: Path, orientation: int) -> None:
    (tmp_path / "images").mkdir()
    _two_halves(tmp_path / "images/turned.jpg", orientation)
    with served(request(tmp_path)) as found:
        _open(browser, found)
        assert found.session.setup.images[0].width == 60
        browser.value("$('stage').dispatchEvent(new PointerEvent('pointerleave'))")
        browser.picture(tmp_path / "window.png")
        window = np.asarray(Image.open(tmp_path / "window.png").convert("RGB")).astype(int)
        for x, colour in ((5, 0), (25, 0), (35, 2), (55, 2)):
            for y in (5, 35):
                column, row = np.round(_place(browser, x, y)).astype(int)
                assert window[row, column, colour] > 200 and window[row, column, 2 - colour] < 60
        _is_quiet(browser, found)


def test_other_formats_are_shown(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.fromarray(np.full((40, 60), 200, np.uint8)).save(tmp_path / "images/grey.tif")
    with served(request(tmp_path)) as found:
        _open(browser, found)
        assert browser.value("[view.picture.naturalWidth, view.picture.naturalHeight]") == [60, 40]
        _is_quiet(browser, found)


def test_a_broken_image_is_told(browser: Browser, tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a.png"])
    path = tmp_path / "images/a.png"
    path.write_bytes(path.read_bytes()[:-400])
    with served(request(tmp_path)) as found:
        browser.visit(found.server.url)
        told = "!$('alarm').hidden && $('alarm').textContent.includes('a.png cannot be shown')"
        browser.until(told)
        browser.value("server.look()")
        assert browser.value(told)


def test_many_classes_have_keys_or_are_found_by_name(browser: Browser, tmp_path: Path) -> None:
    classes = tuple(f"thing {number}" for number in range(60))
    with served(request(tmp_path, categories=None, classes=classes)) as found:
        _open(browser, found)
        keys = browser.value("Array.from(document.querySelectorAll('#classes kbd'), e => e.textContent)")
        chosen = [key for key in keys if key != "/"]
        assert len(chosen) == len(set(chosen)) == 50 and not set("npzyug") & set(chosen)
        browser.press("a")
        assert browser.value("nameOf(category)") == "thing 10"
        browser.press("/")
        for letter in "thing 57":
            browser.press(letter)
        browser.press("Enter")
        assert browser.value("nameOf(category)") == "thing 57"
        browser.click(*_place(browser, 10, 10))
        browser.until("own().size === 1")
        _is_quiet(browser, found)


def _boxes(tmp_path: Path) -> Request:
    return box_request(tmp_path)


def test_boxes_are_answered_by_one_key_each(browser: Browser, tmp_path: Path) -> None:
    with served(_boxes(tmp_path)) as found:
        _open(browser, found)
        for number, key in enumerate("10ob1010", start=1):
            browser.press(key)
            browser.until(f"boxes.flatMap(b => b.answers).filter(a => a !== null).length === {number}")
        assert browser.value("[at, place]") == [2, 2]
        browser.press("z")
        browser.until("at === 2 && place === 1 && box().answers[1] === null")
        for key in "11":
            browser.hold(key, repeat=True)
        assert browser.value("place") == 1, "a key held down never answers"
        browser.press("0")
        browser.until("place === 2")
        browser.press("1")
        browser.until("$('question').textContent.startsWith('All points')")
        browser.press("p")
        browser.press("1")
        browser.until("box().answers[1] === 1")
        found.writer.write()
        _is_quiet(browser, found)
    written = read_coco(found.files.weak)
    assert [one["point_labels"] for one in written["annotations"]] == [[1, 0, 1], [0, 1, 0], [1, 1, 1]]
    assert len(written["images"]) == 3


def test_the_close_up_is_centred_on_the_point_and_the_whole_shows_the_box(browser: Browser, tmp_path: Path) -> None:
    with served(_boxes(tmp_path)) as found:
        _open(browser, found)
        for _ in range(3):
            # What an answer adds to the page may change the pane's size, and with the next picture, what it shows.
            browser.until(
                "closeup.toImage(closeup.size.map(v => v / 2))"
                ".every((at, axis) => Math.abs(at - box().points[place][axis]) < 1e-6)"
            )
            x, y, w, h = browser.value("box().bbox")
            left, top = browser.value(f"whole.toPane([{x}, {y}])")
            right, bottom = browser.value(f"whole.toPane([{x + w}, {y + h}])")
            across, down = browser.value("whole.size")
            assert 0 < left < right < across and 0 < top < bottom < down
            place = browser.value("place")
            browser.press("1")
            browser.until(f"place !== {place} || at > 0")


@pytest.mark.parametrize("width", [PHONE, 700, 1200])
@pytest.mark.parametrize("ask", [request, _boxes])
def test_fits_every_window_and_has_contrast(browser: Browser, tmp_path: Path, ask, width: int) -> None:
    """Nothing beyond the edge; WCAG AA, 4.5 to 1, for text on its own ground, light and dark."""
    with served(ask(tmp_path)) as found:
        for scheme in ("light", "dark"):
            browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            _open(browser, found, width)
            browser.press("?")
            assert browser.value("$('help').open")
            browser.value("$('help').close()")
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value(SPILLED) == 0
            assert browser.value(CONTRAST) >= 4.5, scheme
            _is_quiet(browser, found)
        browser.command("Emulation.setEmulatedMedia", features=[])


CONTRAST = """(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [.2126, .7152, .0722][place], 0);
  const ground = (e) => {
    const [r, g, b, a] = parts(getComputedStyle(e).backgroundColor);
    return a === 0 && e.parentElement ? ground(e.parentElement) : light([r, g, b]);
  };
  return Math.min(...Array.from(document.querySelectorAll("h1, h2, p, button, kbd, li, dt, dd, .number, .name"))
    .filter(e => e.checkVisibility() && e.textContent.trim())
    .map(e => [light(parts(getComputedStyle(e).color)), ground(e)].sort((a, b) => b - a))
    .map(([more, less]) => (more + .05) / (less + .05)));
})()"""


def test_the_keyboard_reaches_every_control(browser: Browser, one: Served) -> None:
    reached = []
    for _ in range(16):
        browser.press("Tab")
        reached.append(browser.value("document.activeElement.id || document.activeElement.dataset.category"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert browser.value(f"document.activeElement === document.body || $('stage') === document.activeElement || "
                             f"{outline} !== 'none'")  # fmt: skip
    assert {"3", "7", "back", "finish", "next", "undo", "redo", "ask"} <= set(reached)
    assert browser.value("$('status').getAttribute('aria-live')") == "polite"
