/* A page's controls and their defaults, both {name: value}. */

import { noUpdate } from "./dash.js";

/** @import { Values } from "./types.js" */

/**
 * The controls' values and, last, the defaults -> {name: value}; the defaults give the names, in
 * order.
 *
 * @param {...any} values
 */
export function named(...values) {
  const defaults = values.pop();
  if (!defaults || values.includes(undefined)) return noUpdate();
  return Object.fromEntries(Object.keys(defaults).map((name, i) => [name, values[i]]));
}

/**
 * The state's values that differ from the defaults.
 *
 * @param {Values} state
 * @param {Values} defaults
 * @returns {Values}
 */
export function changed(state, defaults) {
  return Object.fromEntries(
    Object.entries(state).filter(([name, value]) => value !== defaults[name]),
  );
}
