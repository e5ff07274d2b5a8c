/* The keys of every page: ? help, / search (data-fs-search), y link, t theme, g and a letter for
 * another page. */

import { notice } from "../shared/notices.js";
import { copyLink } from "./copying.js";
import { toggleHelp } from "./help.js";
import { toggleScheme } from "./theme.js";

const CHORD_MS = 1500;

let chordUntil = 0;

/** @param {EventTarget | null} target */
function typesIn(target) {
  const typing = "input, textarea, select, [contenteditable='true'], .ag-cell-inline-editing";
  return target instanceof Element && target.closest(typing) !== null;
}

function focusSearch() {
  /** @type {HTMLElement | null} */
  const field = document.querySelector(
    "#frame-page [data-fs-search], #frame-page textarea, #frame-page input[type='search']",
  );
  if (!field) {
    notice("This page has nothing to search.");
    return;
  }
  /** @type {HTMLElement | null} */
  const inside = field.matches("input, textarea") ? null : field.querySelector("input, textarea");
  (inside ?? field).focus();
}

/** @type {Record<string, () => void>} */
const KEYS = { "?": toggleHelp, "/": focusSearch, y: copyLink, t: toggleScheme };

document.addEventListener("keydown", (event) => {
  if (
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    typesIn(event.target)
  )
    return;
  if (Date.now() < chordUntil) {
    chordUntil = 0;
    /** @type {HTMLElement | null} */
    const link = document.querySelector(`.fs-rail [data-key="${CSS.escape(event.key)}"] a`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  if (event.key === "g") {
    chordUntil = Date.now() + CHORD_MS;
  } else if (Object.hasOwn(KEYS, event.key)) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
