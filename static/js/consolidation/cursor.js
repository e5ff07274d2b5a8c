/* Consolidation: one checkpoint cursor over every panel; nothing here asks the server.
 *
 * What the figures are of: Consolidation in types.d.ts. */

import { around } from "../shared/events.js";
import { writeSettings } from "../shared/controls.js";
import { noUpdate, tell } from "../shared/dash.js";
import { nearest } from "./controls.js";
import { drawCoverage, drawLines, drawReadout, drawSentences, drawStages } from "./drawn.js";
import { byId } from "./elements.js";
import { playing, stop } from "./play.js";
import { brushed } from "./range.js";
import { drawTable } from "./table.js";

/** @import { Consolidation } from "./types.js" */
/** @import { Declared, Values } from "../shared/types.js" */

/** @type {HTMLElement | null} */
// the cursor that stands where the address asked: another visit of the page has another
let begun = null;

/** @type {Parameters<typeof writeAddress> | null} */
let written = null; // what the address was last written from

/** @type {{ data: Consolidation, step: number, held: number | null } | null} */
// the last data, step and comparison drawn: a plot that is redrawn gets its cursor back
let shown = null;

/**
 * @param {Consolidation | null} data
 * @param {number} value
 * @param {{ step?: string } | null} asked
 * @returns {unknown[]}
 */
export function begin(data, value, asked) {
  if (!data) return [noUpdate(), noUpdate()];
  const last = data.steps.length - 1;
  drawStages(data);
  if (begun === byId("cursor")) return [last, Math.min(value, last)];
  begun = byId("cursor");
  const wanted = asked && asked.step !== undefined && asked.step !== "" ? Number(asked.step) : NaN;
  return [last, Number.isFinite(wanted) ? nearest(data.steps, wanted) : last];
}

/**
 * @param {Consolidation} data
 * @param {number} step
 * @param {number | null} held
 * @param {string | null} run
 * @param {string | null} sentence
 * @param {Values | null} state
 * @param {Declared} declared
 */
function writeAddress(data, step, held, run, sentence, state, declared) {
  written = [data, step, held, run, sentence, state, declared];
  const [from, to] = brushed.steps || [null, null];
  const at = step === data.steps.at(-1) ? null : step;
  const [ofRun, ofSentence] = [run, sentence].map((place) => (place === "0" ? null : place));
  writeSettings(state || {}, at, held, data.group, from, to, ofRun, ofSentence, declared);
}

/**
 * @param {number | string | null} index
 * @param {unknown} held
 * @param {Consolidation | null} data
 * @param {string | null} run
 * @param {string | null} sentence
 * @param {Values | null} state
 * @param {Declared} declared
 * @returns {unknown}
 */
export function draw(index, held, data, run, sentence, state, declared) {
  if (!data || index === undefined || index === null) return noUpdate();
  const began = performance.now();
  const step = data.steps[Math.min(Number(index), data.steps.length - 1)];
  const against =
    data.steps.includes(Number(held)) && held !== null && held !== "" ? Number(held) : null;
  shown = { data, step, held: against };
  drawLines(data, step, against);
  drawTable(data, step, against);
  drawReadout(data, step, against);
  drawSentences(data, step, run);
  drawCoverage(step);
  writeAddress(data, step, against, run, sentence, state, declared);
  return { step, held: against, ms: performance.now() - began };
}

/**
 * The table of predictions or the coverage figure is there, or another sentence or run was chosen.
 *
 * @param {unknown} _table
 * @param {string | null} run
 * @param {string | null} sentence
 * @param {unknown} _figure
 * @param {Values | null} state
 * @param {Declared} declared
 */
export function mark(_table, run, sentence, _figure, state, declared) {
  if (shown && byId("cursor")) {
    const { data, step, held } = shown;
    window.requestAnimationFrame(() => drawSentences(data, step, run));
    window.setTimeout(() => {
      if (shown) drawCoverage(shown.step);
      redraw();
    }, 150); // once Plotly has drawn it
    writeAddress(data, step, held, run, sentence, state, declared);
  }
  return noUpdate();
}

export function redraw() {
  window.requestAnimationFrame(() => {
    if (shown) drawLines(shown.data, shown.step, shown.held);
  });
}

/* A row of the predictions moves the cursor; plots that are drawn anew or resized get their lines
 * back. */
document.addEventListener("click", (event) => {
  const row = around(event, ".fs-predictions tr[data-step]");
  if (row && shown) {
    tell("consolidation-cursor", { value: nearest(shown.data.steps, Number(row.dataset.step)) });
  }
});

window.addEventListener("resize", () => window.setTimeout(redraw, 250));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && playing()) stop();
});

export const shownData = () => (shown && begun === byId("cursor") ? shown.data : null);

export const writeAgain = () => written && writeAddress(...written);

/**
 * The controls' state into the address, before the server has said anything to it.
 *
 * @param {Values | null} state
 * @returns {unknown}
 */
export function chosen(state) {
  if (state && written && shownData()) {
    const [data, step, held, run, sentence, , declared] = written;
    writeAddress(data, step, held, run, sentence, state, declared);
  }
  return noUpdate();
}
