"""How long an action of `wssis annotate` takes: a scripted session in Chromium over many images and points.

    python -m benchmarks.annotate_actions [--images 2000] [--points 20000] [--rounds 100]

The images are noise over a gradient, one megapixel each as JPEG (links to a few files). `server` is the time of an
action in the session itself, synced to the disk as always. Then a browser labels `rounds` images with keys and clicks:
`page` is the time from the event to the frame that shows what the server has saved, `next image` that from Enter to the
frame that shows the next image.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image

from tests.chromium import Browser, chromium
from wssis.annotate.changes import Change
from wssis.annotate.given import find_files
from wssis.annotate.journal import Journal
from wssis.annotate.outputs import Files, Writer
from wssis.annotate.running import content_of, open_session
from wssis.annotate.server import PageServer
from wssis.annotate.session import Session
from wssis.annotate.setup import Request

WIDTH, HEIGHT = 1200, 850
DIFFERENT = 10
CLASSES = tuple(f"class {number}" for number in range(10))
INSTRUMENTS = """
window.times = {page: [], next: []};
let begun = 0;
const note = (event) => { begun = event.timeStamp; };
for (const kind of ["pointerup", "keydown"]) window.addEventListener(kind, note, true);
const told = (list) => requestAnimationFrame(() => list.push(performance.now() - begun));
const taking = server.onChanges;
server.onChanges = (changes, own) => { taking(changes, own); told(times.page); };
const opening = view.open.bind(view);
view.open = async (image) => { const sound = await opening(image); told(times.next); return sound; };
"""


def make_images(folder: Path, number: int) -> None:
    """JPEGs of one megapixel; every one is a link to one of `DIFFERENT` files."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, WIDTH)[None, :, None]
    for place in range(number):
        path = folder / f"{place:06}.jpg"
        if place < DIFFERENT:
            noise = rng.normal(0, 18, (HEIGHT, WIDTH, 3))
            Image.fromarray((ramp + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)
        else:
            os.link(folder / f"{place % DIFFERENT:06}.jpg", path)


def write_points(path: Path, session: Session, number: int) -> None:
    """Add points to a closed session's journal, on the images in turns."""
    journal, rng = Journal(path), np.random.default_rng(1)
    first = session.setup.first_annotation
    for place in range(number):
        image = session.setup.images[place % len(session.setup.images)]
        x, y = (rng.random(2) * (WIDTH - 1, HEIGHT - 1)).round(2).tolist()
        change = Change("point", image.id, first + place, None, None, [1 + place % 10, x, y])
        journal.append({**change.as_json(), "time": place}, sync=False)
    journal.close()


def act(session: Session, number: int) -> list[float]:
    """Put and remove points; seconds of each action."""
    seconds = []
    for place in range(number):
        action = {"image": session.setup.images[place % 100].id, "revision": session.revision}
        action |= {"do": "undo"} if place % 2 else {"do": "add", "category": 1, "x": place, "y": 1.5}
        begun = time.perf_counter()
        session.act(action)
        seconds.append(time.perf_counter() - begun)
    return seconds


def label(browser: Browser, rounds: int) -> None:
    """On each image: a class, a point, another class, a point, undo, Enter."""
    left, top, across, down = browser.value(
        "(() => { const f = $('stage').getBoundingClientRect(); return [f.left, f.top, f.width, f.height]; })()"
    )
    rng = np.random.default_rng(2)
    for _ in range(rounds):
        for key in "12":
            x, y = (left, top) + rng.uniform(0.3, 0.7, 2) * (across, down)
            before = browser.value("server.revision")
            browser.press(key)
            browser.click(x, y)
            browser.until(f"server.revision === {before + 1} && selected === null")
        browser.press("z")
        browser.until(f"server.revision === {before + 2}")
        image = browser.value("image().id")
        browser.press("Enter")
        browser.until(f"image().id !== {image} && view.picture.style.visibility === ''")


def told(name: str, milliseconds: list[float]) -> str:
    """Median, 95th percentile and largest of some times."""
    half, most = np.percentile(milliseconds, [50, 95])
    return f"{name:<12}{len(milliseconds):>8}{half:>10.1f}{most:>10.1f}{max(milliseconds):>10.1f}"


def measure(folder: Path, images: int, points: int, rounds: int) -> list[str]:
    """The table's rows."""
    make_images(folder / "images", images)
    request = Request([folder / "images"], folder / "weak.json", classes=CLASSES)
    pictures, files = find_files(request), Files(request.out)
    session = open_session(request, pictures, files)
    session.close()
    write_points(files.journal, session, points)
    session = open_session(request, pictures, files)
    seconds = act(session, 5 * rounds)
    writer = Writer(session, files)
    paths = {image.id: pictures[image.file_name] for image in session.setup.images}
    server = PageServer(0, "token", session, writer, lambda number: content_of(paths, number))
    writer.start()
    Thread(target=server.serve_forever, daemon=True).start()
    with chromium(folder / "profile") as browser:
        browser.resize(1400, 900)
        browser.visit(server.url)
        browser.until("images.length > 0 && view.picture.style.visibility === ''")
        browser.value(INSTRUMENTS)
        label(browser, rounds)
        times = browser.value("times")
    server.shutdown()
    session.close()
    writer.close()
    head = f"{'ms':<12}{'actions':>8}{'median':>10}{'95 %':>10}{'largest':>10}"
    rows = (("server", [1000 * one for one in seconds]), ("page", times["page"]), ("next image", times["next"]))
    return [head, *(told(name, one) for name, one in rows)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, number in (("images", 2000), ("points", 20_000), ("rounds", 100)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.images, options.points, options.rounds)
    print("\n".join(rows))
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
