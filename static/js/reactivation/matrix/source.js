/* A locked source: the features that fired at one position, and where behind it they fire again.
 * Pure. */

import { columnOf } from "./locks.js";

/** @import { Column, FeatureRow, Model, Trace } from "./types.js" */
/** @import { Token } from "../../shared/types.js" */

/**
 * @param {FeatureRow} row
 * @param {number} lane
 * @param {number} column
 */
const fires = (row, lane, column) => row.lanes[lane].columns.includes(column);

/**
 * The column of a source in the address ("7", "b7"); null = the last token in which two prompts
 * differ; -1 = none.
 *
 * @param {string | null | undefined} source
 * @param {Column[]} columns
 */
export function sourceColumn(source, columns) {
  if (source === "none") return -1;
  if (source) return columnOf(source, columns);
  const last = columns.findLastIndex((column) => column.differs && !column.isGenerated);
  return last < columns.length - 1 ? last : -1;
}

/**
 * What a source column is called in the address.
 *
 * @param {number} column
 * @param {Column[]} columns
 */
export const sourceName = (column, columns) =>
  columns[column].at[0] !== null ? String(columns[column].at[0]) : "b" + columns[column].at[1];

/**
 * What fired at `column` of one prompt, and which of those fire again at each later position of it;
 * null where the prompt has no token there, or a special one.
 *
 * @param {Model} model
 * @param {number} lane
 * @param {number} column
 * @returns {Trace | null}
 */
export function traceOf(model, lane, column) {
  const token = column < 0 ? null : model.columns[column].tokens[lane];
  if (!token || token.token_class === "special") return null;
  const rows = model.all.filter((row) => fires(row, lane, column));
  const later = [];
  for (let k = column + 1; k < model.columns.length; k += 1) {
    const there = model.columns[k].tokens[lane];
    if (there && there.token_class !== "special")
      later.push({ column: k, rows: rows.filter((row) => fires(row, lane, k)) });
  }
  return { rows, later };
}

/**
 * Features of the source that fire again at a column, strongest there first: [[row, activation at
 * the source, there]].
 *
 * @param {Trace} trace
 * @param {number} lane
 * @param {number} column
 * @param {number} source
 * @returns {[FeatureRow, number, number][]}
 */
export function againAt(trace, lane, column, source) {
  const found = trace.later.find((one) => one.column === column);
  /**
   * @param {FeatureRow} row
   * @param {number} k
   */
  const at = (row, k) => row.lanes[lane].activations[row.lanes[lane].columns.indexOf(k)];
  return (found ? found.rows : [])
    .map(
      (row) =>
        /** @type {[FeatureRow, number, number]} */ ([row, at(row, source), at(row, column)]),
    )
    .sort((a, b) => b[2] - a[2] || a[0].feature - b[0].feature);
}

/**
 * Every feature of the source at every later position, for a spreadsheet.
 *
 * @param {Model} model
 * @param {number} source
 */
export function traceTable(model, source) {
  const head = ["prompt", "source_position", "position", "token", "token_class", "feature_index"];
  const rows = model.prompts.flatMap((_, lane) => {
    const trace = traceOf(model, lane, source);
    if (!trace) return [];
    const { position: from } = /** @type {Token} */ (model.columns[source].tokens[lane]);
    return trace.later.flatMap(({ column, rows: again }) => {
      const token = /** @type {Token} */ (model.columns[column].tokens[lane]);
      const place = ["AB"[lane], from, token.position, token.text, token.token_class];
      return again.map((row) => [...place, row.feature]);
    });
  });
  return [head, ...rows];
}
