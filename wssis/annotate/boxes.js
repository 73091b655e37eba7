"use strict";
// Drawn points in boxes, one at a time: object or background. Coordinates have pixel corners at integers.

const MARGIN = 0.3; // of the box, on every side, for context
const CLOSEUP = 0.25; // side of the close-up, of the box's longer side
const NARROWEST = 12; // px of the image in the close-up
const ZOOM = 1.3;

let images = new Map();
let names = new Map();
let boxes = [];
let byId = new Map();
let at = 0; // place of the box
let place = 0; // number of the point in it
let zoom = 1;

const closeup = new View($("closeup"), (pen) => paint(pen, closeup, false));
const whole = new View($("whole"), (pen) => paint(pen, whole, true));
const server = new Server(take);
const box = () => boxes[at];

async function begin() {
  let state;
  try {
    state = await server.begin();
  } catch (error) {
    alarm("server", `The session cannot be read: ${error.message}`);
    return;
  }
  images = new Map(state.images.map((one) => [one.id, one]));
  names = new Map(state.categories.map((one) => [one.id, one.name]));
  boxes = state.boxes;
  byId = new Map(boxes.map((one, number) => [one.id, number]));
  go(open(0, 0) ?? [0, 0]);
  for (const view of [closeup, whole]) new ResizeObserver(frame).observe(view.pane);
}

function take(changes, own) {
  for (const change of changes) boxes[byId.get(change.item)].answers[change.place] = change.after;
  const last = changes.at(-1);
  // An own answer leads on; an undone one is shown again.
  if (own && last.after === null) go([byId.get(last.item), last.place]);
  else if (own && last.what === "answer" && following) go(open(at, place) ?? [at, place]);
  else show();
}

// The first point without answer from here on, round and round.
function open(from, first) {
  for (let step = 0; step <= boxes.length; step += 1) {
    const number = (from + step) % boxes.length;
    const start = step === 0 ? first : 0;
    const found = boxes[number].answers.findIndex((answer, which) => answer === null && which >= start);
    if (found >= 0) return [number, found];
  }
  return null;
}

let following = true; // whether an answer leads to the next open point
let shownImage = null;

function go([number, which]) {
  const same = box()?.id === boxes[number].id;
  [at, place] = [number, which];
  if (!same) zoom = 1;
  if (shownImage !== box().image) {
    shownImage = box().image;
    server.shown(shownImage);
  }
  show();
}

function show() {
  const image = images.get(box().image);
  for (const view of [closeup, whole]) {
    view.open(image, false).then((sound) => {
      if (images.get(box().image) === image) alarm("image", sound ? "" : `${image.name} cannot be shown: is the file still there, and whole?`);
    });
  }
  frame();
  const ahead = boxes[at + 1] && images.get(boxes[at + 1].image);
  if (ahead && ahead !== image) new Image().src = address(`image/${ahead.id}`);
  $("name").textContent = image.name;
  $("badge").hidden = false;
  $("badge").textContent = `object ${at + 1} of ${boxes.length}`;
  const name = names.get(box().category);
  const answer = box().answers[place];
  const all = open(0, 0) === null;
  $("question").textContent = all ? "All points are answered. You can end wssis annotate with Ctrl-C." : `Is the point on this ${name}?`;
  $("object").setAttribute("aria-pressed", answer === 1);
  $("background").setAttribute("aria-pressed", answer === 0);
  $("answers").replaceChildren(...box().answers.map((given, which) => {
    const row = document.createElement("li");
    row.textContent = which + 1;
    row.dataset.answer = given ?? "";
    row.setAttribute("aria-current", which === place);
    row.setAttribute("aria-label", `point ${which + 1}: ${given === null ? "no answer" : given ? "object" : "background"}`);
    return row;
  }));
}

function frame() {
  if (!boxes.length) return;
  const [x, y, w, h] = box().bbox;
  const margin = MARGIN * Math.max(w, h) + 2;
  whole.focus([x - margin, y - margin, w + 2 * margin, h + 2 * margin]);
  const [px, py] = box().points[place];
  const side = Math.max(NARROWEST, CLOSEUP * Math.max(w, h)) / zoom;
  closeup.focus([px - side / 2, py - side / 2, side, side]);
}

