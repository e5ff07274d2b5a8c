/* Paints the ribbons of the graph. */

import { fitCanvas } from "../shared/canvas.js";
import * as graph from "./layout.js";

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue("--fs-" + name).trim();
  return { function: read("function"), content: read("content"), line: read("line") };
}

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

/** First edges strong above, the rest of the ribbon faint below; hairs are kept visible. */
function paintRibbon(ctx, it, scene, strength) {
  const part = (pair, from, to) => {
    const [a, b] = [pair[0] + (pair[1] - pair[0]) * from, pair[0] + (pair[1] - pair[0]) * to];
    const least = 0.35 - (b - a);
    return least > 0 ? [a - least / 2, b + least / 2] : [a, b];
  };
  ctx.fillStyle = scene.colours[graph.tokenClass(scene.view, scene.view.token_blocks[it.token])];
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

export function paint(canvas, scene, ribbons, strength) {
  const ctx = fitCanvas(canvas, scene.width, scene.height);
  ctx.clearRect(0, 0, scene.width, scene.height);
  ribbons.forEach((it) => paintRibbon(ctx, it, scene, strength));
}
