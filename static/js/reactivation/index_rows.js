/* The reactivation index as rows: for the table on the page and for a spreadsheet. Pure. */

/** @import { IndexRow, ReactivationIndexAnswer } from "./types.js" */
/** @import { Interval } from "../shared/types.js" */

/** @param {number | null | undefined} x */
export const points = (x) =>
  x === null || x === undefined
    ? "—"
    : `${x > 0 ? "+" : x < 0 ? "−" : ""}${Math.abs(100 * x).toFixed(1)}`;

/** @param {number | null | undefined} x */
export const share = (x) => (x === null || x === undefined ? "—" : (100 * x).toFixed(1) + " %");

/**
 * @param {Interval | null | undefined} interval
 * @param {(x: number) => string} form
 */
export const range = (interval, form) =>
  interval ? `${form(interval[0])} to ${form(interval[1])}` : "no interval";

/**
 * Half the width of the axis, in shares: a round number that holds every interval.
 *
 * @param {IndexRow[]} rows
 */
export function indexReach(rows) {
  const most = Math.max(
    0.02,
    ...rows
      .flatMap((row) => [row.index, ...(row.interval || [])])
      .filter((x) => x !== null)
      .map(Math.abs),
  );
  return [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1].find((step) => step >= most) || 1;
}

/**
 * What one source (a prompt or a set) has to show: a row a class, and for a set the difference.
 *
 * @param {string} source
 * @param {ReactivationIndexAnswer} index
 * @returns {IndexRow[]}
 */
export function indexRows(source, index) {
  const over =
    index.n_prompts > 1
      ? `bootstrap over ${index.n_prompts} prompts`
      : `range of ${index.n_shuffles} shuffles`;
  /** @type {IndexRow[]} */
  const rows = index.classes.map((one) =>
    Object.assign({}, one, { source, kind: one.token_class, name: one.token_class, over }),
  );
  if (index.n_prompts > 1) {
    const d = index.difference;
    rows.push({
      source,
      kind: "difference",
      name: "function − content",
      index: d.index,
      interval: d.index_interval,
      share: d.share,
      share_interval: d.share_interval,
      over,
    });
  }
  return rows;
}

/** @param {Interval | null | undefined} interval */
const ends = (interval) => (interval ? [interval[0], interval[1]] : ["", ""]);

/** @param {number | null | undefined} value */
const known = (value) => (value === null || value === undefined ? "" : value);

/**
 * The rows for a spreadsheet: shares, not percentage points.
 *
 * @param {IndexRow[]} rows
 */
export const indexTable = (rows) => [
  [
    "source",
    "class",
    "share",
    "shuffled_share",
    "shuffled_low",
    "shuffled_high",
    "index",
    "index_low",
    "index_high",
    "reactivated",
    "firing",
    "positions",
  ],
  ...rows.map((row) => [
    row.source,
    row.name,
    known(row.share),
    known(row.shuffled_share),
    ...ends(row.shuffled_interval),
    known(row.index),
    ...ends(row.interval),
    known(row.reactivated),
    known(row.firing),
    known(row.n_positions),
  ]),
];
