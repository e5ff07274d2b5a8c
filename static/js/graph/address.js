/* The graph's state in the address bar. */

import { writeSettings } from "../shared/controls.js";

/** @import { Declared, Values } from "../shared/types.js" */

/**
 * The way down stands in it where it belongs to these filters.
 *
 * @param {Values | null} state
 * @param {{ key: string, steps: string[] } | null} path
 * @param {Declared | null} declared
 */
export function writeState(state, path, declared) {
  const here = path && state && path.key === `${state.sae}|${state.class}`;
  return writeSettings(state, here ? path.steps.join(";") : "", declared);
}
