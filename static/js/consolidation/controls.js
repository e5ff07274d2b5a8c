/* The page's controls, and which checkpoint a step means. */

import { noUpdate, tell } from "../shared/dash.js";
import { notice } from "../shared/notices.js";

/** @import { Consolidation } from "./types.js" */

/** @type {Record<string, string>} */
export const TRANSITIONS = { fc: "f→c", cc: "c→c", all: "all", ff: "f→f", cf: "c→f" };

/**
 * The controls' values, the defaults and the state so far -> {name: value}; transitions joined in
 * the page's order. The last transition cannot be taken away: a plot without lines shows nothing,
 * and its link would show all.
 *
 * @param {...any} values
 * @returns {unknown}
 */
export function state(...values) {
  const before = values.pop();
  const defaults = values.pop();
  if (!defaults || values.some((value) => value === undefined || value === null)) return noUpdate();
  const named = Object.fromEntries(Object.keys(defaults).map((name, i) => [name, values[i]]));
  named.lines = Object.keys(TRANSITIONS)
    .filter((name) => named.lines.includes(name))
    .join(",");
  if (!named.lines) {
    tell("consolidation-lines", { value: ((before && before.lines) || defaults.lines).split(",") });
    notice("At least one transition stays.");
    return noUpdate();
  }
  return named;
}

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
