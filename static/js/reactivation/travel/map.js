/* The map: a layer a row, a position or a set of positions a column. Arrows walk it; a cell that is
 * pressed says its numbers. */

import { chip } from "../../shared/tokens/chip.js";
import { h } from "../../shared/hooks/react.js";
import { cellAt, cellWords, figure, layersOf, placesOf, toneOf } from "./plan.js";

/** @import { KeyAt } from "../../shared/hooks/types.js" */
/** @import { Begun, Cell, Chosen, Place, Source, TravelWork } from "./types.js" */

/**
 * What all rows of one map share.
 *
 * @typedef {{ job: Begun, source: Source, places: Place[], work: TravelWork }} Of
 */

/** @type {Record<string, [row: number, column: number]>} */
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Moves the focus by the arrows, to the ends of a row by Home and End; stops at the edges and over
 * rows that are not there yet.
 *
 * @param {KeyAt} event
 * @param {number} nColumns
 */
function onArrow(event, nColumns) {
  const [row, column] = [Number(event.target.dataset.row), Number(event.target.dataset.column)];
  const ends = { Home: [0, -column], End: [0, nColumns - 1 - column] };
  const step = STEPS[event.key] || ends[/** @type {"Home"} */ (event.key)];
  if (!step || Number.isNaN(row)) return;
  event.preventDefault();
  event.stopPropagation();
  const at = `[data-row="${row + step[0]}"][data-column="${column + step[1]}"]`;
  /** @type {HTMLElement | null} */
  const next = event.currentTarget.querySelector(at);
  if (next) next.focus();
}

/* Beyond these shades, white (light pages) or black (dark ones) is the ink that reaches 4.5 : 1. */
const DEEP = { light: { a: 0.905, away: 0.845 }, dark: { a: 0.61, away: 0.67 } };

/**
 * @param {boolean} towardsA
 * @param {number} shade
 */
function inkOf(towardsA, shade) {
  const hue = towardsA ? "a" : "away";
  return (
    (towardsA ? "" : " is-away") +
    (shade > DEEP.dark[hue] ? " is-half" : "") +
    (shade > DEEP.light[hue] ? " is-deep" : "")
  );
}

/**
 * @param {{ cell: Cell | undefined, column: number, layer: number, of: Of, chosen: boolean,
 *   current: boolean }} props
 */
function MapCell({ cell, column, layer, of, chosen, current }) {
  const set = of.places[column].kind === "set" ? " is-set" : "";
  if (!cell)
    return h("span", {
      className: "fs-travel-cell is-waiting" + set,
      role: "gridcell",
      "aria-label": "not run yet",
    });
  const [towardsA, shade] = toneOf(cell.restored);
  const flipped = cell.flipped ? " is-flipped" : "";
  const words = cellWords(cell, of.job.axes);
  const choose = () => of.work.choose({ source: of.source, layer, column });
  return h(
    "button",
    {
      type: "button",
      role: "gridcell",
      className:
        "fs-travel-cell" + set + flipped + (chosen ? " is-chosen" : "") + inkOf(towardsA, shade),
      style: { "--shade": (100 * shade).toFixed(1) + "%" },
      "data-row": layer,
      "data-column": column,
      tabIndex: current ? 0 : -1,
      "aria-selected": chosen,
      title: words,
      "aria-label": words,
      onClick: choose,
      onFocus: choose,
    },
    figure(cell.restored),
  );
}

/**
 * @param {{ value: number | undefined }} props
 */
function Sham({ value }) {
  return h(
    "span",
    {
      className: "fs-travel-sham" + (value ? " is-wrong" : ""),
      role: "gridcell",
      title: "largest change of any logit when B's own states are put into B",
    },
    value === undefined ? "" : String(value),
  );
}

/**
 * @param {Chosen | null} chosen
 * @param {Source} source
 * @param {number} layer
 * @param {number} column
 */
const isAt = (chosen, source, layer, column) =>
  chosen !== null && chosen.source === source && chosen.layer === layer && chosen.column === column;

/** @param {{ layer: number, of: Of }} props */
function MapRow({ layer, of }) {
  const { job, source, places, work } = of;
  const row = job.rows.find((one) => one.source === source && one.layer === layer);
  const here = work.chosen !== null && work.chosen.source === source;
  return h(
    "div",
    { role: "row", className: "fs-travel-row" },
    h("span", { className: "fs-travel-layer", role: "rowheader" }, layer),
    h(Sham, { value: row && row.sham }),
    places.map((place, column) => {
      const chosen = isAt(work.chosen, source, layer, column);
      const current = here ? chosen : layer === 0 && column === 0;
      const cell = cellAt(job, source, layer, place);
      return h(MapCell, { key: column, cell, column, layer, of, chosen, current });
    }),
  );
}

/** @param {{ of: Of }} props */
function Columns({ of }) {
  return h(
    "div",
    { role: "row", className: "fs-travel-row fs-travel-head" },
    h("span", { className: "fs-travel-layer", role: "columnheader" }, "after layer"),
    h("span", { className: "fs-travel-column", role: "columnheader" }, "sham"),
    of.places.map((place, column) =>
      h(
        "span",
        {
          key: column,
          role: "columnheader",
          className: "fs-travel-column" + (place.kind === "set" ? " is-set" : ""),
          title: place.title,
        },
        place.token ? chip(place.token, { title: place.title }, true) : place.name,
      ),
    ),
  );
}

/**
 * The map of A's states, or of the unrelated prompt's.
 *
 * @param {{ title: string, note: string, job: Begun, source: Source, work: TravelWork }} props
 */
export function TravelMap({ title, note, job, source, work }) {
  const places = placesOf(job.axes);
  const of = { job, source, places, work };
  const layers = Array.from({ length: layersOf(job) }, (_, layer) => layer);
  return h(
    "figure",
    { className: "fs-travel-map", "data-source": source },
    h("figcaption", null, h("b", null, title), h("span", null, note)),
    h(
      "div",
      { className: "fs-travel-scroll" },
      h(
        "div",
        {
          className: "fs-travel-grid",
          role: "grid",
          "aria-label": title,
          style: { "--columns": places.length },
          onKeyDown: (event) => onArrow(event, places.length),
        },
        h(Columns, { of }),
        layers.map((layer) => h(MapRow, { key: layer, layer, of })),
      ),
    ),
  );
}

/** What the colours and marks mean. */
export function Legend() {
  return h(
    "div",
    { className: "fs-travel-legend" },
    h("span", null, "−1 away from A"),
    h("i", { "aria-hidden": true }),
    h("span", null, "0 = B's run, 1 = A's run"),
    h("span", { className: "fs-travel-flip" }, "A's answer is the most probable"),
  );
}
