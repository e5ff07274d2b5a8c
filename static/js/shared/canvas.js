/* Canvases at the screen's own resolution. */

/**
 * @param {HTMLCanvasElement} canvas
 * @throws {Error} where the browser gives no drawing context
 */
export function contextOf(canvas) {
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("this browser gives no 2d context");
  return ctx;
}

/**
 * Fits the canvas to w × h CSS pixels at the device's pixel ratio; returns its context.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} w
 * @param {number} h
 * @returns {CanvasRenderingContext2D}
 */
export function fitCanvas(canvas, w, h) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = w + "px";
    canvas.style.height = h + "px";
  }
  const ctx = contextOf(canvas);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}
