/* In words: what is asked of each prompt at the locked position, and the rows of its answer.
 * Pure. */

import { talkOf } from "../../shared/tokens/turns.js";
import { comparedColumns } from "../matrix/locks.js";

/** @import { Model, Prompt } from "../matrix/types.js" */
/** @import { NextToken } from "../../shared/types.js" */
/** @import { Ran } from "../travel/types.js" */
/** @import { LensPlan, LensRow, TokenById } from "./types.js" */

const K = 5;

/**
 * The token that a prompt is greedily followed by; generated tokens do not count.
 *
 * @param {Prompt} prompt
 * @returns {NextToken | undefined}
 */
function followedBy({ tokens, next }) {
  const last = tokens.filter((token) => !token.generated).at(-1);
  return last && (next[last.position] || [])[0];
}

/**
 * The answers of all prompts, each once: followed in every one, so that B's is A's control.
 *
 * @param {Prompt[]} prompts
 * @returns {TokenById[]}
 */
export function watchedIn(prompts) {
  const ids = prompts.flatMap((prompt) => followedBy(prompt)?.token_id ?? []);
  return [...new Set(ids)].map((token_id) => ({ kind: "token", token_id }));
}

/**
 * What is asked of each prompt; where nothing is locked, at its own last function token.
 *
 * @param {Model} model
 * @param {number | null} locked
 * @param {Ran} ran
 * @returns {LensPlan[]}
 */
export function lensPlans(model, locked, ran) {
  const watched = watchedIn(model.prompts);
  const { columns } = comparedColumns(model, locked);
  return columns.map((column, lane) => {
    const token = column < 0 ? null : model.columns[column].tokens[lane];
    const no = { lane, position: token ? token.position : null, body: null };
    if (!token) return { ...no, problem: "No token of this prompt stands there." };
    if (token.generated)
      return { ...no, problem: "This token was written on: lock one of the prompt itself." };
    const before = { prefix: ran.prefix || "", ...talkOf(ran.chat, ran.turns) };
    const asked = { prompt: ran.prompts[lane], ...before };
    const body = { ...asked, positions: [token.position], k: K, watched };
    return { lane, position: token.position, body, problem: "" };
  });
}

/** @param {{ text: string, probability: number, token_id: number }} token */
const cellsOf = ({ token_id, text, probability }) => [token_id, text, probability];

/**
 * The readings for a spreadsheet: the promoted tokens by rank, then the answers that are followed.
 *
 * @param {{ plan: LensPlan, rows: LensRow[] }[]} readings
 */
export function wordsTable(readings) {
  const head = ["prompt", "position", "layer", "kind", "rank", "token_id", "token", "probability"];
  const lines = readings.flatMap(({ plan, rows }) =>
    rows.flatMap((row) => {
      const at = ["AB"[plan.lane], row.position, row.layer];
      return [
        ...row.tokens.map((token, k) => [...at, "promoted", k + 1, ...cellsOf(token)]),
        ...row.watched.map((token) => [...at, "answer", token.rank, ...cellsOf(token)]),
      ];
    }),
  );
  return [head, ...lines];
}
