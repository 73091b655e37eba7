"use strict";
// What both views share: the server, the status line, the view of an image, colours.
// Coordinates of an image are continuous here, pixel corners at integers; a stored point is .5 less (pixel indices).

const TOKEN = new URLSearchParams(window.location.search).get("token");
const POLL = 2000; // ms between two looks for what other windows have done
const $ = (id) => document.getElementById(id);
const address = (path) => `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(TOKEN)}`;

function tell(text) {
  $("status").textContent = text;
}

// What is wrong, by what it concerns; shown until that is mended.
const wrong = new Map();

function alarm(about, text) {
  if (text) wrong.set(about, text);
  else wrong.delete(about);
  const all = Array.from(wrong.values()).join(" ");
  if ($("alarm").textContent !== all) $("alarm").textContent = all;
  $("alarm").hidden = !all;
}

// The server's side. Actions wait for each other, so that each one names the revision that the last one made; what the
// page shows is what the server has saved.
class Server {
  constructor(onChanges) {
    this.revision = 0;
    this.onChanges = onChanges;
    this.queue = Promise.resolve();
    this.waiting = 0;
  }

  async begin() {
    const answer = await fetch(address("state"));
    if (!answer.ok) throw new Error(await answer.text());
    const state = await answer.json();
    this.revision = state.revision;
    showProgress(state.progress);
    window.setInterval(() => this.look(), POLL);
    return state;
  }

  // An action, or a function that makes one when its turn has come (null: none). Resolves to whether it was carried out.
  act(action) {
    this.waiting += 1;
    const turn = this.queue.then(() => this.send(typeof action === "function" ? action() : action));
    this.queue = turn.catch(() => false).finally(() => { this.waiting -= 1; });
    return turn;
  }

  async send(action) {
    if (!action) return false;
    let answer;
    try {
      answer = await fetch(address("act"), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ...action, revision: this.revision }),
      });
    } catch {
      this.lost();
      return false;
    }
    if (answer.ok || answer.status === 409) {
      this.take(await answer.json(), answer.ok);
      if (!answer.ok) tell("Another window has changed something: this action was not carried out. Look, and do it again.");
      return answer.ok;
    }
    const reason = await answer.text();
    if (answer.status === 400) tell(`Not done: ${reason}.`);
    else alarm("server", `Not done: ${reason}`);
    return false;
  }

  take(news, own) {
    alarm("server", news.problem);
    this.revision = news.revision;
    showProgress(news.progress);
    if (news.changes.length) this.onChanges(news.changes, own);
  }

  lost() {
    alarm("server", "The server does not answer. What was shown as saved is saved; nothing more can be. Start wssis annotate again and open the address that it prints.");
  }

  async look() {
    if (document.hidden || this.waiting) return;
    const since = this.revision;
    try {
      const answer = await fetch(address(`changes?since=${since}`));
      const news = await answer.json();
      if (since !== this.revision || this.waiting) return;
      if (news.changes.length) tell("Another window has changed something; this page now shows it.");
      this.take(news, false);
    } catch {
      this.lost();
    }
  }

  shown(image) {
    fetch(address("shown"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ image }),
    }).catch(() => this.lost());
  }
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "under a minute";
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function showProgress(now) {
  $("bar").max = now.images;
  $("bar").value = now.finished;
  const parts = [`${now.finished} of ${now.images} images`, `${now.labels} points`];
  if (now.per_minute !== null) parts.push(`${now.per_minute.toFixed(0)} points/min`);
  if (now.seconds_left !== null && now.finished < now.images) parts.push(`${duration(now.seconds_left)} left`);
  $("told").textContent = parts.join(" · ");
}

// An image in a pane: scale and offset in CSS pixels, and a canvas over it for marks.
class View {
  constructor(pane, draw) {
    this.pane = pane;
    this.picture = pane.querySelector("img");
    this.canvas = pane.querySelector("canvas");
    this.draw = draw;
    this.width = this.height = 1;
    this.scale = 1;
    this.x = this.y = 0;
    this.fitted = true;
    new ResizeObserver(() => {
      if (this.fitted) this.fit();
      else this.show();
    }).observe(pane);
  }

