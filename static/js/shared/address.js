/* The address bar holds what the page shows, and Back undoes what somebody chose.
 *
 * writeQuery({name: value}): address bar := the non-null values, no layout re-run. Each press is a
 * choice and becomes an entry of the history, however late the page writes it. What goes on after
 * it (a cursor that is dragged or walked with the arrows, a prompt that grows) changes that entry,
 * and so does what the page adds by itself. choices.js writes the controls' choices at once. */

import { inside } from "./base.js";
import { noUpdate, tell } from "./dash.js";

/** @import { Values } from "./types.js" */

const ANCHOR_MS = 6000;

const here = () => window.location.pathname + window.location.search;

/** @type {{ press: boolean, spent: boolean }} */
let gesture = { press: false, spent: true };

let touched = -Infinity; // when somebody last did anything, scrolling too

/** @type {string[]} */
let chosen = []; // the settings that the newest entry was made for

let told = here(); // the address that Dash's Location knows of

let stands = here(); // the address of what is shown

/** How the newest page was asked for: from which address, and whether by Back or Forward. */
let arrival = { from: stands, popped: false };

let undoing = false;

const TYPED = "textarea, [contenteditable='true'], input:not([type=radio], [type=checkbox])";

/**
 * Whether this by itself chooses something, where more of the same would choose something else.
 * Letters and arrows go on with what they began; a text or a slider says "change" after its input.
 *
 * @param {Event} event
 */
function presses(event) {
  if (event.type === "pointerdown") return true;
  const typed = event.target instanceof Element && event.target.matches(TYPED);
  if (event.type === "change") return !typed;
  const key = event instanceof KeyboardEvent ? event.key : "";
  return (key === "Enter" || key === " ") && !typed;
}

/** @param {Event} event */
const noticed = (event) => {
  touched = performance.now();
  gesture = { press: presses(event), spent: false };
};

for (const kind of ["pointerdown", "keydown", "change"])
  window.addEventListener(kind, noticed, true);

/**
 * Names of the settings in which two queries differ.
 *
 * @param {URLSearchParams} before
 * @param {URLSearchParams} after
 */
function difference(before, after) {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

/**
 * Whether a person chose this: pressed for it, or went on to something else than the newest entry
 * is of. The same settings in another order are no choice.
 *
 * @param {string[]} settings
 */
function isChoice(settings) {
  const goesOn = settings.some((name) => chosen.includes(name));
  return !gesture.spent && settings.length > 0 && (gesture.press || !goesOn);
}

/** @param {Values} values */
export function writeQuery(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  write(query);
  return noUpdate();
}

/** @param {URLSearchParams} query */
function write(query) {
  const settings = difference(new URLSearchParams(window.location.search), query);
  const search = query.toString();
  const address = window.location.pathname + (search ? `?${search}` : "") + window.location.hash;
  if (address !== here() + window.location.hash) {
    if (isChoice(settings)) {
      window.history.pushState({}, "", address);
      gesture.spent = true;
      chosen = settings;
    } else {
      window.history.replaceState(window.history.state, "", address);
    }
    stands = here();
  }
}

/**
 * One setting, and all others as they are.
 *
 * @param {string} name
 * @param {string} value
 */
export function writeChoice(name, value) {
  const query = new URLSearchParams(window.location.search);
  query.set(name, value);
  write(query);
}

/** @param {boolean} popped */
function arrived(popped) {
  arrival = { from: undoing ? here() : stands, popped };
  undoing = false;
  stands = here();
  told = here();
  chosen = [];
  gesture.spent = true;
  toAnchor();
}

/**
 * The part of the page that the address names after #: brought into view as soon as it is there,
 * and kept there while what stands above it grows, until somebody does something.
 */
function toAnchor() {
  const id = window.location.hash.slice(1);
  if (!id) return;
  const asked = performance.now();
  const show = () => {
    if (
      touched > asked ||
      performance.now() - asked > ANCHOR_MS ||
      window.location.hash.slice(1) !== id
    )
      return;
    const part = document.getElementById(id);
    if (part) part.scrollIntoView({ block: "start" });
    window.setTimeout(show, 150);
  };
  show();
}

/* Dash's Location compares with what it was told last; what was written here it never heard of. */
window.addEventListener("popstate", () => {
  const unheard = told === here();
  arrived(true);
  if (unheard) tell("frame-visit", { data: Date.now() });
});

window.addEventListener("_dashprivate_pushstate", () => arrived(false));

/** The address before, where the page that was asked for did not come. */
export function undoArrival() {
  if (undoing || here() === arrival.from) return;
  undoing = true;
  if (arrival.popped) {
    window.history.pushState({}, "", arrival.from);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  } else {
    window.history.back();
  }
}

window.addEventListener("wheel", () => (touched = performance.now()), {
  capture: true,
  passive: true,
});

toAnchor();

/**
 * Leaves the address alone when the person has already gone to another page.
 *
 * @param {string} path
 * @param {Values} values
 */
export function writeAddress(path, values) {
  if (inside(window.location.pathname).replace(/\/$/, "") === path) writeQuery(values);
  return noUpdate();
}

/** Present and empty in an address, where an empty string would be left out. */
export const EMPTY = { toString: () => "" };

/**
 * A prefix in an address: where it is not what the page opens with.
 *
 * @param {string} prefix
 * @param {string} usual
 */
export const prefixIn = (prefix, usual) => (prefix === usual ? {} : { prefix: prefix || EMPTY });
