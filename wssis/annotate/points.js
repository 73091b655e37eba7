"use strict";
// Points on images. A point is [category id, x, y], x and y in pixel indices, as the server has it.

const RADIUS = 7; // of a point, CSS pixels
const REACH = 11; // how near to a point a click takes it
const SEARCH = 40; // how far Delete looks for a point
const STILL = 4; // how far the pointer moves in a click
const STEP = 8; // of the crosshair moved by keys
const ZOOM = 1.3;
const COMMANDS = "npzyug";
const LETTERS = "abcdefghijklmnopqrstuvwxyz".split("").filter((letter) => !COMMANDS.includes(letter));
const KEYS = [..."1234567890", ...LETTERS, ...LETTERS.map((letter) => letter.toUpperCase())];

let images = [];
let places = new Map(); // image id -> its place
let categories = [];
let classPlace = new Map(); // category id -> its place
let points = new Map(); // image id -> Map of point id -> [category id, x, y]
let finished = new Set();
let at = 0;
let category = null;
let selected = null; // point id
let pointer = null; // [x, y] in the stage; null: outside
let drag = null;
let space = false;

const view = new View($("stage"), paint);
const server = new Server(take);

const image = () => images[at];
const own = () => points.get(image().id);
const toPoint = (place) => view.toImage(place).map((value) => Math.round((value - 0.5) * 100) / 100);
const ofPoint = (point) => view.toPane([point[1] + 0.5, point[2] + 0.5]);
const inside = ([x, y]) => x >= -0.5 && y >= -0.5 && x < image().width - 0.5 && y < image().height - 0.5;
const nameOf = (id) => categories[classPlace.get(id)].name;

async function begin() {
  let state;
  try {
    state = await server.begin();
  } catch (error) {
    alarm("server", `The session cannot be read: ${error.message}`);
    return;
  }
  images = state.images;
  places = new Map(images.map((one, place) => [one.id, place]));
  categories = state.categories;
  classPlace = new Map(categories.map((one, place) => [one.id, place]));
  points = new Map(images.map((one) => [one.id, new Map()]));
  for (const [id, given] of Object.entries(state.points)) {
    points.set(Number(id), new Map(Object.entries(given).map(([key, point]) => [Number(key), point])));
  }
  finished = new Set(state.finished);
  listClasses();
  choose(categories[0].id);
  const remembered = Number(window.location.hash.slice(1));
  const start = places.has(remembered) ? places.get(remembered) : unfinishedFrom(0);
  await show(start ?? 0);
  $("stage").focus();
}

// What the server has changed; own: by an action of this window.
function take(changes, own) {
  for (const change of changes) {
    if (change.what === "finished") {
      if (change.after) finished.add(change.image);
      else finished.delete(change.image);
    } else if (change.after === null) {
      points.get(change.image).delete(change.item);
      if (selected === change.item) selected = null;
    } else {
      points.get(change.image).set(change.item, change.after);
    }
  }
  const last = changes.at(-1);
  if (own && last.image !== image().id) show(places.get(last.image));
  else refresh();
}

function unfinishedFrom(place) {
  for (let step = 0; step < images.length; step += 1) {
    const next = (place + step) % images.length;
    if (!finished.has(images[next].id)) return next;
  }
  return null;
}

async function show(place) {
  if (place < 0 || place >= images.length) {
    tell(place < 0 ? "This is the first image." : "This is the last image.");
    return;
  }
  at = place;
  selected = null;
  const opened = image();
  window.history.replaceState(null, "", `#${opened.id}`);
  server.shown(opened.id);
  refresh();
  const sound = await view.open(opened);
  if (image() !== opened) return;
  alarm("image", sound ? "" : `${opened.name} cannot be shown: is the file still there, and whole?`);
  if (at + 1 < images.length) new Image().src = address(`image/${images[at + 1].id}`);
}

function refresh() {
  const done = finished.has(image().id);
  $("name").textContent = image().name;
  $("name").title = image().name;
  $("badge").hidden = false;
  $("badge").textContent = `image ${at + 1} of ${images.length}${done ? ", finished" : ""}`;
  $("badge").classList.toggle("done", done);
  $("veil").hidden = !done;
  $("veil").textContent = own().size ? "finished" : "verified empty";
  $("reopen").hidden = !done;
  $("finish").hidden = done;
  $("stage").setAttribute("aria-label", `Image ${image().name}, ${own().size} points${done ? ", finished" : ""}`);
  listPoints();
  view.redraw();
}

