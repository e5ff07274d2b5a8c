/* What a figure is saved as. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { figureRows } from "../../static/js/frame/pictures.js";

const figure = (/** @type {object[]} */ traces) => ({ _fullData: traces, layout: {} });
const LINE = {
  name: "layer 2",
  type: "scatter",
  x: [1, 10],
  y: [0.5, 0.75],
  customdata: ["a", "b"],
};
const HEAD = ["series", "x_axis", "x", "y_axis", "y", "detail_1"];

test("a line that is drawn at some of its points says at how many", () => {
  const thinned = { ...LINE, meta: { of: 8188 } };
  assert.deepEqual(figureRows(figure([thinned, { ...LINE, name: "all", meta: { of: 2 } }])), [
    [...HEAD, "thinned"],
    ["layer 2", "", 1, "", 0.5, "a", "2 of 8188 points"],
    ["layer 2", "", 10, "", 0.75, "b", "2 of 8188 points"],
    ["all", "", 1, "", 0.5, "a", ""],
    ["all", "", 10, "", 0.75, "b", ""],
  ]);
});

test("a whole line says nothing", () => {
  assert.deepEqual(figureRows(figure([LINE]))[0], HEAD);
});
