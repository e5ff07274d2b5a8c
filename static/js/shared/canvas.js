/* Canvases at the screen's own resolution. */

/** Fits the canvas to w × h CSS pixels at the device's pixel ratio; returns its context. */
export function fitCanvas(canvas, w, h) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = w + "px";
    canvas.style.height = h + "px";
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}
