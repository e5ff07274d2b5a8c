/* The next tokens of two arms, paired. Pure. */

/** @import { NextToken } from "../shared/types.js" */
/** @import { Pair, SteerAnswer } from "./types.js" */

const SHOWN = 20;

/**
 * The tokens of both lists, most probable in either first; an arm that does not list one knows only
 * that it is below its least listed probability.
 *
 * @param {NextToken[]} baseline
 * @param {NextToken[]} steered
 * @returns {Pair[]}
 */
export function pairNextTokens(baseline, steered) {
  /** @type {Map<number, Pair>} */
  const pairs = new Map();
  /**
   * @param {NextToken[]} list
   * @param {"baseline" | "steered"} arm
   */
  const put = (list, arm) =>
    list.forEach((n) => {
      const pair = pairs.get(n.token_id) ?? { token_id: n.token_id, text: n.text };
      pairs.set(n.token_id, { ...pair, [arm]: n.probability });
    });
  put(baseline, "baseline");
  put(steered, "steered");
  /** @param {Pair} pair */
  const most = (pair) => Math.max(pair.baseline || 0, pair.steered || 0);
  return [...pairs.values()].sort((a, b) => most(b) - most(a)).slice(0, SHOWN);
}

/**
 * The pairs as rows for a spreadsheet; empty = below the least probability that the arm lists.
 *
 * @param {Pick<SteerAnswer, "baseline" | "steered">} result
 */
export const shiftTable = (result) => [
  ["token", "token_id", "baseline", "steered"],
  ...pairNextTokens(result.baseline.next_tokens, result.steered.next_tokens).map((pair) => [
    pair.text,
    pair.token_id,
    pair.baseline === undefined ? "" : pair.baseline,
    pair.steered === undefined ? "" : pair.steered,
  ]),
];
