/* A heat map of the sweep: strength by position. Arrows walk it, a cell opens its texts. */

import { chip } from "../../shared/tokens/chip.js";
import { nats, number } from "../../shared/number.js";
import { h } from "../../shared/hooks/react.js";
import { visible } from "../../shared/tokens/words.js";
import { noReachOf, shadeOf } from "./plan.js";

/** @import { KeyAt } from "../../shared/hooks/types.js" */
/** @import { Interval, Token } from "../../shared/types.js" */
/** @import { Axes, Cell, MapOf } from "./types.js" */

/**
 * A cell's figure; a KL that is rounded away is not the 0 of an edit that reaches nothing.
 *
 * @param {number} value
 * @param {string} measure
 * @param {string | null} [noReach]  why the edit reaches nothing, where it cannot: what is left of
 *   the KL is rounding
 */
export const cellFigure = (value, measure, noReach = null) =>
  measure === "kl"
    ? value === 0 || noReach
      ? "0"
      : value < 0.005
        ? "<.01"
        : value < 9.95
          ? value.toFixed(value < 0.995 ? 2 : 1)
          : value.toFixed(0)
    : value === 0 || value === 1
      ? String(value)
      : value.toFixed(2);

/**
 * @param {Cell} cell
 * @param {Token[]} tokens
 * @param {string} measureName
 * @param {string | null} [noReach]
 */
export function cellWords(cell, tokens, measureName, noReach = null) {
  const token = tokens[cell.position];
  return (
    `strength ${number(cell.strength)} at ${token ? visible(token.text) : ""} ` +
    `${cell.position}: KL ${noReach ?? `${nats(cell.kl)} nats`}` +
    (cell.target === null ? "" : `, ${measureName} ${number(cell.target)}`) +
    `, next ${visible(cell.next_token.text)}`
  );
}

/**
 * Which ink is read on a shade: on deep ones the page's own colour, on dark pages from the middle
 * on.
 *
 * @param {number} shade
 */
const inkOf = (shade) =>
  (shade > 0.15 ? " is-tinted" : "") +
  (shade > 0.42 ? " is-half" : "") +
  (shade > 0.68 ? " is-deep" : "");

/**
 * @param {{ cell: Cell | undefined, at: Interval, measure: "kl" | "target", most: number, chosen:
 *   boolean, current: boolean, of: MapOf }} props
 */
function Cell({ cell, at, measure, most, chosen, current, of }) {
  if (!cell)
    return h("span", {
      className: "fs-cell is-waiting",
      role: "gridcell",
      "aria-label": "not run yet",
    });
  const noReach = noReachOf(of.job, cell, of.lastLayer);
  const value = cell[measure] ?? 0;
  const shade = measure === "kl" && noReach ? 0 : shadeOf(measure, value, most);
  const words = cellWords(cell, of.job.axes.tokens, of.measureName, noReach);
  return h(
    "button",
    {
      type: "button",
      role: "gridcell",
      className: "fs-cell" + (chosen ? " is-chosen" : "") + inkOf(shade),
      style: { "--shade": (100 * shade).toFixed(1) + "%" },
      "data-row": at[0],
      "data-column": at[1],
      tabIndex: current ? 0 : -1,
      "aria-selected": chosen,
      title: words,
      "aria-label": words,
      onClick: () => of.open(at),
    },
    cellFigure(value, measure, noReach),
  );
}

/** @type {Record<string, Interval>} */
const STEPS = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Moves the focus along the grid by the arrows; stops at its edges and over cells that are not
 * there yet.
 *
 * @param {KeyAt} event
 * @param {number} nRows
 * @param {number} nColumns
 */
function onArrow(event, nRows, nColumns) {
  const [row, column] = [Number(event.target.dataset.row), Number(event.target.dataset.column)];
  const step = STEPS[event.key];
  if (!step || Number.isNaN(row)) return;
  event.preventDefault();
  event.stopPropagation();
  const [r, c] = [
    Math.max(0, Math.min(nRows - 1, row + step[0])),
    Math.max(0, Math.min(nColumns - 1, column + step[1])),
  ];
  /** @type {HTMLElement | null} */
  const next = event.currentTarget.querySelector(`[data-row="${r}"][data-column="${c}"]`);
  if (next) next.focus();
}

