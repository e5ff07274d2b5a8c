/* Losses at the cursor's checkpoint, and how they differ from the held one. */

import { TRANSITIONS } from "./controls.js";
import { element, part } from "./elements.js";

/** @import { Consolidation, LossLine } from "./types.js" */

/**
 * @param {number | null | undefined} value
 * @param {number} digits
 */
function number(value, digits) {
  if (value === null || value === undefined) return "–";
  const said = value.toFixed(digits);
  return Number(said) === 0 ? said.replace("-", "") : said.replace("-", "−");
}

/**
 * @param {Consolidation} data
 * @param {number | null} held
 */
function headRow(data, held) {
  /** @param {string} title */
  const names = (title) => [
    `${title}: nats`,
    `${title}: share of loss`,
    ...(held === null ? [] : [`${title}: nats less step ${held}`]),
  ];
  const cells = data.runs.map((run) => {
    const values = JSON.stringify(names(run.title));
    const attributes = { scope: "col", colspan: held === null ? 2 : 3, "data-values": values };
    return element("th", attributes, run.title);
  });
  return element("tr", {}, element("th", { scope: "col" }, "transition"), ...cells);
}

/**
 * What was measured at `step`: the loss, with its interval on hover, and its share of the total.
 *
 * @param {LossLine} line
 * @param {number} step
 */
function lossCells(line, step) {
  const [loss, low, high, n, share] = line[step] || [];
  const interval =
    low === null || low === undefined || high === null
      ? "no interval stored"
      : `95 % ${low.toFixed(3)} to ${high.toFixed(3)}`;
  const title =
    loss === undefined
      ? "no such checkpoint"
      : `${interval}; n = ${n.toLocaleString("en")} targets`;
  const shown = share === undefined ? "–" : `${(100 * share).toFixed(1)} %`;
  const ofTotal = { class: "fs-muted", title: "share of the total loss" };
  return [
    element("td", { "data-value": loss === undefined ? "" : loss, title }, number(loss, 2)),
    element("td", { "data-value": share === undefined ? "" : share, ...ofTotal }, shown),
  ];
}

/**
 * @param {LossLine} line
 * @param {number} step
 * @param {number} held
 */
function differenceCell(line, step, held) {
  const [loss, before] = [step, held].map((at) => (line[at] || [])[0]);
  const known = loss !== undefined && before !== undefined;
  return element(
    "td",
    {
      "data-value": known ? loss - before : "",
      title: `less step ${held.toLocaleString("en")}`,
    },
    known ? `${loss > before ? "+" : ""}${number(loss - before, 2)}` : "–",
  );
}

/**
 * @param {string} name
 * @param {string} words
 * @param {Consolidation} data
 * @param {number} step
 * @param {number | null} held
 */
function transitionRow(name, words, data, step, held) {
  const cells = data.runs.flatMap((_, place) => {
    const line = data.loss[place][name] || {};
    const made = lossCells(line, step);
    return held === null ? made : [...made, differenceCell(line, step, held)];
  });
  return element("tr", {}, element("th", { scope: "row" }, words), ...cells);
}

/**
 * @param {Consolidation} data
 * @param {number} step
 */
function stageLines(data, step) {
  return data.runs.flatMap((run, place) => {
    const stage = data.stages[place][step];
    const name = element("b", {}, `${run.title}: `);
    return stage ? [element("p", { class: "fs-small" }, name, stage.words)] : [];
  });
}

/**
 * Rows of transitions, columns of runs: loss, its interval on hover, share; the difference to the
 * held step.
 *
 * @param {Consolidation} data
 * @param {number} step
 * @param {number | null} held
 */
export function drawTable(data, step, held) {
  const rows = Object.entries(TRANSITIONS).map(([name, words]) =>
    transitionRow(name, words, data, step, held),
  );
  const table = element(
    "table",
    { class: "fs-table" },
    element("thead", {}, headRow(data, held)),
    element("tbody", {}, ...rows),
  );
  const scrolled = element("div", { class: "fs-scroll-x", tabindex: "0" }, table);
  part("here").replaceChildren(scrolled, ...stageLines(data, step));
}
