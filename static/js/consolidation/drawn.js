/* What follows the cursor: the lines over the plots, the stages, the readout, the sentences, the
 * coverage curves. */

import { nearest } from "./controls.js";
import { GRAPHS, byId, element, part, plotOf } from "./elements.js";

/** @import { Consolidation } from "./types.js" */

const ZERO = 0.5; // where step 0 stands on a logarithmic axis: app/figures/consolidation.py

/**
 * One strip of stages per run, a cell per checkpoint.
 *
 * @param {Consolidation} data
 */
export function drawStages(data) {
  const box = byId("stages");
  if (!box) return;
  box.replaceChildren(
    ...data.runs.map((run, place) => {
      const cells = data.steps.map((step) => {
        const stage = data.stages[place][step];
        const words = stage
          ? `${run.title}, step ${step.toLocaleString("en")}: ${stage.words}`
          : "";
        return element("span", {
          class: `fs-stage fs-stage--${stage ? stage.stage : "none"}`,
          title: words,
        });
      });
      return element("div", { class: "fs-stages__run" }, ...cells);
    }),
  );
}

/**
 * Where a step stands in a figure's own coordinates.
 *
 * @param {number} step
 * @param {Consolidation} data
 */
function placeOf(step, data) {
  if (data.axis === "share") return step / Math.max(...data.runs.map((run) => run.last));
  return data.axis === "log" ? Math.max(step, ZERO) : step;
}

/**
 * A line over each linked plot at a step; kind: cursor or held.
 *
 * @param {Consolidation} data
 * @param {number} step
 * @param {number | null} held
 */
export function drawLines(data, step, held) {
  for (const name of GRAPHS) {
    const plot = plotOf(name);
    const box = plot && plot.closest(".fs-cursored");
    if (!box || !plot._fullLayout || !plot._fullLayout.xaxis) continue;
    for (const [kind, at] of Object.entries({ cursor: step, held })) {
      /** @type {HTMLElement | null} */
      const there = box.querySelector(`.fs-cursor--${kind}`);
      const line = there ?? element("span", { class: `fs-cursor fs-cursor--${kind}` });
      if (!there) box.append(line);
      const axis = plot._fullLayout.xaxis;
      const pixel = at === null ? NaN : axis.d2p(placeOf(at, data));
      const inside = pixel >= -1 && pixel <= axis._length + 1;
      line.hidden = !inside;
      if (inside) line.style.transform = `translateX(${axis._offset + pixel}px)`;
    }
  }
}

/**
 * @param {Consolidation} data
 * @param {number} step
 * @param {number | null} held
 */
export function drawReadout(data, step, held) {
  const run = data.runs[0];
  const tokens =
    run && run.tokens_per_step
      ? ` · ${((step * run.tokens_per_step) / 1e6).toFixed(1)}M tokens`
      : "";
  const beside = held === null ? "" : ` · against step ${held.toLocaleString("en")}`;
  part("readout").textContent = `step ${step.toLocaleString("en")}${tokens}${beside}`;
  part("cursor").setAttribute("aria-valuetext", part("readout").textContent);
}

/**
 * Marks the step's row of the table, and scrolls to it.
 *
 * @param {HTMLElement} box
 * @param {number} step
 */
function markPrediction(box, step) {
  /** @type {NodeListOf<HTMLElement>} */
  const rows = box.querySelectorAll("tr[data-step]");
  for (const row of rows) {
    const is = Number(row.dataset.step) === step;
    row.classList.toggle("is-here", is);
    if (is) box.scrollTop = Math.max(0, row.offsetTop - box.clientHeight / 2);
  }
}

/**
 * @param {Consolidation} data
 * @param {number} step
 * @param {string | null} run
 */
export function drawSentences(data, step, run) {
  const box = byId("predictions");
  if (box) markPrediction(box, step);
  const list = byId("continuations");
  if (!list) return;
  list.replaceChildren(
    ...data.prompts.map((prompt) => {
      const text = prompt.continuations[`${run || 0}:${step}`];
      return element(
        "p",
        {},
        element("span", { class: "fs-muted" }, prompt.text),
        text === undefined ? " –" : ` ${text.replaceAll("\n", " ↵ ")}`,
      );
    }),
  );
}

/**
 * The coverage curve of the SAE nearest to the cursor strong, the others faint.
 *
 * @param {number} step
 */
export function drawCoverage(step) {
  const plot = plotOf("coverage");
  if (!plot || !plot.data || !window.Plotly) return;
  const steps = plot.data.flatMap(({ meta }) => (meta === undefined ? [] : [meta]));
  if (!steps.length) return;
  const at = steps[nearest(steps, step)];
  window.Plotly.restyle(plot, {
    opacity: plot.data.map((trace) => (trace.meta === at ? 1 : 0.25)),
    "line.width": plot.data.map((trace) => (trace.meta === at ? 2.6 : 1)),
  });
  part("coverage-step").textContent =
    `Features of the SAE trained on step ${at.toLocaleString("en")}, the checkpoint nearest ` +
    `to the cursor; faint: the others, darker later.`;
}