/**
 * A strength's row: its name, and a cell a position. of: {measure, most, chosen, open, measureName,
 * job}.
 *
 * @param {{ row: number, top: number, of: MapOf }} props
 */
function Row({ row, top, of }) {
  const { measure, most, chosen } = of;
  const { axes, byPlace, multiples } = of.job;
  const strength = axes.strengths[row];
  const last = axes.positions.length - 1;
  /** @param {number} column */
  const isChosen = (column) => chosen !== null && chosen[0] === row && chosen[1] === column;
  return h(
    "div",
    { role: "row", className: "fs-map-row" },
    h(
      "span",
      { className: "fs-map-strength", role: "rowheader" },
      number(strength),
      multiples ? h("small", null, `${number(strength / multiples)}×`) : null,
    ),
    axes.positions.map((_, column) =>
      h(Cell, {
        key: column,
        cell: byPlace.get(`${row}.${column}`),
        at: [row, column],
        measure,
        most,
        of,
        chosen: isChosen(column),
        current: chosen === null ? row === top && column === last : isChosen(column),
      }),
    ),
  );
}

/**
 * Pixels that the names of the rows need: the longest strength, and its multiple beside it.
 *
 * @param {number[]} strengths
 * @param {number | null} multiples  what one multiple is, where the sweep goes by them
 */
export function headWidth(strengths, multiples) {
  /** @param {number} one */
  const digits = (one) => 7.2 * number(one).length;
  const beside = multiples
    ? strengths.map((one) => Math.max(38, 6.8 * `${number(one / multiples)}×`.length) + 5)
    : [0];
  return Math.ceil(Math.max(28, ...strengths.map(digits)) + Math.max(...beside) + 12);
}

/** @param {{ axes: Axes }} props */
function TokenRow({ axes }) {
  return h(
    "div",
    { role: "row", className: "fs-map-row" },
    h("span", { className: "fs-map-strength" }),
    axes.positions.map((position) =>
      h(
        "span",
        { key: position, className: "fs-map-token", role: "columnheader" },
        axes.tokens[position] ? chip(axes.tokens[position], {}, true) : position,
      ),
    ),
  );
}

/** @param {{ measure: string, most: number }} props */
function Legend({ measure, most }) {
  return h(
    "div",
    { className: "fs-map-legend", "aria-hidden": true },
    h("span", null, "0"),
    h("i", null),
    h("span", null, measure === "kl" ? `${nats(most)} nats` : "1"),
    measure === "kl" ? h("span", null, "colour by √KL") : null,
  );
}

/**
 * One map. Rows go from the strongest, at the top, down. of: {measure, most, chosen, open,
 * measureName, job}.
 *
 * @param {{ title: string, unit: string, of: MapOf }} props
 */
export function HeatMap({ title, unit, of }) {
  const { axes } = of.job;
  const rows = axes.strengths.map((_, row) => row).reverse();
  return h(
    "figure",
    { className: "fs-map fs-map--" + of.measure },
    h("figcaption", null, h("b", null, title), unit ? h("span", null, unit) : null),
    h(
      "div",
      { className: "fs-map-scroll" },
      h(
        "div",
        {
          className: "fs-map-grid",
          role: "grid",
          "aria-label": title,
          style: {
            "--columns": axes.positions.length,
            "--head": `${headWidth(axes.strengths, of.job.multiples)}px`,
          },
          onKeyDown: (event) => onArrow(event, axes.strengths.length, axes.positions.length),
        },
        rows.map((row) => h(Row, { key: row, row, top: rows[0], of })),
        h(TokenRow, { axes }),
      ),
    ),
    h(Legend, { measure: of.measure, most: of.most }),
  );
}
