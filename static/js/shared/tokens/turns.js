/* A conversation's earlier turns: in the address, in a request, in words. Pure. */

/** @import { Turn } from "../types.js" */

/** @type {Record<string, string>} */
const LETTERS = { system: "s", user: "u", assistant: "a" };

/**
 * `[["s","Be brief."],["u","Hi."]]`; empty for none.
 *
 * @param {Turn[] | null | undefined} turns
 */
export const writtenTurns = (turns) =>
  turns && turns.length
    ? JSON.stringify(turns.map((turn) => [LETTERS[turn.role], turn.content]))
    : "";

/**
 * The fields of a request: nothing where the prompt is plain text, so that such requests stay what
 * they were.
 *
 * @param {boolean | null | undefined} chat
 * @param {Turn[] | null | undefined} turns
 * @returns {{ chat?: true, turns?: Turn[] }}
 */
export const talkOf = (chat, turns) =>
  chat ? { chat: true, ...(turns && turns.length ? { turns } : {}) } : {};

/** @param {Turn[]} turns */
export function turnWords(turns) {
  if (!turns.length) return "no earlier turns";
  const system = turns.some((turn) => turn.role === "system");
  const n = turns.filter((turn) => turn.role !== "system").length;
  const said = n ? `${n} earlier turn${n === 1 ? "" : "s"}` : "";
  return [system ? "a system turn" : "", said].filter(Boolean).join(", ");
}

/**
 * Whose turn comes next, behind the last.
 *
 * @param {Turn[]} turns
 * @returns {Turn["role"]}
 */
export const nextRole = (turns) =>
  turns.length && turns[turns.length - 1].role === "user" ? "assistant" : "user";
