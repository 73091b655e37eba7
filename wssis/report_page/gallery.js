"use strict";
// Filters, order and layers of the gallery. The address's fragment holds them, so that a part of it can be linked to.

const OF_CARDS = ["group", "image"];
const OF_OBJECTS = ["class", "status", "size", "touching", "iou"];
const FILTERS = [...OF_CARDS, ...OF_OBJECTS];
const RANGE = /^(0(\.\d+)?|1)-(0(\.\d+)?|1)$/;
const form = document.getElementById("controls");
const list = document.getElementById("images");
const chosen = document.getElementById("chosen");
const told = document.getElementById("told");
const cards = Array.from(list.children);
const objectsOf = new Map(cards.map((card) => [card, Array.from(card.querySelectorAll("li[data-number]"))]));

function fits(object, wanted) {
  return OF_OBJECTS.every((key) => !wanted[key]
    || (key === "iou" ? within(object.dataset.iou, wanted.iou) : object.dataset[key] === wanted[key]));
}

function within(text, range) {
  const [iou, low, high] = [Number(text), ...range.split("-").map(Number)];
  return text !== undefined && ((low <= iou && iou < high) || (iou === high && high === 1));
}

function order(kept, by) {
  const worths = (card) => kept.get(card).map((object) => Number(object.dataset.worth));
  const keys = {
    status: (card) => Number(card.dataset.place),
    worst: (card) => Math.min(...worths(card)),
    best: (card) => -Math.max(...worths(card)),
  };
  return Array.from(kept.keys()).sort((one, other) => keys[by](one) - keys[by](other));
}

function apply() {
  const wanted = Object.fromEntries(FILTERS.map((key) => [key, form.elements[key].value]));
  const filtered = OF_OBJECTS.some((key) => wanted[key]);
  const kept = new Map();
  for (const card of cards) {
    const found = objectsOf.get(card).filter((object) => fits(object, wanted));
    const ofCard = OF_CARDS.every((key) => !wanted[key] || card.dataset[key] === wanted[key]);
    card.hidden = !ofCard || (filtered && found.length === 0);
    for (const object of objectsOf.get(card)) {
      const out = filtered && !found.includes(object);
      for (const part of card.querySelectorAll(`[data-number="${object.dataset.number}"]`)) {
        part.classList.toggle("out", out);
      }
    }
    if (!card.hidden) kept.set(card, found);
  }
  list.append(...order(kept, form.elements.order.value));
  const objects = Array.from(kept.values()).reduce((sum, found) => sum + found.length, 0);
  told.textContent = `${kept.size} of ${cards.length} images, ${objects} points`;
  chosen.replaceChildren(...FILTERS.filter((key) => wanted[key] && isFree(key)).map(removal));
}

// Whether there is anything to choose: a study of one run has no other.
function isFree(key) {
  return form.elements[key].options[0].value === "";
}

// A button that shows a filter in use and removes it; the keyboard's focus then stays among them.
function removal(key) {
  const button = document.createElement("button");
  const label = form.elements[key].closest("label").firstChild.textContent.trim();
  button.type = "button";
  button.textContent = `${label}: ${form.elements[key].selectedOptions[0].textContent} ✕`;
  button.setAttribute("aria-label", `Remove the filter ${button.textContent.slice(0, -2)}`);
  button.addEventListener("click", () => {
    form.elements[key].value = "";
    changed();
    (chosen.querySelector("button") || list).focus();
  });
  return button;
}

// A range that no option has, out of an address.
function offer(range) {
  const element = form.elements.iou;
  if (!element.hidden && RANGE.test(range) && !Array.from(element.options).some((one) => one.value === range)) {
    element.add(new Option(range.replace("-", " to "), range));
  }
}

function layers() {
  for (const box of form.querySelectorAll("input[name=layer]")) {
    list.classList.toggle(`with-${box.value}`, box.checked);
  }
}

function remember() {
  const entries = FILTERS.map((key) => [key, form.elements[key].value]).filter(([, value]) => value);
  const shown = Array.from(form.querySelectorAll("input[name=layer]:checked"), (box) => box.value);
  const text = new URLSearchParams([...entries, ["order", form.elements.order.value], ["layers", shown.join(" ")]]);
  window.history.replaceState(null, "", `#${text}`);
}

function recall() {
  const told = new URLSearchParams(window.location.hash.slice(1));
  offer(told.get("iou"));
  for (const key of [...FILTERS, "order"]) {
    const element = form.elements[key];
    const value = told.get(key);
    const known = Array.from(element.options).some((option) => option.value === value);
    element.value = known ? value : element.options[0].value;
  }
  if (told.has("layers")) {
    const shown = told.get("layers").split(" ");
    for (const box of form.querySelectorAll("input[name=layer]")) box.checked = shown.includes(box.value);
  }
  layers();
  apply();
}

function changed() {
  layers();
  apply();
  remember();
}

form.addEventListener("change", changed);
form.addEventListener("reset", () => window.setTimeout(changed));
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", recall);
window.addEventListener("keydown", (event) => {
  const place = "12345".indexOf(event.key);
  const box = place < 0 ? null : form.querySelectorAll("input[name=layer]")[place];
  if (box && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.tagName !== "SELECT") box.click();
});
recall();
