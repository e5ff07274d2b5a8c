/* Ribbons of the bipartite graph, worked by hand. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as graph from "../../static/js/graph/layout.js";
import { near } from "./steering_case.js";

/* Two token blocks, two feature blocks, three cells. */
const VIEW = {
  token_blocks: [{ n_edges: 3 }, { n_edges: 1 }],
  feature_blocks: [
    { n_edges: 2, order_first: 1, order_last: 9 },
    { n_edges: 2, order_first: 10, order_last: 10 },
  ],
  cells: {
    token_block: [0, 0, 1],
    feature_block: [0, 1, 1],
    n_edges: [2, 1, 1],
    n_first: [1, 0, 1],
  },
};
// 131 = two blocks of 14 at least, a gap of 3, and 100 shared out: 75 and 25 by edges, 90 and 10 by
// features
const LEFT = graph.column(VIEW.token_blocks, 131, graph.tokenWeight);
const RIGHT = graph.column(VIEW.feature_blocks, 131, graph.featureWeight);

test("blocks share the height by weight", () => {
  assert.deepEqual(LEFT, [
    { y: 0, h: 89 },
    { y: 92, h: 39 },
  ]);
  assert.deepEqual(RIGHT, [
    { y: 0, h: 104 },
    { y: 107, h: 24 },
  ]);
});

test("every block is filled, in order, without overlap", () => {
  const made = graph.ribbons(VIEW, LEFT, RIGHT);
  const third = (2 / 3) * 89;
  const wanted = [
    [[0, third], [0, 104], 0.5],
    [[third, 89], [107, 119], 0],
    [[92, 131], [119, 131], 1],
  ];
  made.forEach((ribbon, k) => {
    const [left, right, first] = wanted[k];
    assert.ok(ribbon.left.every((y, end) => near(y, left[end])));
    assert.ok(ribbon.right.every((y, end) => near(y, right[end])));
    assert.equal(ribbon.first, first);
  });
  const at = (x, y) => graph.ribbonAt(made, x, y)?.k ?? null;
  assert.deepEqual([at(0, 1), at(1, 130), at(0, 500)], [0, 2, null]);
});

test("a ribbon eases from side to side", () => {
  for (const x of [0, 0.5, 1]) assert.ok(Math.abs(graph.ease(x) - x) <= 1e-6);
});
