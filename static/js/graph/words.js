/* What is pointed at in the graph, in words. Pure functions of the answer of GET /api/graph. */

import { visible } from "../shared/tokens/words.js";
import { blocksAt } from "./layout.js";

/** @import { FeatureBlock, GraphView, Pointed, Ribbon, TokenBlock } from "./types.js" */

/** @param {number | string} n */
const count = (n) => Number(n).toLocaleString("en-US");

/**
 * @param {number} n
 * @param {string} one
 */
const many = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;

/**
 * @param {number} a
 * @param {number} b
 */
const range = (a, b) => (a === b ? count(a) : `${count(a)}–${count(b)}`);

/**
 * @param {GraphView} view
 * @param {TokenBlock} block
 */
export const tokenClass = (view, block) =>
  block.rank_last <= view.n_function ? "function" : "content";

/**
 * Whether function tokens are the first to reach these features, content tokens are, or each some.
 *
 * @param {GraphView} view
 * @param {FeatureBlock} block
 */
export const reachedBy = (view, block) =>
  block.first_rank_high <= view.n_function
    ? "function"
    : block.first_rank_low > view.n_function
      ? "content"
      : "both";

/** @param {TokenBlock} block */
export const isToken = (block) => block.rank_first === block.rank_last;

/** @param {FeatureBlock} block */
export const isFeature = (block) => block.order_first === block.order_last;

/** @param {TokenBlock} block */
const named = (block) =>
  block.tokens.map((token) => visible(token.text)).join(" ") +
  (block.rank_last - block.rank_first >= block.tokens.length ? " …" : "");

/** @param {TokenBlock} block */
export const tokenName = (block) => named(block);

/** @param {TokenBlock} block */
export const tokenPlace = (block) => range(block.rank_first, block.rank_last);

/** @param {FeatureBlock} block */
export function featureName(block) {
  if (isFeature(block)) return `feature ${block.feature_index}`;
  return many(block.order_last - block.order_first + 1, "feature");
}

/** @param {FeatureBlock} block */
export const featurePlace = (block) =>
  `first by ${range(block.first_rank_low, block.first_rank_high)}`;

/** @param {TokenBlock} block */
const tokenWords = (block) =>
  isToken(block)
    ? `The token ${named(block)} of rank ${count(block.rank_first)}`
    : `The ${many(block.rank_last - block.rank_first + 1, "token")} of ranks ` +
      `${tokenPlace(block)} (${named(block)})`;

/** @param {FeatureBlock} block */
const featureWords = function (block) {
  const reached =
    block.first_rank_low === block.first_rank_high
      ? `the token of rank ${count(block.first_rank_low)}`
      : `tokens of ranks ${range(block.first_rank_low, block.first_rank_high)}`;
  return isFeature(block)
    ? `Feature ${block.feature_index}, first reached by ${reached},`
    : `${many(block.order_last - block.order_first + 1, "feature")} that ${reached} ` +
        `${block.first_rank_low === block.first_rank_high ? "is" : "are"} the first to reach`;
};

/** @param {number} n */
const times = (n) => (n === 1 ? "once" : `${count(n)} times`);

/** @param {number} n */
const firings = (n) => `firing ${times(n)}`;

/**
 * @param {GraphView} view
 * @param {"token_block" | "feature_block"} side
 * @param {number} index
 */
function firstOf(view, side, index) {
  const cells = view.cells;
  if (!cells.n_first) return null;
  return cells.n_first.reduce((sum, n, k) => sum + (cells[side][k] === index ? n : 0), 0);
}

/**
 * @param {GraphView} view
 * @param {Ribbon} ribbon
 */
function ribbonWords(view, { k, token: left, feature: right }) {
  const [token, feature] = [view.token_blocks[left], view.feature_blocks[right]];
  const [n, n_firings] = [view.cells.n_edges[k], view.cells.n_firings[k]];
  const first = view.cells.n_first ? view.cells.n_first[k] : null;
  if (isToken(token) && isFeature(feature)) {
    return (
      `${named(token)} fires feature ${feature.feature_index} ${times(n_firings)}` +
      (first ? "; no more frequent token does." : ".")
    );
  }
  const features = featureWords(feature)
    .replace(/,$/, "")
    .replace(/^Feature/, "feature");
  const are = first === 1 ? "is its" : "are their";
  return (
    `${tokenWords(token)} and ${features}: ${many(n, "edge")}, ${firings(n_firings)}` +
    (first === null ? "." : `; ${first ? count(first) : "none"} of them ${are} feature's first.`)
  );
}

/**
 * One sentence on what is pointed at: {token: i}, {feature: j} or {ribbon}.
 *
 * @param {GraphView} view
 * @param {Pointed | null} at
 */
export function words(view, at) {
  if (!at) return "";
  if (at.ribbon) return ribbonWords(view, at.ribbon);
  const { token, feature } = blocksAt(view, at);
  if (token) {
    const first = firstOf(view, "token_block", Number(at.token));
    return (
      `${tokenWords(token)}: ${many(token.n_edges, "edge")} to the features in view, ` +
      `${firings(token.n_firings)}` +
      (first === null ? "." : `; ${first ? many(first, "feature") : "no feature"} reached first.`)
    );
  }
  if (!feature) return "";
  return (
    `${featureWords(feature).replace(/,$/, "")}: ${many(feature.n_edges, "edge")} from the ` +
    `tokens in view, ${firings(feature.n_firings)}.`
  );
}
