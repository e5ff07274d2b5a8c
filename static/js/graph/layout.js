/* The bipartite graph in two columns: where blocks and ribbons lie, what is under the pointer, and
 * the way down. Pure functions of the answer of GET /api/graph. */

/** @import { FeatureBlock, GraphView, Lying, Pointed, Ribbon, TokenBlock } from "./types.js" */
/** @import { Interval } from "../shared/types.js" */

const GAP = 3;

const LEAST = 14; // of a block: a line of text must fit

const SPREAD = 380; // what is shared out by weight

/**
 * The height that the larger side needs, in CSS pixels.
 *
 * @param {GraphView} view
 */
export const height = (view) =>
  Math.max(view.token_blocks.length, view.feature_blocks.length, 12) * (LEAST + GAP) + SPREAD;

/**
 * What a block's height shows: its edges on the token side, its features on the other.
 *
 * @param {TokenBlock} block
 */
export const tokenWeight = (block) => block.n_edges;

/** @param {FeatureBlock} block */
export const featureWeight = (block) => block.order_last - block.order_first + 1;

/**
 * Blocks of one side as {y, h}: at least LEAST each, the rest shared out by weight; they fill
 * `height`.
 *
 * @template B
 * @param {B[]} blocks
 * @param {number} height
 * @param {(block: B) => number} weight
 * @returns {Lying[]}
 */
export function column(blocks, height, weight) {
  const total = blocks.reduce((sum, block) => sum + weight(block), 0);
  const free = height - blocks.length * (LEAST + GAP) + GAP;
  let y = 0;
  return blocks.map((block) => {
    const h = LEAST + (total ? (free * weight(block)) / total : free / blocks.length);
    const place = { y, h };
    y += h + GAP;
    return place;
  });
}

/**
 * Every cell as a ribbon {left: [top, bottom], right: [top, bottom], first: share}, stacked in both
 * blocks in the order of the other side, so that ribbons of one block never lie over each other at
 * its edge.
 *
 * @param {GraphView} view
 * @param {Lying[]} left
 * @param {Lying[]} right
 * @returns {Ribbon[]}
 */
export function ribbons(view, left, right) {
  const cells = view.cells;
  /** @type {Record<"left" | "right", number[]>} */
  const used = { left: left.map(() => 0), right: right.map(() => 0) };
  /** @type {Ribbon[]} */
  const made = cells.n_edges.map((n, k) => ({
    k,
    token: cells.token_block[k],
    left: /** @type {Interval} */ ([0, 0]),
    right: /** @type {Interval} */ ([0, 0]),
    feature: cells.feature_block[k],
    n,
    first: cells.n_first ? cells.n_first[k] / n : 0,
  }));
  /**
   * @param {"left" | "right"} side
   * @param {Lying[]} columns
   * @param {{ n_edges: number }[]} blocks
   * @param {number} index
   * @param {number} n
   * @returns {Interval}
   */
  const take = (side, columns, blocks, index, n) => {
    const place = columns[index];
    const from = place.y + (used[side][index] / blocks[index].n_edges) * place.h;
    used[side][index] += n;
    return [from, place.y + (used[side][index] / blocks[index].n_edges) * place.h];
  };
  made.forEach((it) => (it.left = take("left", left, view.token_blocks, it.token, it.n)));
  [...made]
    .sort((a, b) => a.feature - b.feature || a.token - b.token)
    .forEach((it) => (it.right = take("right", right, view.feature_blocks, it.feature, it.n)));
  return made;
}

/**
 * How far along its way down a ribbon is at x in 0..1: the y of a cubic whose handles lie in the
 * middle.
 *
 * @param {number} x
 */
export function ease(x) {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 24; i += 1) {
    const t = (low + high) / 2;
    const at = 1.5 * (1 - t) * t + t * t * t;
    if (at < x) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return t * t * (3 - 2 * t);
}

/**
 * The thinnest ribbon at (x in 0..1, y), or null.
 *
 * @param {Ribbon[]} ribbons
 * @param {number} x
 * @param {number} y
 * @returns {Ribbon | null}
 */
export function ribbonAt(ribbons, x, y) {
  const down = ease(x);
  /** @type {Ribbon | null} */
  let best = null;
  let thin = Infinity;
  ribbons.forEach((it) => {
    const top = it.left[0] + (it.right[0] - it.left[0]) * down;
    const bottom = it.left[1] + (it.right[1] - it.left[1]) * down;
    const reach = Math.max(0, 2 - (bottom - top)) / 2; // a hair is easier to meet than it is wide
    if (y >= top - reach && y <= bottom + reach && bottom - top < thin) {
      best = it;
      thin = bottom - top;
    }
  });
  return best;
}

/**
 * The blocks that are pointed at: one, or both ends of a ribbon.
 *
 * @param {GraphView} view
 * @param {Pointed} at
 */
export function blocksAt(view, at) {
  const token = at.ribbon ? at.ribbon.token : at.token;
  const feature = at.ribbon ? at.ribbon.feature : at.feature;
  return {
    token: token === undefined ? undefined : view.token_blocks[token],
    feature: feature === undefined ? undefined : view.feature_blocks[feature],
  };
}

/**
 * "3-4,1-458": ranks and orders of a step.
 *
 * @param {number[]} r
 * @param {number[]} f
 */
export const step = (r, f) => `${r[0]}-${r[1]},${f[0]}-${f[1]}`;

/** @param {GraphView} view */
export const ranges = (view) => {
  const e = view.effective;
  return { ranks: [e.rank_first, e.rank_last], orders: [e.order_first, e.order_last] };
};

/**
 * The step that splits what is pointed at, or null where the view is that already.
 *
 * @param {GraphView} view
 * @param {Pointed} at
 */
export function split(view, at) {
  const { ranks, orders } = ranges(view);
  const { token, feature } = blocksAt(view, at);
  const next = step(
    token ? [token.rank_first, token.rank_last] : ranks,
    feature ? [feature.order_first, feature.order_last] : orders,
  );
  return next === step(ranks, orders) ? null : next;
}

/**
 * The block nearest to a place on the other side.
 *
 * @param {Lying[]} column
 * @param {number} y
 */
export function nearest(column, y) {
  let best = 0;
  column.forEach((place, index) => {
    if (Math.abs(place.y + place.h / 2 - y) < Math.abs(column[best].y + column[best].h / 2 - y))
      best = index;
  });
  return best;
}
