/* The address bar holds what the page shows, and Back undoes what somebody chose.
 *
 * writeQuery({name: value}): address bar := the non-null values, no layout re-run. What a person
 * chose becomes an entry of the history; more of the same setting (a cursor that moves, a prompt
 * that grows) changes that entry, and so does what the page adds by itself. */

import { noUpdate, tell } from "./dash.js";

/** @import { Values } from "./types.js" */

const SOON_MS = 3000; // a change this long after a press or a key is still its doing

const ANCHOR_MS = 6000;

const here = () => window.location.pathname + window.location.search;

/** @type {{ at: number, spent: boolean }} */
let gesture = { at: -Infinity, spent: true };

/** @type {string | null} */
let chosen = null; // the settings that the newest entry was made for

let told = here(); // the address that Dash's Location knows of

const noticed = () => {
  gesture = { at: performance.now(), spent: false };
};

for (const kind of ["pointerdown", "keydown", "change"])
  window.addEventListener(kind, noticed, true);

/**
 * Names of the settings in which two queries differ, in one string.
 *
 * @param {URLSearchParams} before
 * @param {URLSearchParams} after
 */
function difference(before, after) {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .sort()
    .join("&");
}

/**
 * Whether a person just chose this, and something else than the newest entry is of.
 *
 * @param {string} settings
 */
function isChoice(settings) {
  const theirs = !gesture.spent && performance.now() - gesture.at < SOON_MS;
  return theirs && settings !== chosen;
}

/** @param {Values} values */
export function writeQuery(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
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
  }
  return noUpdate();
}

function arrived() {
  told = here();
  chosen = null;
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
      gesture.at > asked ||
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
  arrived();
  if (unheard) tell("frame-visit", { data: Date.now() });
});

window.addEventListener("_dashprivate_pushstate", arrived);

window.addEventListener("wheel", noticed, { capture: true, passive: true });

toAnchor();

/**
 * Leaves the address alone when the person has already gone to another page.
 *
 * @param {string} path
 * @param {Values} values
 */
export function writeAddress(path, values) {
  if (window.location.pathname.replace(/\/$/, "") === path) writeQuery(values);
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
