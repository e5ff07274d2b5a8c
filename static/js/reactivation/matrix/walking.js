/* Keys over the firing matrix: walking its tokens and rows, ranges of locks, pins. */

import { walk } from "../../shared/tokens/strip.js";
import { between } from "./locks.js";

/** @import { Column, MatrixNow } from "./types.js" */

/**
 * The token that a key looks at in each column: of class function where there is one.
 *
 * @param {Column[]} columns
 */
const anyToken = (columns) =>
  columns.map(
    (c) => c.tokens.find((t) => t && t.token_class === "function") || c.tokens.find(Boolean),
  );

/**
 * Goes to a column; with Shift the lock reaches from the anchor up to there.
 *
 * @param {KeyboardEvent} event
 * @param {number} next
 * @param {number} at
 * @param {MatrixNow} now
 */
function toColumn(event, next, at, now) {
  const { control, scene, refs, anchor, locked, choose } = now;
  event.preventDefault();
  if (event.shiftKey && event.key.startsWith("Arrow")) {
    if (anchor.current === null || !locked.includes(anchor.current))
      anchor.current = Math.max(0, at);
    choose(between(anchor.current, next));
  }
  control.point(next, scene.hoverRow);
  control.reveal(next, null);
  /** @type {HTMLElement | null} */
  const chip = refs.head.current.querySelector(`button[data-column="${next}"]`);
  if (chip) chip.focus({ preventScroll: true });
}

/**
 * @param {KeyboardEvent} event
 * @param {MatrixNow} now
 */
function toRow(event, { control, scene, rows }) {
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const wanted = scene.hoverRow === null ? 0 : scene.hoverRow + step;
  const row = Math.max(0, Math.min(rows.length - 1, wanted));
  control.point(scene.hoverColumn, row);
  control.reveal(null, row);
}

/**
 * now: {model, scene, refs, control, locked, anchor, rows, choose(columns), pin(row),
 * mark(column)}.
 *
 * @param {KeyboardEvent} event
 * @param {MatrixNow} now
 */
export function onMatrixKey(event, now) {
  const { model, scene, refs, control, locked, anchor, rows, choose, pin, mark } = now;
  if (!model.columns.length) return;
  const inside = refs.scroller.current.contains(document.activeElement);
  const home = locked.length ? locked[locked.length - 1] : -1;
  const at = scene.hoverColumn !== null ? scene.hoverColumn : home;
  const isEdge = event.key === "Home" || event.key === "End";
  const next = isEdge && !inside ? null : walk(event, anyToken(model.columns), at);
  const isUpOrDown = event.key === "ArrowDown" || event.key === "ArrowUp";
  if (event.key === "Escape") {
    control.point(null, null);
    anchor.current = null;
    choose([]);
  } else if (next !== null) {
    toColumn(event, next, at, now);
  } else if (inside && isUpOrDown && rows.length) {
    toRow(event, now);
  } else if (event.key === "s" && at >= 0) {
    event.preventDefault();
    mark(at);
  } else if (
    event.key === "p" ||
    (event.key === "Enter" && event.target === refs.scroller.current)
  ) {
    pin(scene.hoverRow);
  }
}
