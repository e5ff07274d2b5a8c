/* Which positions are locked: one, a range, or several. Pure functions between the address ("7",
 * "5-8", "3.7-9", "b7" for a position that only the second prompt has, "none", null = the prompt's
 * last function token) and columns of the matrix. */

/** @import { Column, Model, Modifiers, Prompt } from "./types.js" */
/** @import { Token } from "../../shared/types.js" */

/**
 * The last function token of a lane's own prompt; generated tokens do not count. -1 without one.
 *
 * @param {Token[]} tokens
 */
export function lastPromptFunction(tokens) {
  for (let i = tokens.length - 1; i >= 0; i -= 1) {
    if (tokens[i].prefix) return -1;
    if (tokens[i].token_class === "function" && !tokens[i].generated) return i;
  }
  return -1;
}

/**
 * The column of "7", or of "b7" in the second prompt; -1 where there is none.
 *
 * @param {string} name
 * @param {Column[]} columns
 */
export function columnOf(name, columns) {
  const match = /^(b?)(\d+)$/.exec(name);
  if (!match) return -1;
  const lane = match[1] ? 1 : 0;
  return columns.findIndex((column) => column.at[lane] === Number(match[2]));
}

/**
 * Address -> ascending columns; what cannot be found is left out.
 *
 * @param {string | null | undefined} locked
 * @param {Column[]} columns
 * @param {Pick<Prompt, "tokens">[]} prompts
 * @returns {number[]}
 */
export function lockedColumns(locked, columns, prompts) {
  if (locked === "none" || !columns.length) return [];
  if (!locked) {
    const last = lastPromptFunction(prompts[0].tokens);
    const column = columns.findIndex((one) => last >= 0 && one.at[0] === last);
    return column < 0 ? [] : [column];
  }
  /** @type {Set<number>} */
  const chosen = new Set();
  String(locked)
    .split(".")
    .forEach((part) => {
      const ends = part.split("-").map((name) => columnOf(name, columns));
      const [from, to] = [ends[0], ends[ends.length - 1]];
      if (ends.length > 2 || from < 0 || to < 0) return;
      for (let c = Math.min(from, to); c <= Math.max(from, to); c += 1) chosen.add(c);
    });
  return [...chosen].sort((a, b) => a - b);
}

/**
 * @param {number} column
 * @param {Column[]} columns
 */
const nameOf = (column, columns) =>
  columns[column].at[0] !== null ? String(columns[column].at[0]) : "b" + columns[column].at[1];

/**
 * The inverse; runs of neighbours become ranges.
 *
 * @param {number[]} chosen
 * @param {Column[]} columns
 */
export function lockNames(chosen, columns) {
  if (!chosen.length) return "none";
  const sorted = [...new Set(chosen)].sort((a, b) => a - b);
  const parts = [];
  for (let k = 0; k < sorted.length; k += 1) {
    const start = k;
    while (k + 1 < sorted.length && sorted[k + 1] === sorted[k] + 1) k += 1;
    const [from, to] = [nameOf(sorted[start], columns), nameOf(sorted[k], columns)];
    parts.push(start === k ? from : `${from}-${to}`);
  }
  return parts.join(".");
}

/**
 * @param {number} from
 * @param {number} to
 */
export function between(from, to) {
  const low = Math.min(from, to);
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, k) => low + k);
}

/**
 * The columns after a click on `column`: alone, with shift up to the anchor, with ctrl or cmd added
 * or taken away; a click on the only locked one unlocks it.
 *
 * @param {number} column
 * @param {number[]} chosen
 * @param {number | null} anchor
 * @param {Modifiers} event
 */
export function clicked(column, chosen, anchor, event) {
  if (event.shiftKey) return between(anchor === null ? column : anchor, column);
  if (event.ctrlKey || event.metaKey) {
    return chosen.includes(column) ? chosen.filter((c) => c !== column) : chosen.concat([column]);
  }
  return chosen.length === 1 && chosen[0] === column ? [] : [column];
}

/**
 * Column per lane at which the prompts are compared: the locked one; where A's last function token
 * is locked or nothing is, each prompt's own last function token.
 *
 * @param {Model} model
 * @param {number | null} locked
 */
export function comparedColumns(model, locked) {
  const ends = model.prompts.map((prompt, lane) => {
    const position = lastPromptFunction(prompt.tokens);
    return model.columns.findIndex((column) => column.at[lane] === position);
  });
  if (locked === null || locked === ends[0]) return { atEnd: true, columns: ends };
  return { atEnd: false, columns: model.prompts.map(() => locked) };
}
