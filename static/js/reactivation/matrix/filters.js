/* Which rows of the firing matrix are shown, in which order, and how many each filter hides. Pure.
 */

/** @import { FeatureRow, Filter, View } from "./types.js" */

/** @type {Record<string, [string, (a: FeatureRow, b: FeatureRow) => number]>} */
export const ORDERS = {
  first: ["first firing position", (a, b) => a.first - b.first || b.atFunction - a.atFunction],
  function: [
    "reactivations at function tokens",
    (a, b) => b.atFunction - a.atFunction || a.first - b.first,
  ],
  often: ["number of firings", (a, b) => b.firings - a.firings || a.first - b.first],
  activation: ["largest activation", (a, b) => b.largest - a.largest],
};

/**
 * Whether one prompt has the feature at every one of these columns.
 *
 * @param {FeatureRow} row
 * @param {number[]} columns
 */
function firesAtAll(row, columns) {
  return row.lanes.some((track) => columns.every((column) => track.columns.includes(column)));
}

/** @param {unknown} value */
const given = (value) => value !== null && value !== undefined && value !== "";

/**
 * The filters that are on: [why a row is hidden, whether it stays].
 *
 * @param {View} view
 * @param {number[]} locked
 * @param {Set<number>} pinned
 * @param {number} source
 * @returns {Filter[]}
 */
function tests(view, locked, pinned, source) {
  const find = (view.find || "").trim().toLowerCase();
  const where =
    locked.length > 1
      ? `not firing at all ${locked.length} locked positions`
      : "not firing at the locked position";
  const k = Number(view.least);
  /** @type {Filter[]} */
  const filters = [
    ["not pinned", view.pinned, (row) => pinned.has(row.feature)],
    [where, view.locked && locked.length > 0, (row) => firesAtAll(row, locked)],
    [
      "not firing at the source",
      view.source && source >= 0,
      (row) => row.lanes.some((track) => track.columns.includes(source)),
    ],
    [
      `silent at ${view.at_class} tokens`,
      given(view.at_class),
      (row) => view.at_class !== "" && row.classes[view.at_class] > 0,
    ],
    [
      "not reactivated at function tokens only",
      view.only_function,
      (row) => row.reactivated > 0 && row.atFunction === row.reactivated,
    ],
    [`firing fewer than ${k} times`, given(view.least) && k > 1, (row) => row.firings >= k],
    [
      "rarer than the range",
      given(view.density_from),
      (row) => row.density === null || row.density >= Number(view.density_from) / 100,
    ],
    [
      "denser than the range",
      given(view.density),
      (row) => row.density === null || row.density <= Number(view.density) / 100,
    ],
    [
      "not matching the search",
      find !== "",
      (row) => String(row.feature).startsWith(find) || row.words.toLowerCase().includes(find),
    ],
  ];
  return filters.filter((test) => test[1]);
}

/**
 * The rows to show, in order, pinned ones first (no filter hides them); `hidden` says how many each
 * filter took away: a row that fails several counts for the first. `locked`: ascending columns;
 * `source`: a column, -1 = none.
 *
 * @param {FeatureRow[]} all
 * @param {View} view
 * @param {number[]} locked
 * @param {number[]} pins
 * @param {number} source
 * @returns {{ rows: FeatureRow[], hidden: [string, number][] }}
 */
export function visibleRows(all, view, locked, pins, source) {
  const pinned = new Set(pins);
  const filters = tests(view, locked, pinned, source === undefined ? -1 : source);
  const hidden = new Map();
  const shown = all.filter((row) => {
    if (pinned.has(row.feature)) return true;
    const failed = filters.find((test) => !test[2](row));
    if (failed) hidden.set(failed[0], (hidden.get(failed[0]) || 0) + 1);
    return !failed;
  });
  /** @param {FeatureRow} row */
  const placeOf = (row) => place.get(row.feature) ?? Infinity;
  const order = (ORDERS[view.order] || ORDERS.first)[1];
  const place = new Map(pins.map((feature, index) => [feature, index]));
  shown.sort((a, b) => {
    const [pa, pb] = [placeOf(a), placeOf(b)];
    return (pa === pb ? 0 : pa - pb) || order(a, b) || a.feature - b.feature;
  });
  return { rows: shown, hidden: [...hidden.entries()] };
}

/**
 * "12 of 340 features shown; 328 hidden: 300 not firing at …, 28 denser than the limit".
 *
 * @param {number} shown
 * @param {number} total
 * @param {[string, number][]} hidden
 */
export function hiddenLine(shown, total, hidden) {
  const word = total === 1 ? "feature" : "features";
  if (!total) return "\u00a0";
  if (!hidden.length) return `all ${total} ${word} that fire are shown`;
  const count = hidden.reduce((sum, entry) => sum + entry[1], 0);
  return (
    `${shown} of ${total} ${word} shown; filters hide ${count}: ` +
    hidden.map(([why, n]) => `${n} ${why}`).join(", ")
  );
}
