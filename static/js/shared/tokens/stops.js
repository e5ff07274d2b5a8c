/* Strings before which a text ends, as one writes them: "\n" for a line break, " | " between
 * several. Pure. */

/** @type {Record<string, string>} */
const WRITTEN = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "|": "\\|" };
/** @type {Record<string, string>} */
const READ = { "\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", "\\|": "|" };

/**
 * ["\n", "Q:"] -> "\\n | Q:"
 *
 * @param {string[] | null | undefined} stops
 */
export const writtenStops = (stops) =>
  (stops || []).map((one) => one.replace(/[\n\t\r\\|]/g, (c) => WRITTEN[c])).join(" | ");

/**
 * The inverse; empty pieces fall away.
 *
 * @param {string | null | undefined} text
 */
export const readStops = (text) =>
  (text || "")
    .split(" | ")
    .filter(Boolean)
    .map((one) => one.replace(/\\[ntr\\|]/g, (pair) => READ[pair]));
