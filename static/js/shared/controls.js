/* A page's settings as app/parts/address declares them, and its address. */

import { writeAddress } from "./address.js";
import { noUpdate } from "./dash.js";

/** @import { Declared, Values } from "./types.js" */

/**
 * The controls' values and, last, what the page declares -> {name: value}; no update while one is
 * not there.
 *
 * @param {...any} values
 * @returns {any}
 */
export function named(...values) {
  const declared = values.pop();
  if (!declared || values.includes(undefined)) return noUpdate();
  return Object.fromEntries(Object.keys(declared.defaults).map((name, i) => [name, values[i]]));
}

/**
 * The state's values that differ from the defaults.
 *
 * @param {Values} state
 * @param {Values} defaults
 * @returns {Values}
 */
const changed = (state, defaults) =>
  Object.fromEntries(Object.entries(state).filter(([name, value]) => value !== defaults[name]));

/**
 * What differs from the defaults, then what stands beside the settings, in the declared order; last
 * comes what the page declares.
 *
 * @param {Values | null} state
 * @param {...any} beside
 */
export function writeSettings(state, ...beside) {
  /** @type {Declared | null} */
  const declared = beside.pop();
  if (!state || !declared) return noUpdate();
  const others = Object.fromEntries(declared.beside.map((name, i) => [name, beside[i]]));
  return writeAddress(declared.path, { ...changed(state, declared.defaults), ...others });
}