function listClasses() {
  $("search").parentElement.hidden = categories.length <= 12;
  $("classes").replaceChildren(...categories.map((one, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.category = one.id;
    const key = document.createElement("kbd");
    key.textContent = KEYS[place] ?? "/";
    button.append(key, swatch(one.id), label(one.name), count(""));
    if (KEYS[place]) button.setAttribute("aria-keyshortcuts", KEYS[place]);
    button.addEventListener("click", () => {
      useClass(one.id);
      $("stage").focus();
    });
    return item(button);
  }));
}

function listPoints() {
  const tally = new Map();
  for (const [id] of own().values()) tally.set(id, (tally.get(id) ?? 0) + 1);
  for (const button of $("classes").querySelectorAll("button")) {
    button.querySelector(".number").textContent = tally.get(Number(button.dataset.category)) ?? "";
  }
  $("count").textContent = own().size;
  $("points").replaceChildren(...Array.from(own(), ([id, point]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.point = id;
    button.setAttribute("aria-pressed", id === selected);
    button.append(swatch(point[0]), label(nameOf(point[0])), count(`${point[1].toFixed(0)}, ${point[2].toFixed(0)}`));
    button.addEventListener("click", () => {
      select(id);
      $("stage").focus();
    });
    return item(button);
  }));
}

function item(content) {
  const row = document.createElement("li");
  row.append(content);
  return row;
}

function swatch(id) {
  const mark = document.createElement("span");
  mark.className = "swatch";
  mark.style.background = colourOf(classPlace.get(id));
  return mark;
}

function label(text) {
  const span = document.createElement("span");
  span.className = "name";
  span.textContent = text;
  return span;
}

function count(text) {
  const span = document.createElement("span");
  span.className = "number";
  span.textContent = text;
  return span;
}

function choose(id) {
  category = id;
  for (const button of $("classes").querySelectorAll("button")) {
    const here = Number(button.dataset.category) === id;
    button.setAttribute("aria-pressed", here);
    if (here) button.scrollIntoView({ block: "nearest" });
  }
  view.redraw();
}

// Choose a class, or give it to the selected point.
function useClass(id) {
  choose(id);
  if (selected === null) {
    tell(`Class: ${nameOf(id)}.`);
    return;
  }
  const point = selected;
  if (own().get(point)[0] === id) return;
  server.act({ do: "class", image: image().id, id: point, category: id })
    .then((done) => done && tell(`Now ${nameOf(id)}. Saved.`));
}

function select(id) {
  selected = id;
  const point = own().get(id);
  tell(`Selected: ${nameOf(point[0])}. A class key changes it, Delete removes it.`);
  listPoints();
  view.redraw();
}

function deselect() {
  selected = null;
  listPoints();
  view.redraw();
}

function put(place) {
  const [x, y] = toPoint(place);
  if (!inside([x, y])) {
    tell("That is outside the image.");
    return;
  }
  const name = nameOf(category);
  selected = null;
  server.act({ do: "add", image: image().id, category, x, y }).then((done) => done && tell(`Put: ${name}. Saved.`));
}

function near(place, reach) {
  let [best, least] = [null, reach];
  for (const [id, point] of own()) {
    const [x, y] = ofPoint(point);
    const far = Math.hypot(x - place[0], y - place[1]);
    if (far <= least) [best, least] = [id, far];
  }
  return best;
}

function remove() {
  // When its turn comes: what is in front of it in the queue may add or remove the point in question.
  const [here, chosen, place] = [image().id, selected, pointer];
  server.act(() => {
    if (image().id !== here) return null;
    const id = chosen ?? (place && near(place, SEARCH));
    if (id === null || !own().has(id)) {
      tell("No point here: select one, or point at one.");
      return null;
    }
    return { do: "remove", image: here, id };
  }).then((done) => done && tell("Removed. Saved; z brings it back."));
}

