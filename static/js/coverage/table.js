/* The rank table: what is ticked and how it is sorted; and each layer's own θ. */

import { named } from "../shared/controls.js";
import { go, noUpdate } from "../shared/dash.js";

/** @import { Grids, Listed } from "./types.js" */

/**
 * A click on a row, off its checkbox, opens the token's page.
 *
 * @param {{ colId: string, rowId: string } | null} cell
 * @param {Listed[] | null} rows
 * @returns {unknown}
 */
export function openRow(cell, rows) {
  const stay = noUpdate();
  if (!cell || !rows || cell.colId === "ag-Grid-SelectionColumn") return stay;
  const row = rows.find((one) => one.id === cell.rowId);
  if (row) go(row.href);
  return stay;
}

/**
 * Ticked rows -> "12,7", in the order of ticking; nothing before the table has rows. A token that
 * this order of the table does not list cannot be unticked in it, and stays.
 *
 * @param {Listed[] | null} selected
 * @param {Listed[] | null} rows
 * @param {string | null} now
 * @returns {unknown}
 */
export function ticked(selected, rows, now) {
  if (!rows || !Array.isArray(selected)) return noUpdate();
  const [ids, listed] = [selected.map((row) => row.id), new Set(rows.map((row) => row.id))];
  const before = (now || "").split(",").filter((id) => id && (ids.includes(id) || !listed.has(id)));
  return [...new Set([...before, ...ids])].join(",") || null;
}

/**
 * The columns' state -> "degree:desc", or nothing where the rows stand as they came.
 *
 * @param {{ colId: string, sort: string | null }[] | null} columns
 * @returns {unknown}
 */
export function sorted(columns) {
  if (!Array.isArray(columns)) return noUpdate();
  const by = columns.find((one) => one.sort);
  return by ? `${by.colId}:${by.sort}` : null;
}

/**
 * Each SAE has a grid of θ of its own, [[value, label], …], which is what the list offers: another
 * layer keeps the place in the grid. A value of 0 is in every grid.
 *
 * @param {string} sae
 * @param {unknown} theta
 * @param {Grids | null} grids
 * @returns {unknown[]}
 */
export function thetas(sae, theta, grids) {
  const stay = noUpdate();
  const grid = grids && grids[sae];
  if (!grid) return [stay, stay];
  const offered = grid.map(([value, label]) => ({ value, label }));
  if (grid.some(([value]) => value === theta)) return [offered, stay];
  const place = Math.max(
    ...Object.values(grids).map((other) => other.findIndex(([value]) => value === theta)),
    0,
  );
  return [offered, grid[Math.min(place, grid.length - 1)][0]];
}

/**
 * As fs.named; waits while θ is still another layer's. Last come the grids.
 *
 * @param {...any} values
 */
export function namedWithTheta(...values) {
  const grids = values.pop();
  /** @type {any} */
  const state = named(...values);
  /** @type {[unknown, string][]} */
  const grid = state.sae === undefined ? [] : grids[state.sae];
  const known = state.sae === undefined || grid.some(([value]) => value === state.theta);
  return known ? state : noUpdate();
}
