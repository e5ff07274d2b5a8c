/* Token, Feature and Features pages in the browser: the address follows the controls, arrows walk
 * to neighbours. */

import { around } from "../shared/events.js";
import { writeAddress, writeQuery } from "../shared/address.js";
import { inside } from "../shared/base.js";
import { named } from "../shared/controls.js";
import { noUpdate } from "../shared/dash.js";

/** @import { Values } from "../shared/types.js" */

/**
 * Leaves the address alone when the person has already gone to another page.
 *
 * @param {string} prefix
 * @param {Values} values
 */
function writeUnder(prefix, values) {
  if (inside(window.location.pathname).startsWith(prefix)) writeQuery(values);
  return noUpdate();
}

/**
 * @param {string | null} sae
 * @param {string | null} byDefault
 */
export function writeToken(sae, byDefault) {
  return sae && byDefault
    ? writeUnder("/token/", { sae: sae === byDefault ? null : sae })
    : noUpdate();
}

/** @param {string | null} q */
export const writeTokens = (q) => writeAddress("/token", { q });

/**
 * @param {string | null} band
 * @param {string} token
 */
export function writeFeature(band, token) {
  if (!band) return noUpdate();
  return writeUnder("/feature/", {
    quantile: band === "all" ? null : band,
    token: token === "any" ? null : token,
  });
}

/**
 * As fs.named, in texts; last comes the state so far. Another setting than the page begins at the
 * first page again.
 *
 * @param {...any} values
 */
export function searchState(...values) {
  const before = values.pop();
  const state = named(...values);
  if (state === noUpdate() || !state.page) return noUpdate();
  for (const name in state) state[name] = String(state[name] ?? "");
  const other = (/** @type {string} */ name) => name !== "page" && before[name] !== state[name];
  if (before && Object.keys(state).some(other)) state.page = "1";
  return state;
}

/**
 * @param {number} before
 * @param {number} after
 * @param {Values | null} state
 * @returns {unknown}
 */
export function turnPage(before, after, state) {
  const asked = window.dash_clientside.callback_context.triggered[0];
  if (!asked || !asked.value || !state) return noUpdate();
  return Number(state.page) + (asked.prop_id.startsWith("features-after") ? 1 : -1);
}

const LEFT_ALONE =
  "input, textarea, select, [role='radiogroup'], [contenteditable='true'], .fs-rows-box";

/** @type {Record<string, string>} */
const WAYS = { ArrowLeft: "previous", ArrowRight: "next" };

/** ← and → follow the links to the neighbours, where a page has them. */
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)
    return;
  const way = WAYS[event.key];
  if (!way || around(event, LEFT_ALONE)) return;
  /** @type {HTMLElement | null} */
  const link = document.querySelector(`#frame-page .fs-browse-page [data-fs-walk="${way}"] a`);
  if (!link) return;
  event.preventDefault();
  link.click();
});
