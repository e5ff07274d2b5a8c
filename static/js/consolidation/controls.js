/* The page's controls, and which checkpoint a step means. */

import { named } from "../shared/controls.js";
import { noUpdate, tell } from "../shared/dash.js";
import { notice } from "../shared/notices.js";

/** @import { Consolidation } from "./types.js" */
/** @import { Values } from "../shared/types.js" */

/** @type {Record<string, string>} */
export const TRANSITIONS = { fc: "f→c", cc: "c→c", all: "all", ff: "f→f", cf: "c→f" };

/**
 * As fs.named, transitions joined in the page's order; last comes the state so far. The last
 * transition cannot be taken away: a plot without lines shows nothing, and its link would show all.
 *
 * @param {...any} values
 * @returns {unknown}
 */
export function state(...values) {
  const before = values.pop();
  const declared = values.at(-1);
  const chosen = named(...values);
  if (chosen === noUpdate() || Object.values(chosen).includes(null)) return noUpdate();
  const every = declared.defaults.lines.split(",");
  const lines = every.filter((/** @type {string} */ name) => chosen.lines.includes(name));
  if (!lines.length) {
    tell("consolidation-lines", { value: before ? before.lines.split(",") : every });
    notice("At least one transition stays.");
    return noUpdate();
  }
  return { ...chosen, lines: lines.join(",") };
}

/**
 * The settings that some panels follow, told to them when one of these changes and not when another
 * does.
 *
 * @param {readonly string[]} names
 * @returns {(state: Values | null, before: Values | null) => unknown}
 */
const followed = (names) => (state, before) => {
  if (!state || names.every((name) => before?.[name] === state[name])) return noUpdate();
  return Object.fromEntries(names.map((name) => [name, state[name]]));
};
export const ofAxes = followed(["cut", "axis"]);
export const ofRequests = followed(["cut", "by"]);

/**
 * Index of the checkpoint nearest to a step.
 *
 * @param {number[]} steps
 * @param {number} step
 */
export function nearest(steps, step) {
  let best = steps.length - 1;
  steps.forEach((one, i) => {
    if (Math.abs(one - step) < Math.abs(steps[best] - step)) best = i;
  });
  return best;
}

/**
 * @param {number | null} clicks
 * @param {unknown} held
 * @param {number | string} index
 * @param {Consolidation} data
 * @returns {unknown[]}
 */
export function compare(clicks, held, index, data) {
  if (!clicks) return [noUpdate(), held ? "stop comparing" : "compare with this"];
  if (held !== null && held !== undefined && held !== "") return [null, "compare with this"];
  return [String(data.steps[Number(index)]), "stop comparing"];
}
