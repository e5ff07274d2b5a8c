/* The page's edit tried on a set of prompts: its request, or why there is none; its answers as a
 * table. Pure. */

import { ARM_TITLES } from "../arms.js";
import { examplesOf } from "../examples.js";
import { readTarget } from "../sweep/plan.js";

/** @import { SteerSettings } from "../types.js" */
/** @import { SetResult } from "./types.js" */

/**
 * {body} of POST /api/steer/set, or {problem} in words.
 *
 * @param {string} success as in the address
 * @param {string[] | null} prompts
 * @param {SteerSettings | null | undefined} request the page's
 * @returns {{ problem?: string, body?: { prompts: string[], [name: string]: unknown } }}
 */
export function setPlan(success, prompts, request) {
  if (!prompts) return { problem: "Give it prompts." };
  if (!request || !request.interventions.length)
    return { problem: "Plug a feature in first: there is no edit to try." };
  const placed = request.interventions.find((it) => Array.isArray(it.positions));
  if (placed)
    return {
      problem:
        `Feature ${placed.feature_index} sits in chosen sockets (${placed.positions}); prompts ` +
        "differ, so over a set it is at the last function token, the last token or every token.",
    };
  if (request.include_generated || request.freeze_attention)
    return {
      problem:
        (request.include_generated ? "“generated tokens too”" : "“freeze attention”") +
        " is on; over a set an edit acts on the prompts alone: switch it off.",
    };
  const target = success ? readTarget(success, null) : null;
  if (target && "problem" in target)
    return { problem: "Say what counts as success: a language, a pattern or a token." };
  const { interventions, chat, max_new_tokens, controls, seed } = request;
  return {
    body: {
      prompts,
      interventions,
      chat,
      max_new_tokens,
      controls,
      seed,
      success: target,
      ...examplesOf(request),
    },
  };
}

/**
 * A row per prompt: its answer in every arm, and whether it succeeds.
 *
 * @param {SetResult} result
 * @param {string[]} prompts
 */
export function setTable(result, prompts) {
  const names = result.arms.map((arm) => arm.name);
  const judged = result.arms.some((arm) => arm.success);
  const heads = names.flatMap((name) => (judged ? [name, `${name}_success`] : [name]));
  const rows = result.rows.map((row) => [
    prompts[row.prompt],
    ...names.flatMap((name) => {
      const one = row.answers[name];
      const shown = judged && one ? Number(one.success) : "";
      return judged ? [one ? one.text : "", shown] : [one ? one.text : ""];
    }),
  ]);
  return [["prompt", ...heads], ...rows];
}

/**
 * @param {string} name
 */
export const armTitle = (name) => ARM_TITLES[name] || name;
