/* Paints the ribbons of the graph. */

import { fitCanvas } from "../shared/canvas.js";
import * as said from "./words.js";

/** @import { GraphScene, GraphView, Ribbon } from "./types.js" */
/** @import { Colours, Interval } from "../shared/types.js" */

/** @returns {Colours} */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const read = (name) => style.getPropertyValue("--fs-" + name).trim();
  return { function: read("function"), content: read("content"), line: read("line") };
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} width
 * @param {Interval} left
 * @param {Interval} right
 */
function band(ctx, width, left, right) {
  const middle = width / 2;
  ctx.beginPath();
  ctx.moveTo(0, left[0]);
  ctx.bezierCurveTo(middle, left[0], middle, right[0], width, right[0]);
  ctx.lineTo(width, right[1]);
  ctx.bezierCurveTo(middle, right[1], middle, left[1], 0, left[1]);
  ctx.closePath();
  ctx.fill();
}

/**
 * First edges strong above, the rest of the ribbon faint below; hairs are kept visible.
 *
 * @param {CanvasRenderingContext2D} ctx
 * @param {Ribbon} it
 * @param {GraphScene} scene
 * @param {number} strength
 */
function paintRibbon(ctx, it, scene, strength) {
  /**
   * @param {Interval} pair
   * @param {number} from
   * @param {number} to
   * @returns {Interval}
   */
  const part = (pair, from, to) => {
    const [a, b] = [pair[0] + (pair[1] - pair[0]) * from, pair[0] + (pair[1] - pair[0]) * to];
    const least = 0.35 - (b - a);
    return least > 0 ? [a - least / 2, b + least / 2] : [a, b];
  };
  const view = /** @type {GraphView} */ (scene.view);
  ctx.fillStyle = scene.colours[said.tokenClass(view, view.token_blocks[it.token])];
  if (it.first < 1) {
    ctx.globalAlpha = 0.17 * strength;
    band(ctx, scene.width, part(it.left, it.first, 1), part(it.right, it.first, 1));
  }
  if (it.first > 0) {
    ctx.globalAlpha = Math.min(1, 0.78 * strength);
    band(ctx, scene.width, part(it.left, 0, it.first), part(it.right, 0, it.first));
  }
  ctx.globalAlpha = 1;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {GraphScene} scene
 * @param {Ribbon[]} ribbons
 * @param {number} strength
 */
export function paint(canvas, scene, ribbons, strength) {
  const ctx = fitCanvas(canvas, scene.width, scene.height);
  ctx.clearRect(0, 0, scene.width, scene.height);
  ribbons.forEach((it) => paintRibbon(ctx, it, scene, strength));
}