function finish() {
  const here = image().id;
  if (finished.has(here)) {
    onward();
    return;
  }
  const empty = own().size === 0;
  server.act({ do: "finish", image: here }).then((done) => {
    if (!done) return;
    onward();
    const left = images.length - finished.size;
    tell(`${empty ? "Verified empty" : "Finished"}. Saved; ${left} left.`);
  });
}

function onward() {
  const next = unfinishedFrom(at + 1 < images.length ? at + 1 : 0);
  if (next === null) {
    tell("All images are finished. The files are written; you can end wssis annotate with Ctrl-C.");
    refresh();
  } else {
    show(next);
  }
}

function reopen() {
  if (finished.has(image().id)) {
    server.act({ do: "reopen", image: image().id }).then((done) => done && tell("Not finished any more. Saved."));
  }
}

function turn(what) {
  server.act({ do: what }).then((done) => done && tell(`${what === "undo" ? "Undone" : "Done again"}. Saved.`));
}

function step(by) {
  // After what is still being saved: its point belongs to the image that is open now.
  server.queue = server.queue.then(() => { show(at + by); });
}

const centre = () => view.size.map((side) => side / 2);
const zoom = (factor) => view.zoom(factor, pointer ?? centre());

function nudge(key) {
  const [x, y] = pointer ?? centre();
  const [w, h] = view.size;
  const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
  pointer = [Math.min(w, Math.max(0, x + dx)), Math.min(h, Math.max(0, y + dy))];
  view.redraw();
}

// Marks

function paint(pen, w, h) {
  if (!images.length) return;
  for (const [id, point] of own()) paintPoint(pen, ofPoint(drag?.id === id && drag.moved ? drag.point : point), point[0], id === selected);
  if (pointer && !space && !(drag && drag.moved)) paintCross(pen, w, h);
}

function paintPoint(pen, [x, y], id, chosen) {
  const ring = (radius) => () => pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colourOf(classPlace.get(id));
  pen.beginPath();
  ring(RADIUS)();
  pen.fill();
  twice(pen, ring(RADIUS), 2, 5);
  if (chosen) twice(pen, ring(RADIUS + 6), 2, 5);
  // The exact place.
  pen.fillStyle = "#000";
  pen.fillRect(x - 1.5, y - 1.5, 3, 3);
  const key = KEYS[classPlace.get(id)];
  if (!key) return;
  pen.font = "600 12px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.lineWidth = 4;
  pen.strokeStyle = "#000";
  pen.strokeText(key, x + RADIUS + 4, y - RADIUS);
  pen.fillStyle = "#fff";
  pen.fillText(key, x + RADIUS + 4, y - RADIUS);
}

function paintCross(pen, w, h) {
  const [x, y] = pointer.map((value) => Math.round(value) + 0.5);
  const gap = 12;
  twice(pen, () => {
    for (const [from, to] of [[[0, y], [x - gap, y]], [[x + gap, y], [w, y]], [[x, 0], [x, y - gap]], [[x, y + gap], [x, h]]]) {
      pen.moveTo(...from);
      pen.lineTo(...to);
    }
  }, 1, 3);
  pen.fillStyle = "#000";
  pen.fillRect(x - 2.5, y - 2.5, 5, 5);
  pen.fillStyle = colourOf(classPlace.get(category));
  pen.fillRect(x - 1.5, y - 1.5, 3, 3);
}

// Pointer

const placeOf = (event) => {
  const frame = $("stage").getBoundingClientRect();
  return [event.clientX - frame.left, event.clientY - frame.top];
};

$("stage").addEventListener("pointerdown", (event) => {
  if (event.button > 1 || !images.length) return;
  event.preventDefault();
  $("stage").focus();
  $("stage").setPointerCapture(event.pointerId);
  pointer = placeOf(event);
  const id = space || event.button === 1 ? null : near(pointer, REACH);
  drag = { from: pointer, last: pointer, id, moved: false, pan: space || event.button === 1, point: id === null ? null : own().get(id) };
});

$("stage").addEventListener("pointermove", (event) => {
  pointer = placeOf(event);
  if (drag) {
    const [dx, dy] = [pointer[0] - drag.last[0], pointer[1] - drag.last[1]];
    const far = Math.hypot(pointer[0] - drag.from[0], pointer[1] - drag.from[1]);
    if (drag.moved || far > STILL) {
      drag.moved = true;
      if (drag.id !== null) drag.point = [drag.point[0], ...toPoint(pointer)];
      else view.pan(dx, dy);
      drag.last = pointer;
    }
  }
  view.redraw();
});