function paint(pen, view, far) {
  if (!boxes.length) return;
  const [x, y, w, h] = box().bbox;
  const [left, top] = view.toPane([x, y]);
  pen.setLineDash([]);
  twice(pen, () => pen.rect(left, top, w * view.scale, h * view.scale), 2, 4);
  const [px, py] = view.toPane(box().points[place]);
  // A ring that leaves the point itself in sight.
  const ring = far ? 6 : 16;
  pen.strokeStyle = "#000";
  pen.lineWidth = 6;
  pen.beginPath();
  pen.arc(px, py, ring, 0, 2 * Math.PI);
  pen.stroke();
  pen.strokeStyle = "#ff4df0";
  pen.lineWidth = 3;
  pen.stroke();
  twice(pen, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(px + dx * 3, py + dy * 3);
      pen.lineTo(px + dx * ring, py + dy * ring);
    }
  }, 1, 3);
  if (!far) return;
  // Easier to find: a green frame around the marker.
  pen.strokeStyle = "#000";
  pen.lineWidth = 5;
  pen.strokeRect(px - 18, py - 18, 36, 36);
  pen.strokeStyle = "#3df07a";
  pen.lineWidth = 2.5;
  pen.strokeRect(px - 18, py - 18, 36, 36);
}

function answer(value) {
  // When its turn comes: the point that is shown then is the one that is meant, since each answer shows the next.
  const [id, which] = [box().id, place];
  server.act(() => {
    if (box().id !== id || place !== which) {
      tell("Too quick: another point is shown by now.");
      return null;
    }
    if (box().answers[place] === value) {
      go(open(at, place) ?? [at, place]);
      return null;
    }
    return { do: "answer", id, place: which, answer: value };
  }).then((done) => done && tell(value === null ? "Taken back. Saved." : `${value ? "Object" : "Background"}. Saved.`));
}

function turn(what) {
  following = false;
  server.act({ do: what }).then((done) => {
    following = true;
    if (done) tell(`${what === "undo" ? "Undone" : "Done again"}. Saved.`);
  });
}

function step(by) {
  let [number, which] = [at, place + by];
  if (which < 0) [number, which] = [at - 1, Infinity];
  else if (which >= box().points.length) [number, which] = [at + 1, 0];
  if (number < 0 || number >= boxes.length) {
    tell(number < 0 ? "This is the first point." : "This is the last point.");
    return;
  }
  go([number, Math.min(which, boxes[number].points.length - 1)]);
}

function widen(factor) {
  zoom = Math.min(16, Math.max(1 / 8, zoom * factor));
  frame();
}

const KEYS = {
  1: () => answer(1), o: () => answer(1), 0: () => answer(0), b: () => answer(0),
  ArrowLeft: () => step(-1), p: () => step(-1), ArrowRight: () => step(1), n: () => step(1),
  g: () => go(open(at, place) ?? [at, place]), z: () => turn("undo"), y: () => turn("redo"),
  Delete: () => answer(null), Backspace: () => answer(null),
  "+": () => widen(ZOOM), "=": () => widen(ZOOM), "-": () => widen(1 / ZOOM), "?": openHelp,
};

window.addEventListener("keydown", (event) => {
  if (!boxes.length || $("help").open || !isPlain(event) || !KEYS[keyOf(event)]) return;
  event.preventDefault();
  // A key held down moves; it never answers.
  if (!event.repeat || "ArrowLeft ArrowRight n p + = -".split(" ").includes(event.key)) KEYS[keyOf(event)]();
});
for (const view of [closeup, whole]) {
  view.pane.addEventListener("wheel", (event) => {
    event.preventDefault();
    widen(event.deltaY < 0 ? ZOOM : 1 / ZOOM);
  }, { passive: false });
}
const BUTTONS = {
  back: () => step(-1), next: () => step(1), object: () => answer(1), background: () => answer(0),
  undo: () => turn("undo"), redo: () => turn("redo"), smaller: () => widen(1 / ZOOM), larger: () => widen(ZOOM), ask: openHelp,
};
for (const [id, press] of Object.entries(BUTTONS)) $(id).addEventListener("click", press);
begin();
