/* What a term means, by key and by touch: where a hover shows an element's title, focus and a tap
 * show it too. */

import { around } from "../shared/events.js";

const DEFINED = ".fs-badge[title], th[title], dt[title], dl > div[title], .fs-fact[title]";
// what does something else when it is pressed
const ACTS = "a, button, summary, label, input, select, textarea, [role=button], .fs-token";
const SETTLED_MS = 250;

/** @type {HTMLElement | null} */
let shown = null;

function hide() {
  shown = null;
  document.getElementById("frame-definition")?.remove();
}

/** @param {HTMLElement} term */
function show(term) {
  hide();
  shown = term;
  const note = document.createElement("div");
  note.id = "frame-definition";
  note.className = "fs-definition";
  note.setAttribute("role", "tooltip");
  note.textContent = term.title;
  document.body.append(note);
  const box = term.getBoundingClientRect();
  const widest = document.documentElement.clientWidth - note.offsetWidth - 8;
  const below = box.bottom + note.offsetHeight + 40 < window.innerHeight;
  const top = below ? box.bottom + 6 : box.top - note.offsetHeight - 6;
  note.style.left = `${Math.max(8, Math.min(box.left, widest))}px`;
  note.style.top = `${top + window.scrollY}px`;
}

/** @param {Event} event */
function termOf(event) {
  const term = around(event, "[title]");
  return term && term.title && !around(event, ACTS) ? term : null;
}

document.addEventListener("click", (event) => {
  const term = termOf(event);
  const touched = event instanceof PointerEvent && event.pointerType === "touch";
  if (term && term !== shown && (touched || term.matches(DEFINED))) show(term);
  else hide();
});

document.addEventListener("focusin", (event) => {
  const term = termOf(event);
  if (term === event.target && term?.matches(DEFINED) && term.matches(":focus-visible")) show(term);
});

document.addEventListener("focusout", hide);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});

let settling = 0;

/** Terms that came are stops of the Tab key. */
function reachable() {
  settling = 0;
  for (const term of document.querySelectorAll(DEFINED)) {
    if (!term.hasAttribute("tabindex") && !term.matches(ACTS)) term.setAttribute("tabindex", "0");
  }
}

new MutationObserver(() => {
  settling ||= window.setTimeout(reachable, SETTLED_MS);
}).observe(document.documentElement, { childList: true, subtree: true });
