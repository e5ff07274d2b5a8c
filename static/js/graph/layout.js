/* The bipartite graph in two columns: where blocks and ribbons lie, what is under the pointer, what it is in
 * words. Pure functions of the answer of GET /api/graph. */

import { visible } from "../shared/tokens/words.js";

const GAP = 3;

const LEAST = 14; // of a block: a line of text must fit

const SPREAD = 380; // what is shared out by weight

export const count = (n) => Number(n).toLocaleString("en-US");

const many = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;

const range = (a, b) => (a === b ? count(a) : `${count(a)}–${count(b)}`);

/** The height that the larger side needs, in CSS pixels. */
export const height = (view) =>
  Math.max(view.token_blocks.length, view.feature_blocks.length, 12) * (LEAST + GAP) + SPREAD;

/** What a block's height shows: its edges on the token side, its features on the other. */
export const tokenWeight = (block) => block.n_edges;

export const featureWeight = (block) => block.order_last - block.order_first + 1;

/** Blocks of one side as {y, h}: at least LEAST each, the rest shared out by weight; they fill `height`. */
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

/** Every cell as a ribbon {left: [top, bottom], right: [top, bottom], first: share}, stacked in both blocks
 *  in the order of the other side, so that ribbons of one block never lie over each other at its edge. */
export function ribbons(view, left, right) {
  const cells = view.cells;
  const used = { left: left.map(() => 0), right: right.map(() => 0) };
  const made = cells.n_edges.map((n, k) => ({
    k,
    token: cells.token_block[k],
    feature: cells.feature_block[k],
    n,
    first: cells.n_first ? cells.n_first[k] / n : 0,
  }));
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

/** How far along its way down a ribbon is at x in 0..1: the y of a cubic whose handles lie in the middle. */
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

/** The thinnest ribbon at (x in 0..1, y), or null. */
export function ribbonAt(ribbons, x, y) {
  const down = ease(x);
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

// ---- words -----------------------------------------------------------------------------------------------

export const tokenClass = (view, block) =>
  block.rank_last <= view.n_function ? "function" : "content";

/** Whether function tokens are the first to reach these features, content tokens are, or each some. */
export const reachedBy = (view, block) =>
  block.first_rank_high <= view.n_function
    ? "function"
    : block.first_rank_low > view.n_function
      ? "content"
      : "both";

export const isToken = (block) => block.rank_first === block.rank_last;

export const isFeature = (block) => block.order_first === block.order_last;

const named = (block) =>
  block.tokens.map((token) => visible(token.text)).join(" ") +
  (block.rank_last - block.rank_first >= block.tokens.length ? " …" : "");

export const tokenName = (block) => named(block);

export const tokenPlace = (block) => range(block.rank_first, block.rank_last);

export function featureName(block) {
  if (isFeature(block)) return `feature ${block.feature_index}`;
  return many(block.order_last - block.order_first + 1, "feature");
}

export const featurePlace = (block) =>
  `first by ${range(block.first_rank_low, block.first_rank_high)}`;

const tokenWords = (block) =>
  isToken(block)
    ? `The token ${named(block)} of rank ${count(block.rank_first)}`
    : `The ${many(block.rank_last - block.rank_first + 1, "token")} of ranks ${tokenPlace(block)} (${named(block)})`;

const featureWords = function (block) {
  const reached =
    block.first_rank_low === block.first_rank_high
      ? `the token of rank ${count(block.first_rank_low)}`
      : `tokens of ranks ${range(block.first_rank_low, block.first_rank_high)}`;
  return isFeature(block)
    ? `Feature ${block.feature_index}, first reached by ${reached},`
    : `${many(block.order_last - block.order_first + 1, "feature")} that ${reached} ${block.first_rank_low === block.first_rank_high ? "is" : "are"} the first to reach`;
};

const times = (n) => (n === 1 ? "once" : `${count(n)} times`);

const firings = (n) => `firing ${times(n)}`;

function firstOf(view, side, index) {
  const cells = view.cells;
  if (!cells.n_first) return null;
  return cells.n_first.reduce((sum, n, k) => sum + (cells[side][k] === index ? n : 0), 0);
}

/** One sentence on what is pointed at: {token: i}, {feature: j} or {ribbon}. */
export function words(view, at) {
  if (!at) return "";
  const token = at.ribbon ? view.token_blocks[at.ribbon.token] : view.token_blocks[at.token];
  const feature = at.ribbon
    ? view.feature_blocks[at.ribbon.feature]
    : view.feature_blocks[at.feature];
  if (at.ribbon) {
    const k = at.ribbon.k;
    const n = view.cells.n_edges[k];
    const first = view.cells.n_first ? view.cells.n_first[k] : null;
    if (isToken(token) && isFeature(feature)) {
      return (
        `${named(token)} fires feature ${feature.feature_index} ${times(view.cells.n_firings[k])}` +
        (first ? "; no more frequent token does." : ".")
      );
    }
    const features = featureWords(feature).replace(/,$/, "");
    return (
      `${tokenWords(token)} and ${features.replace(/^Feature/, "feature")}: ${many(n, "edge")}, ${firings(view.cells.n_firings[k])}` +
      (first === null
        ? "."
        : `; ${first ? count(first) : "none"} of them ${first === 1 ? "is its" : "are their"} feature's first.`)
    );
  }
  if (token) {
    const first = firstOf(view, "token_block", at.token);
    return (
      `${tokenWords(token)}: ${many(token.n_edges, "edge")} to the features in view, ${firings(token.n_firings)}` +
      (first === null ? "." : `; ${first ? many(first, "feature") : "no feature"} reached first.`)
    );
  }
  return `${featureWords(feature).replace(/,$/, "")}: ${many(feature.n_edges, "edge")} from the tokens in view, ${firings(feature.n_firings)}.`;
}

// ---- the way down ----------------------------------------------------------------------------------------

/** "3-4,1-458": ranks and orders of a step. */
export const step = (r, f) => `${r[0]}-${r[1]},${f[0]}-${f[1]}`;

export const ranges = (view) => {
  const e = view.effective;
  return { ranks: [e.rank_first, e.rank_last], orders: [e.order_first, e.order_last] };
};

/** The step that splits what is pointed at, or null where the view is that already. */
export function split(view, at) {
  const { ranks, orders } = ranges(view);
  const token = at.ribbon ? view.token_blocks[at.ribbon.token] : view.token_blocks[at.token];
  const feature = at.ribbon
    ? view.feature_blocks[at.ribbon.feature]
    : view.feature_blocks[at.feature];
  const next = step(
    token ? [token.rank_first, token.rank_last] : ranks,
    feature ? [feature.order_first, feature.order_last] : orders,
  );
  return next === step(ranks, orders) ? null : next;
}

/** The block nearest to a place on the other side. */
export function nearest(column, y) {
  let best = 0;
  column.forEach((place, index) => {
    if (Math.abs(place.y + place.h / 2 - y) < Math.abs(column[best].y + column[best].h / 2 - y))
      best = index;
  });
  return best;
}
