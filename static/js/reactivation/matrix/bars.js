/* At each position the split of its firings, beside the same split in shuffled prompts; with two
 * prompts, what differs. */

import { h } from "../../shared/hooks/react.js";

/** @import { Baselines, Column, Geometry, Model, Prompt } from "./types.js" */
/** @import { Drawn } from "../../shared/hooks/types.js" */
/** @import { ShuffledSplit, Split } from "../../shared/types.js" */

const BAR = 38;

export const DIFFERENCE = 34;

/**
 * @param {Omit<Split, "firing">} counts
 * @returns {[string, number][]}
 */
const stack = (counts) => [
  ["carried", counts.carried],
  ["reactivated", counts.reactivated - counts.carried],
  ["new", counts.new],
];

/**
 * @param {Omit<Split, "firing">} counts
 * @param {string} key
 * @param {string} className
 * @param {number} x
 * @param {number} width
 * @param {number} highest
 */
function stackedBar(counts, key, className, x, width, highest) {
  let y = BAR;
  return stack(counts).map(([name, count]) => {
    const height = (count / highest) * (BAR - 4);
    y -= height;
    return count > 0
      ? h("rect", {
          key: key + name,
          className: `${className} fs-bar--${name}`,
          x,
          y,
          width,
          height,
        })
      : null;
  });
}

/** @param {ShuffledSplit} row */
const means = (row) => ({
  carried: row.carried.mean,
  reactivated: row.reactivated.mean,
  new: row.new.mean,
});

/**
 * @param {ShuffledSplit} row
 * @param {number} key
 * @param {number} x
 * @param {number} highest
 */
function whisker(row, key, x, highest) {
  /** @param {number} value */
  const at = (value) => BAR - (value / highest) * (BAR - 4);
  const [low, high] = row.reactivated.interval;
  return h("path", {
    key: key + "w",
    className: "fs-bar-whisker",
    d: `M${x - 2.5} ${at(low)}h5M${x} ${at(low)}V${at(high)}M${x - 2.5} ${at(high)}h5`,
  });
}

/**
 * @param {Prompt} prompt
 * @param {Record<number, ShuffledSplit> | null} baseline
 * @param {number} lane
 * @param {Column[]} columns
 * @param {Geometry} geometry
 * @param {number} highest
 */
export function bars(prompt, baseline, lane, columns, geometry, highest) {
  /** @type {Drawn[]} */
  const drawn = [];
  columns.forEach((column, index) => {
    const position = column.at[lane];
    const split = position === null ? null : prompt.splits[position];
    if (position === null || !split) return;
    const room = geometry.x[index + 1] - geometry.x[index];
    const row = baseline ? baseline[position] : null;
    const [own, gap, other] = row
      ? [Math.min(12, room * 0.36), 2, Math.min(7, room * 0.22)]
      : [Math.min(16, room - 10), 0, 0];
    const x = (geometry.x[index] + geometry.x[index + 1] - own - gap - other) / 2;
    drawn.push(stackedBar(split, index + "o", "fs-fm-bar", x, own, highest));
    if (row) {
      drawn.push(
        stackedBar(means(row), index + "s", "fs-fm-bar is-shuffled", x + own + gap, other, highest),
      );
      drawn.push(whisker(row, index, x + own + gap + other / 2, highest));
    }
  });
  return h(
    "svg",
    { className: "fs-fm-bars", width: geometry.width, height: BAR, "aria-hidden": true },
    drawn,
  );
}

/**
 * Up: features only in A; down: only in B; one scale for both.
 *
 * @param {Model} model
 * @param {Geometry} geometry
 */
export function differenceBars(model, geometry) {
  const { differences, columns } = model;
  const most = Math.max(1, ...differences.A, ...differences.B);
  const middle = DIFFERENCE / 2;
  const drawn = columns.map((_, index) => {
    const width = Math.min(16, geometry.x[index + 1] - geometry.x[index] - 10);
    const x = (geometry.x[index] + geometry.x[index + 1] - width) / 2;
    const [up, down] = [differences.A[index], differences.B[index]].map(
      (n) => (n / most) * (middle - 3),
    );
    return [
      up
        ? h("rect", {
            key: index + "a",
            className: "fs-lane-A",
            x,
            y: middle - 1 - up,
            width,
            height: up,
          })
        : null,
      down
        ? h("rect", {
            key: index + "b",
            className: "fs-lane-B",
            x,
            y: middle + 1,
            width,
            height: down,
          })
        : null,
    ];
  });
  return h(
    "div",
    { className: "fs-fm-difference", style: { height: DIFFERENCE } },
    h(
      "div",
      { className: "fs-fm-corner", style: { width: geometry.label } },
      h(
        "span",
        { title: "features that fire at the aligned position in one prompt only" },
        `only in A ↑  only in B ↓, up to ${most}`,
      ),
    ),
    h(
      "svg",
      { className: "fs-fm-bars", width: geometry.width, height: DIFFERENCE, "aria-hidden": true },
      h("line", {
        className: "fs-bar-axis",
        x1: geometry.label,
        x2: geometry.x[columns.length],
        y1: middle,
        y2: middle,
      }),
      drawn,
    ),
  );
}

/**
 * @param {Model} model
 * @param {Baselines} baselines
 */
export function highestBar(model, baselines) {
  const counts = model.prompts.map((prompt) =>
    Math.max(0, ...Object.values(prompt.splits).map((s) => s.firing)),
  );
  const shuffled = (baselines || []).map((rows) =>
    Math.max(0, ...Object.values(rows || {}).map((r) => r.firing.mean)),
  );
  return Math.max(1, ...counts, ...shuffled);
}
