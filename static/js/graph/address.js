/* The graph's state in the address bar. */

import { writeAddress } from "../shared/address.js";
import { changed } from "../shared/controls.js";
import { noUpdate } from "../shared/dash.js";

/** @import { Values } from "../shared/types.js" */

/**
 * The address: what differs from the defaults, and the way down where it belongs to these filters.
 *
 * @param {Values | null} state
 * @param {{ key: string, steps: string[] } | null} path
 * @param {Values | null} defaults
 */
export function writeState(state, path, defaults) {
  if (!state || !defaults) return noUpdate();
  const steps = path && path.key === `${state.sae}|${state.class}` ? path.steps : [];
  return writeAddress("/graph", { ...changed(state, defaults), path: steps.join(";") });
}
