"use strict";
// Filters, order and layers of the gallery. The address's fragment holds them, so that a part of it can be linked to.

const FILTERS = ["group", "class", "status", "size", "touching"];
const form = document.getElementById("controls");
const list = document.getElementById("images");
const told = document.getElementById("told");
const cards = Array.from(list.children);
const objectsOf = new Map(cards.map((card) => [card, Array.from(card.querySelectorAll("li[data-number]"))]));

function fits(object, wanted) {
  return FILTERS.slice(1).every((key) => !wanted[key] || object.dataset[key] === wanted[key]);
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
  const filtered = FILTERS.slice(1).some((key) => wanted[key]);
  const kept = new Map();
  for (const card of cards) {
    const found = objectsOf.get(card).filter((object) => fits(object, wanted));
    const ofGroup = !wanted.group || card.dataset.group === wanted.group;
    card.hidden = !ofGroup || (filtered && found.length === 0);
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

form.addEventListener("change", () => {
  layers();
  apply();
  remember();
});
form.addEventListener("reset", () => {
  window.setTimeout(() => {
    layers();
    apply();
    remember();
  });
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", recall);
window.addEventListener("keydown", (event) => {
  const place = "12345".indexOf(event.key);
  const box = place < 0 ? null : form.querySelectorAll("input[name=layer]")[place];
  if (box && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.tagName !== "SELECT") box.click();
});
recall();
