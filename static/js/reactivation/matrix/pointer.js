/* What answers a pointer or a key over the firing matrix without React: hover, painting, scrolling,
 * readout. */

import { fitCanvas } from "../../shared/canvas.js";
import { columnUnder } from "./measures.js";
import { paintMatrix } from "./paint.js";
import { readout } from "./readout.js";

/** @import { MatrixControl, MatrixRefs, Scene } from "./types.js" */
/** @import { Channel } from "../../shared/types.js" */

/**
 * Scrolls so that a column, a row or both come into view.
 *
 * @param {MatrixRefs} refs
 * @param {Scene} scene
 * @param {number | null} column
 * @param {number | null} row
 */
function reveal(refs, scene, column, row) {
  const scroller = refs.scroller.current;
  const { x, label, row: height } = scene.geometry;
  if (column !== null) {
    if (x[column] - scroller.scrollLeft < label) scroller.scrollLeft = x[column] - label;
    if (x[column + 1] - scroller.scrollLeft > scroller.clientWidth)
      scroller.scrollLeft = x[column + 1] - scroller.clientWidth + 12;
  }
  if (row !== null) {
    const space = scroller.clientHeight - refs.head.current.offsetHeight;
    if (row * height < scroller.scrollTop) scroller.scrollTop = row * height;
    if ((row + 1) * height > scroller.scrollTop + space)
      scroller.scrollTop = (row + 1) * height - space;
  }
}

/**
 * {column, row} under the pointer; null for what it is not over.
 *
 * @param {MatrixRefs} refs
 * @param {Scene} scene
 * @param {{ nativeEvent: MouseEvent }} event
 */
function under(refs, scene, event) {
  const { offsetX, offsetY } = event.nativeEvent;
  const { scrollLeft, scrollTop } = refs.scroller.current;
  const row = Math.floor((offsetY + scrollTop) / scene.geometry.row);
  const overLabels = offsetX < scene.geometry.label;
  return {
    column: overLabels ? null : columnUnder(scene.geometry, offsetX + scrollLeft),
    row: row >= 0 && row < scene.rows.length ? row : null,
  };
}

/**
 * Everything that answers a pointer or a key without React: hover, painting, scrolling, readout.
 *
 * @param {MatrixRefs} refs
 * @param {Scene} scene
 * @param {Channel} channel
 * @returns {MatrixControl}
 */
export function controller(refs, scene, channel) {
  let queued = false;
  const paint = () => {
    queued = false;
    const scroller = refs.scroller.current;
    if (!scroller || !scene.geometry) return;
    const w = scroller.clientWidth;
    const height = Math.max(40, scroller.clientHeight - refs.head.current.offsetHeight);
    scene.scrollLeft = scroller.scrollLeft;
    scene.scrollTop = scroller.scrollTop;
    paintMatrix(fitCanvas(refs.canvas.current, w, height), scene, w, height);
  };
  const request = () => {
    if (!queued) window.requestAnimationFrame(paint);
    queued = true;
  };
  /**
   * @param {number | null} column
   * @param {string} name
   * @param {boolean} on
   */
  const mark = (column, name, on) => {
    if (column === null || column === undefined) return;
    refs.head.current
      .querySelectorAll(`[data-column="${column}"]`)
      .forEach((e) => e.classList.toggle(name, on));
  };
  /**
   * @param {number | null} column
   * @param {number | null} row
   */
  const point = (column, row) => {
    if (column === scene.hoverColumn && row === scene.hoverRow) return;
    if (column !== scene.hoverColumn) {
      mark(scene.hoverColumn, "is-hover", false);
      mark(column, "is-hover", true);
    }
    scene.hoverColumn = column;
    scene.hoverRow = row;
    refs.readout.current.textContent = readout(scene, column, row);
    refs.readout.current.classList.toggle("is-idle", column === null && row === null);
    channel.set({ hover: column });
    request();
  };
  return {
    request,
    point,
    reveal: (column, row) => reveal(refs, scene, column, row),
    under: (event) => under(refs, scene, event),
  };
}
