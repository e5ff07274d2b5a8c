/* A set of prompts of one's own: what is sent to be read, and what came of it in words. Pure. */

/** @import { PromptSet, ReadPrompts } from "./types.js" */

/** @type {PromptSet} */
export const EMPTY_SET = {
  text: "",
  file: null,
  format: "",
  column: "",
  ends: true,
  answer: null,
  problem: null,
  busy: false,
};

/**
 * Body of POST /api/prompts; null while there is nothing to read.
 *
 * @param {PromptSet} set
 */
export function readBody(set) {
  const how = { format: set.format || null, column: set.column || null };
  if (set.file) return { file: set.file.data, name: set.file.name, ...how };
  return set.text.trim() ? { text: set.text, ...how } : null;
}

/**
 * The prompts as they are sent; null while there are none.
 *
 * @param {PromptSet} set
 * @returns {string[] | null}
 */
export function promptsOf(set) {
  if (!set.answer || set.busy || set.problem || !set.answer.prompts.length) return null;
  if (!set.ends) return set.answer.prompts;
  return set.answer.prompts.map((text) => (text.endsWith("\n") ? text : text + "\n"));
}

/**
 * Prompts that were read before, as they would have been pasted.
 *
 * @param {string[]} prompts
 * @returns {Pick<PromptSet, "text" | "format" | "ends">}
 */
export function asPasted(prompts) {
  const ends = prompts.every((text) => text.endsWith("\n"));
  const lines = ends ? prompts.map((text) => text.slice(0, -1)) : prompts;
  if (lines.every((line) => line.trim() && !/[\n\r]/.test(line)))
    return { text: lines.join("\n"), format: "lines", ends };
  return { text: lines.map((line) => JSON.stringify(line)).join("\n"), format: "jsonl", ends };
}

/**
 * @param {number} n
 * @param {string} what
 */
const counted = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

/** @type {Record<string, string>} */
export const FORMATS = {
  lines: "one a line",
  jsonl: "JSON Lines",
  csv: "CSV",
  parquet: "Parquet",
};

/**
 * "12 prompts from set.csv (CSV, column question) · 3 empty rows left out": what was read.
 *
 * @param {PromptSet} set
 */
export function readWords(set) {
  if (set.busy) return "reading…";
  const found = set.answer;
  if (!found) return "";
  const where = set.file ? ` from ${set.file.name}` : "";
  const column = found.column === null ? "" : `, column ${found.column}`;
  const kept = found.prompts.length;
  return [
    `${counted(found.n_prompts, "prompt")}${where} (${FORMATS[found.effective.format]}${column})`,
    kept < found.n_prompts
      ? `the first ${kept.toLocaleString("en")} are taken: this server takes no more in one set`
      : "",
    found.n_blank ? `${counted(found.n_blank, "empty row")} left out` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** @param {ReadPrompts} found */
export const wrongWords = (found) =>
  found.n_wrong === 1 ? "1 row holds no prompt" : `${counted(found.n_wrong, "row")} hold no prompt`;
