/* Consolidation: a range of steps brushed on one plot is laid on the other two and stands in the address. */

import { noUpdate } from "../shared/dash.js";
import { redraw, shownData, writeAgain } from "./cursor.js";
import { GRAPHS, plotOf } from "./elements.js";
import { brushed } from "./range.js";

const LAID_MS = 150; // until Plotly has drawn a figure, on a machine with nothing else to do

const TRIES = 24;

let timer = 0;

let seen = null; // the panels that the range belongs to: another visit of the page begins with its own address

const lastStep = (data) => Math.max(...data.runs.map((run) => run.last));

/** A place on the axis -> the step there, and back; on a logarithmic axis Plotly's places are exponents. */
function stepAt(place, data) {
  const step =
    data.axis === "log" ? 10 ** place : data.axis === "share" ? place * lastStep(data) : place;
  return Number(Math.max(0, step).toPrecision(5));
}

function placeAt(step, data) {
  if (data.axis === "share") return step / lastStep(data);
  return data.axis === "log" ? Math.log10(Math.max(step, 1e-6)) : step;
}

function read(asked) {
  const ends = [asked && asked.from, asked && asked.to].map((text) =>
    text === undefined || text === "" ? NaN : Number(text),
  );
  return ends[0] >= 0 && ends[1] > ends[0] ? ends : null;
}

/** Lays the range on every plot but `source`; without a range, all is shown. */
function lay(source) {
  const data = shownData();
  for (const name of GRAPHS.filter((one) => one !== source)) {
    const plot = plotOf(name);
    if (!data || !plot || !plot._fullLayout || !plot._fullLayout.xaxis) continue;
    const range = brushed.steps && brushed.steps.map((step) => placeAt(step, data));
    if (range && range.every((end, i) => Math.abs(end - plot._fullLayout.xaxis.range[i]) < 1e-6))
      continue;
    window.Plotly.relayout(plot, range ? { "xaxis.range": range } : { "xaxis.autorange": true });
  }
  redraw();
}

/** Again and again for some seconds: the data come when they come, and so do the plots. */
function settle(tries) {
  if (!brushed.steps || !seen.isConnected) return;
  if (shownData()) lay(null);
  if (tries) timer = window.setTimeout(() => settle(tries - 1), LAID_MS);
}

/** A figure is drawn anew: it gets the range, at first that of the address. */
export function ranged(_loss, _features, _degree, asked) {
  const panels = document.getElementById("consolidation-panels");
  if (panels !== seen) [seen, brushed.steps] = [panels, read(asked)];
  window.clearTimeout(timer);
  timer = window.setTimeout(() => settle(TRIES), LAID_MS);
  return noUpdate();
}

/** A range that holds every checkpoint is none; double click shows all again. */
export function brush(...layouts) {
  const changed = (window.dash_clientside.callback_context.triggered[0] || {}).prop_id || "";
  const source = GRAPHS.find((name) => changed.startsWith(`consolidation-${name}.`));
  const layout = layouts[GRAPHS.indexOf(source)] || {};
  const data = shownData();
  const ends = ["xaxis", "xaxis2"]
    .map((axis) => [layout[`${axis}.range[0]`], layout[`${axis}.range[1]`]])
    .find(([low]) => low !== undefined);
  if (source && data && (ends || layout["xaxis.autorange"] || layout["xaxis2.autorange"])) {
    const steps = ends && ends.map((place) => stepAt(place, data));
    brushed.steps = steps && (steps[0] > 0.5 || steps[1] < lastStep(data)) ? steps : null;
    lay(source);
    writeAgain();
  }
  redraw();
  return noUpdate();
}
