/* Where the columns of the firing matrix lie, and its colours. */

import { contextOf } from "../../shared/canvas.js";
import { visible } from "../../shared/tokens/words.js";

/** @import { Column, Geometry } from "./types.js" */
/** @import { Colours } from "../../shared/types.js" */

const MIN_COLUMN = 28;

const MAX_COLUMN = 132;

const MAX_SPREAD = 36;

/** @type {CanvasRenderingContext2D | null} */
let ruler = null;

/**
 * @param {string} text
 * @param {string} font
 */
function textWidth(text, font) {
  ruler = ruler || contextOf(document.createElement("canvas"));
  ruler.font = font;
  return ruler.measureText(text).width;
}

/**
 * Names of CSS variables -> the colours that hold now.
 *
 * @returns {Colours}
 */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const read = (name) => style.getPropertyValue("--fs-" + name).trim();
  return {
    ink: read("ink"),
    muted: read("muted"),
    line: read("line"),
    panel: read("panel"),
    sunken: read("sunken"),
    first: read("new"),
    reactivated: read("reactivated"),
    carried: read("carried"),
    special: read("special"),
    functionWash: read("function-wash"),
    washed: read("reactivated-wash"),
    focus: read("focus"),
    mono: read("mono"),
    sans: read("sans"),
  };
}

/**
 * x of every column edge (after the labels), and the heights, in CSS pixels. Short prompts are
 * spread over the `room` there is.
 *
 * @param {Column[]} columns
 * @param {number} nLanes
 * @param {number} label
 * @param {number} room
 * @returns {Geometry}
 */
export function layOut(columns, nLanes, label, room) {
  const mono =
    getComputedStyle(document.documentElement).getPropertyValue("--fs-mono").trim() || "monospace";
  const widths = columns.map((column) => {
    const texts = column.tokens.map((token) =>
      token ? textWidth(visible(token.text), "13px " + mono) : 0,
    );
    return Math.round(Math.min(MAX_COLUMN, Math.max(MIN_COLUMN, 16 + Math.max(...texts))));
  });
  const spare = room - label - 14 - widths.reduce((sum, width) => sum + width, 0);
  const each = Math.max(0, Math.min(MAX_SPREAD, Math.floor(spare / Math.max(1, columns.length))));
  const x = new Float64Array(columns.length + 1);
  x[0] = label;
  widths.forEach((width, index) => (x[index + 1] = x[index] + width + each));
  const lane = nLanes > 1 ? 15 : 22;
  return {
    x,
    label,
    lane,
    row: nLanes * lane + (nLanes > 1 ? 4 : 0),
    width: x[columns.length] + 12,
    nLanes,
  };
}

/**
 * Column at content x (labels excluded): binary search; null outside.
 *
 * @param {Geometry} geometry
 * @param {number} x
 */
export function columnUnder(geometry, x) {
  const edges = geometry.x;
  if (x < edges[0] || x >= edges[edges.length - 1]) return null;
  let low = 0;
  let high = edges.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= x) low = middle;
    else high = middle;
  }
  return low;
}