$("stage").addEventListener("pointerup", (event) => {
  if (!drag) return;
  const ended = drag;
  drag = null;
  pointer = placeOf(event);
  if (ended.id !== null && ended.moved) {
    const [, x, y] = ended.point;
    if (inside([x, y])) server.act({ do: "move", image: image().id, id: ended.id, x, y }).then((done) => done && tell("Moved. Saved."));
    else tell("That is outside the image.");
  } else if (ended.id !== null) {
    select(ended.id);
  } else if (!ended.moved && !ended.pan) {
    put(ended.from);
  }
  view.redraw();
});

$("stage").addEventListener("pointercancel", () => {
  drag = null;
  view.redraw();
});

$("stage").addEventListener("pointerleave", () => {
  if (drag) return;
  pointer = null;
  view.redraw();
});

$("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  pointer = placeOf(event);
  const lines = event.deltaMode === 1 ? 33 : 1;
  view.zoom(1.0015 ** (-event.deltaY * lines), pointer);
}, { passive: false });

// Keys

const REPEATED = ["n", "p", "+", "=", "-", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const PLAIN = {
  n: () => step(1), ArrowRight: () => step(1), p: () => step(-1), ArrowLeft: () => step(-1),
  g: onward, u: reopen, z: () => turn("undo"), y: () => turn("redo"),
  Enter: finish, Delete: remove, Backspace: remove, Escape: deselect,
  "+": () => zoom(ZOOM), "=": () => zoom(ZOOM), "-": () => zoom(1 / ZOOM), Home: () => view.fit(),
  ".": () => put(pointer ?? centre()), "?": openHelp, "/": () => $("search").parentElement.hidden || $("search").focus(),
};

window.addEventListener("keydown", (event) => {
  if (!images.length || $("help").open || isTyping(event)) return;
  const key = keyOf(event);
  if ((event.ctrlKey || event.metaKey) && !event.altKey && "zy".includes(key.toLowerCase())) {
    event.preventDefault();
    turn(key === "z" ? "undo" : "redo");
    return;
  }
  if (!isPlain(event)) return;
  if (event.target instanceof HTMLButtonElement && (key === "Enter" || key === " ")) return;
  // A key held down moves and zooms; it never labels.
  if (event.repeat && !REPEATED.includes(key) && key !== " ") return;
  if (key === " ") {
    event.preventDefault();
    space = true;
    $("stage").classList.add("pan");
    view.redraw();
    return;
  }
  if (event.shiftKey && key.startsWith("Arrow")) {
    event.preventDefault();
    nudge(key);
    return;
  }
  const place = KEYS.indexOf(key);
  if (PLAIN[key]) {
    event.preventDefault();
    PLAIN[key]();
  } else if (place >= 0 && place < categories.length) {
    event.preventDefault();
    useClass(categories[place].id);
  }
});

window.addEventListener("keyup", (event) => {
  if (event.key !== " ") return;
  space = false;
  $("stage").classList.remove("pan");
  view.redraw();
});

$("search").addEventListener("input", () => {
  const wanted = $("search").value.toLowerCase();
  for (const button of $("classes").querySelectorAll("button")) {
    button.parentElement.hidden = !button.querySelector(".name").textContent.toLowerCase().includes(wanted);
  }
});

$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  event.preventDefault();
  const first = $("classes").querySelector("li:not([hidden]) button");
  if (event.key === "Enter" && first) useClass(Number(first.dataset.category));
  $("search").value = "";
  $("search").dispatchEvent(new Event("input"));
  $("stage").focus();
});

const BUTTONS = {
  back: () => step(-1), next: () => step(1), finish, reopen, undo: () => turn("undo"), redo: () => turn("redo"),
  smaller: () => view.zoom(1 / ZOOM, centre()), larger: () => view.zoom(ZOOM, centre()), fit: () => view.fit(), ask: openHelp,
};
for (const [id, press] of Object.entries(BUTTONS)) {
  $(id).addEventListener("click", () => {
    press();
    if (id !== "ask") $("stage").focus();
  });
}
$("help").addEventListener("close", () => $("stage").focus());
begin();