  // Resolves to whether the picture could be shown.
  async open(image, fit = true) {
    this.width = image.width;
    this.height = image.height;
    const source = address(`image/${image.id}`);
    if (this.picture.getAttribute("src") !== source) {
      this.picture.style.visibility = "hidden";
      this.picture.src = source;
      this.picture.style.width = `${image.width}px`;
      this.picture.style.height = `${image.height}px`;
    }
    if (fit) this.fit();
    try {
      await this.picture.decode();
    } catch {
      // Another image was opened meanwhile, or this one cannot be shown.
      return this.picture.getAttribute("src") !== source;
    }
    this.picture.style.visibility = "";
    return true;
  }

  get size() {
    return [this.pane.clientWidth, this.pane.clientHeight];
  }

  get least() {
    const [w, h] = this.size;
    return Math.min(w / this.width, h / this.height, 1);
  }

  fit(margin = 0) {
    const [w, h] = this.size;
    this.scale = Math.min((w - 2 * margin) / this.width, (h - 2 * margin) / this.height);
    this.x = (w - this.width * this.scale) / 2;
    this.y = (h - this.height * this.scale) / 2;
    this.fitted = true;
    this.show();
  }

  // Show a part of the image, [x, y, w, h], as large as it goes.
  focus([x, y, w, h]) {
    const [across, down] = this.size;
    this.scale = Math.min(across / w, down / h);
    this.x = across / 2 - (x + w / 2) * this.scale;
    this.y = down / 2 - (y + h / 2) * this.scale;
    this.fitted = false;
    this.show();
  }

  zoom(factor, [px, py]) {
    const scale = Math.min(64, Math.max(this.least / 2, this.scale * factor));
    const [ix, iy] = this.toImage([px, py]);
    this.scale = scale;
    this.x = px - ix * scale;
    this.y = py - iy * scale;
    this.fitted = false;
    this.keep();
    this.show();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.keep();
    this.show();
  }

  // Some of the image stays in sight.
  keep() {
    const [w, h] = this.size;
    const rest = 60;
    this.x = Math.min(w - rest, Math.max(rest - this.width * this.scale, this.x));
    this.y = Math.min(h - rest, Math.max(rest - this.height * this.scale, this.y));
  }

  toImage([px, py]) {
    return [(px - this.x) / this.scale, (py - this.y) / this.scale];
  }

  toPane([ix, iy]) {
    return [ix * this.scale + this.x, iy * this.scale + this.y];
  }

  show() {
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.picture.classList.toggle("crisp", this.scale * devicePixelRatio >= 2);
    this.redraw();
  }

  redraw() {
    const [w, h] = this.size;
    const dots = devicePixelRatio;
    if (this.canvas.width !== Math.round(w * dots) || this.canvas.height !== Math.round(h * dots)) {
      this.canvas.width = Math.round(w * dots);
      this.canvas.height = Math.round(h * dots);
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, w, h);
    this.draw(pen, w, h);
  }
}

// Colours far apart in hue, one after the other; keys and names tell classes, too.
const colourOf = (place) => `hsl(${(place * 137.5 + 200) % 360} 85% ${[55, 42, 68][Math.floor(place / 8) % 3]}%)`;

// A stroke that shows on any background: white in black.
function twice(pen, path, inner = 1.5, outer = 3.5) {
  for (const [colour, width] of [["#000", outer], ["#fff", inner]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    path();
    pen.stroke();
  }
}

const isTyping = (event) => event.target instanceof HTMLInputElement;
const isPlain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey;

// A digit also where a keyboard has it on the shifted level only.
function keyOf(event) {
  const digit = /^Digit(\d)$/.exec(event.code);
  return digit && !event.shiftKey && !"+-.?/".includes(event.key) ? digit[1] : event.key;
}

function openHelp() {
  if (!$("help").open) $("help").showModal();
}
