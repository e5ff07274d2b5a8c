/* The maps as a picture that stands by itself: SVG, and PNG made of it. */

import { notice } from "../../shared/notices.js";
import { endsWords, cellAt, figure, layersOf, placesOf, toneOf } from "./plan.js";

/** @import { Colours } from "../../shared/types.js" */
/** @import { Begun, Source } from "./types.js" */

const [WIDTH, HEIGHT, LABEL, TOP] = [46, 24, 40, 100];
const SCALE = 2;
const NAMES = ["panel", "sunken", "ink", "muted", "reactivated", "away"];

/**
 * How light a colour is, 0 to 1 (relative luminance).
 *
 * @param {string} hex "#rrggbb"
 */
function light(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * Black or white, whichever is read on so much of a colour over another.
 *
 * @param {string} hue
 * @param {string} ground
 * @param {number} shade
 */
const inkOn = (hue, ground, shade) =>
  shade * light(hue) + (1 - shade) * light(ground) > 0.18 ? "#000" : "#fff";

/** @param {string} text */
const escaped = (text) =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {Record<string, string | number>} [more]
 */
function words(x, y, text, more = {}) {
  const given = Object.entries(more).map(([name, value]) => ` ${name}="${value}"`);
  return `<text x="${x}" y="${y}"${given.join("")}>${escaped(text)}</text>`;
}

/**
 * A map whose upper left corner is (0, top).
 *
 * @param {Begun} job
 * @param {Source} source
 * @param {number} top
 * @param {Colours} colours
 */
function mapAt(job, source, top, colours) {
  const places = placesOf(job.axes);
  const title = source === "a" ? "A's states in B's run" : "An unrelated prompt's states (control)";
  const middle = { "text-anchor": "middle" };
  const drawn = [words(LABEL, top - 28, title, { "font-weight": 600 })];
  places.forEach(({ name }, column) =>
    drawn.push(words(LABEL + (column + 0.5) * WIDTH, top - 8, name.slice(0, 9), middle)),
  );
  for (let layer = 0; layer < layersOf(job); layer += 1) {
    const y = top + layer * HEIGHT;
    drawn.push(words(LABEL - 8, y + 16, String(layer), { "text-anchor": "end" }));
    places.forEach((place, column) => {
      const cell = cellAt(job, source, layer, place);
      if (!cell) return;
      const [towardsA, shade] = toneOf(cell.restored);
      const x = LABEL + column * WIDTH;
      const size = `width="${WIDTH - 2}" height="${HEIGHT - 2}" rx="3"`;
      const hue = towardsA ? colours.reactivated : colours.away;
      const ink = { fill: inkOn(hue, colours.sunken, shade), ...middle };
      drawn.push(`<rect x="${x}" y="${y}" ${size} fill="${colours.sunken}"/>`);
      drawn.push(`<rect x="${x}" y="${y}" ${size} fill="${hue}" fill-opacity="${shade}"/>`);
      const marked = figure(cell.restored) + (cell.flipped ? "*" : "");
      drawn.push(words(x + WIDTH / 2 - 1, y + 15, marked, ink));
    });
  }
  return drawn.join("");
}

/**
 * Both maps, with what is shown and where the scale ends.
 *
 * @param {Begun} job
 * @param {Colours} colours by name, without the prefix: see NAMES
 */
export function travelPicture(job, colours) {
  const sources = /** @type {Source[]} */ (job.body.unrelated ? ["a", "unrelated"] : ["a"]);
  const one = layersOf(job) * HEIGHT + 64;
  const width = Math.max(720, LABEL + placesOf(job.axes).length * WIDTH + 12);
  const height = TOP + sources.length * one;
  const [ends, odds] = endsWords(job.axes).split(/(?<=\.) (?=Log)/);
  const scale = "0 = B's run, 1 = A's run, below 0 = away from A; * = A's answer most probable";
  const small = { fill: colours.muted };
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="Inter, system-ui, sans-serif" font-size="11" ` +
    `fill="${colours.ink}"><rect width="${width}" height="${height}" fill="${colours.panel}"/>` +
    words(12, 18, ends, small) +
    words(12, 34, odds, small) +
    words(12, 50, scale, small) +
    sources.map((source, k) => mapAt(job, source, TOP + k * one, colours)).join("") +
    "</svg>"
  );
}

/** The page's colours as they are now. */
function pageColours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    NAMES.map((name) => [name, style.getPropertyValue("--fs-" + name).trim()]),
  );
}

/**
 * @param {Blob} blob
 * @param {string} format
 */
function save(blob, format) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `functionscope-travel-${new Date().toISOString().slice(0, 10)}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/**
 * @param {Blob} svg
 * @returns {Promise<Blob>}
 */
async function rastered(svg) {
  const image = new Image();
  const url = URL.createObjectURL(svg);
  try {
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [SCALE * image.width, SCALE * image.height];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("no picture")))),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * @param {Begun} job
 * @param {"png" | "svg"} format
 */
export async function savePicture(job, format) {
  const svg = new Blob([travelPicture(job, pageColours())], { type: "image/svg+xml" });
  try {
    save(format === "svg" ? svg : await rastered(svg), format);
  } catch {
    notice("The browser could not make the picture: save it as SVG.");
  }
}
