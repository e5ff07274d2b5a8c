/* The texts of the cell that is open. */

import { percent } from "../../shared/number.js";
import { h } from "../../shared/hooks/react.js";
import { visible } from "../../shared/tokens/words.js";
import { firstDivergence } from "../align.js";
import { cellWords } from "./map.js";
import { noReachOf } from "./plan.js";

/** @import { Interval, NextToken } from "../../shared/types.js" */
/** @import { Axes, Cell, SweepJob } from "./types.js" */

/**
 * @param {{ name: string, text: string, ids: number[], baseline?: number[], next: NextToken }}
 *   props
 */
function CellText({ name, text, ids, baseline, next }) {
  const parts = baseline ? firstDivergence(ids, baseline) : null;
  return h(
    "div",
    { className: "fs-arm" },
    h(
      "div",
      { className: "fs-arm-head" },
      h("b", null, name),
      h("span", null, `next ${visible(next.text)} ${percent(next.probability)}`),
    ),
    h(
      "p",
      { className: "fs-text" },
      text || h("i", { className: "fs-quiet" }, "(ended at once)"),
      baseline
        ? h(
            "small",
            { className: "fs-quiet" },
            parts === null ? "  the baseline's tokens" : `  parts at token ${parts + 1}`,
          )
        : null,
    ),
  );
}

/**
 * @param {{ job: SweepJob & { axes: Axes }, chosen: Interval | null, put: (cell: Cell) => void,
 *   measureName: string, lastLayer: boolean }} props
 */
export function Opened({ job, chosen, put, measureName, lastLayer }) {
  const cell = chosen && job.byPlace.get(chosen.join("."));
  if (!cell)
    return h(
      "p",
      { className: "fs-quiet fs-map-hint" },
      "A cell opens its texts; arrows walk the map.",
    );
  const words = cellWords(cell, job.axes.tokens, measureName, noReachOf(job, cell, lastLayer));
  return h(
    "div",
    { className: "fs-map-opened", id: "steer-sweep-opened" },
    h("p", { className: "fs-recipe" }, words),
    h(CellText, {
      name: "Baseline",
      text: job.axes.baseline.text,
      ids: job.axes.baseline.token_ids,
      next: job.axes.baseline.next_token,
    }),
    h(CellText, {
      name: "This cell",
      text: cell.text,
      ids: cell.token_ids,
      baseline: job.axes.baseline.token_ids,
      next: cell.next_token,
    }),
    h(
      "button",
      { type: "button", className: "fs-button fs-map-put", onClick: () => put(cell) },
      "Steer with this strength, there",
    ),
  );
}
