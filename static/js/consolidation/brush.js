/* Consolidation: a range of steps brushed on one plot is laid on the other two and stands in the
 * address. */

import { noUpdate } from "../shared/dash.js";
import { redraw, shownData, writeAgain } from "./cursor.js";
import { GRAPHS, plotOf } from "./elements.js";
import { brushed } from "./range.js";

/** @import { Consolidation } from "./types.js" */
/** @import { Interval } from "../shared/types.js" */

const LAID_MS = 150; // until Plotly has drawn a figure, on a machine with nothing else to do

const TRIES = 24;

let timer = 0;

/** @type {HTMLElement | null} */
// the panels that the range belongs to: another visit of the page begins with its own address
let seen = null;

/** @param {Consolidation} data */
const lastStep = (data) => Math.max(...data.runs.map((run) => run.last));

/**
 * A place on the axis -> the step there, and back; on a logarithmic axis Plotly's places are
 * exponents.
 *
 * @param {number} place
 * @param {Consolidation} data
 */
function stepAt(place, data) {
  const step =
    data.axis === "log" ? 10 ** place : data.axis === "share" ? place * lastStep(data) : place;
  return Number(Math.max(0, step).toPrecision(5));
}

/**
 * @param {number} step
 * @param {Consolidation} data
 */
function placeAt(step, data) {
  if (data.axis === "share") return step / lastStep(data);
  return data.axis === "log" ? Math.log10(Math.max(step, 1e-6)) : step;
}

/**
 * @param {{ from?: string, to?: string } | null | undefined} asked
 * @returns {Interval | null}
 */
function read(asked) {
  const [low, high] = [asked?.from, asked?.to].map((text) =>
    text === undefined || text === "" ? NaN : Number(text),
  );
  return low >= 0 && high > low ? [low, high] : null;
}

/**
 * Lays the range on every plot but `source`; without a range, all is shown.
 *
 * @param {string | null | undefined} source
 */
function lay(source) {
  const data = shownData();
  for (const name of GRAPHS.filter((one) => one !== source)) {
    const plot = plotOf(name);
    if (!data || !plot || !plot._fullLayout || !plot._fullLayout.xaxis) continue;
    const now = plot._fullLayout.xaxis.range;
    const range = brushed.steps && brushed.steps.map((step) => placeAt(step, data));
    if (range && range.every((end, i) => Math.abs(end - now[i]) < 1e-6)) continue;
    window.Plotly.relayout(plot, range ? { "xaxis.range": range } : { "xaxis.autorange": true });
  }
  redraw();
}

/**
 * Again and again for some seconds: the data come when they come, and so do the plots.
 *
 * @param {number} tries
 */
function settle(tries) {
  if (!brushed.steps || !seen?.isConnected) return;
  if (shownData()) lay(null);
  if (tries) timer = window.setTimeout(() => settle(tries - 1), LAID_MS);
}

/**
 * A figure is drawn anew: it gets the cursor's line, and the range, at first that of the address.
 *
 * @param {unknown} _loss
 * @param {unknown} _features
 * @param {unknown} _degree
 * @param {{ from?: string, to?: string } | null} asked
 */
export function ranged(_loss, _features, _degree, asked) {
  const panels = document.getElementById("consolidation-panels");
  if (panels !== seen) [seen, brushed.steps] = [panels, read(asked)];
  window.clearTimeout(timer);
  timer = window.setTimeout(() => settle(TRIES), LAID_MS);
  window.setTimeout(redraw, LAID_MS); // other numbers make another margin
  return noUpdate();
}

/**
 * A range that holds every checkpoint is none; double click shows all again.
 *
 * @param {...any} layouts
 */
export function brush(...layouts) {
  const changed = window.dash_clientside.callback_context.triggered[0]?.prop_id ?? "";
  const source = GRAPHS.find((name) => changed.startsWith(`consolidation-${name}.`));
  const layout = layouts[GRAPHS.indexOf(source ?? "")] || {};
  const data = shownData();
  const ends = ["xaxis", "xaxis2"]
    .map((axis) => [layout[`${axis}.range[0]`], layout[`${axis}.range[1]`]])
    .find(([low]) => low !== undefined);
  if (source && data && (ends || layout["xaxis.autorange"] || layout["xaxis2.autorange"])) {
    const [low, high] = (ends ?? []).map((place) => stepAt(place, data));
    brushed.steps = ends && (low > 0.5 || high < lastStep(data)) ? [low, high] : null;
    lay(source);
    writeAgain();
  }
  redraw();
  return noUpdate();
}
