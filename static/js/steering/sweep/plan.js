/* A sweep from the page's settings: which feature, which strengths, where, and what is measured.
 * Pure. Settings are text, as they stand in the address: strengths "0.5x 1x 40% 12" (multiples of
 * the 99.9th percentile, shares of the stream, plain values), at
 * "all|function|content|last_function" or "3.5.7", target "" (the steered arm's most probable
 * token) | "none" | "token:日" | "regex:Moscow|Kreml" | "language:zh". */

import { afterPrefix } from "../../shared/tokens/prefix.js";
import { visible } from "../../shared/tokens/words.js";
import { examplesOf } from "../examples.js";
import { resolvePositions } from "../interventions.js";
import * as units from "../units.js";

/** @import { NextToken, Token } from "../../shared/types.js" */
/** @import { Axes, Cell, SweepBody, SweepPlan, SweepSettings, Target } from "./types.js" */
/** @import { Edit, Intervention, SteerSettings, StrengthAnswer } from "../types.js" */

/**
 * "token:日" -> the API's target; null = none; {problem} when it cannot be read. `top`: {token_id,
 * text} or null.
 *
 * @param {string} text
 * @param {{ token_id: number } | null} top
 * @returns {Target | null}
 */
export function readTarget(text, top) {
  if (text === "none") return null;
  if (text === "") return top ? { kind: "token", token_id: top.token_id } : null;
  const [kind, rest] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  if (kind === "token" && rest) return { kind, text: rest.replace(/^·/, " ").replace(/↵/g, "\n") };
  if (kind === "regex" && rest) return { kind, pattern: rest };
  if (kind === "language" && ["zh", "en"].includes(rest)) return { kind, language: rest };
  return { problem: `target: got ${JSON.stringify(text)}; write a token, a pattern or a language` };
}

/**
 * What a target measures, in words, and its unit.
 *
 * @param {Target} target
 * @param {NextToken | null | undefined} top
 * @returns {string}
 */
export function targetWords(target, top) {
  if (target.kind === "token") {
    const known = top && top.token_id === target.token_id ? top.text : `token ${target.token_id}`;
    return `probability of ${visible(target.text || known)} next`;
  }
  if (target.kind === "regex") return `text matches ${target.pattern}`;
  return target.language === "zh" ? "text is Chinese" : "text is English";
}

/**
 * Positions of `at` in this prompt; special tokens are left out of the rules.
 *
 * @param {string} at
 * @param {Token[]} tokens
 * @param {number | null | undefined} lastFunction
 */
export function sweepPositions(at, tokens, lastFunction) {
  if (/^[\d.]+$/.test(at))
    return at
      .split(".")
      .filter(Boolean)
      .map(Number)
      .filter((p) => p < tokens.length && !tokens[p].prefix);
  if (at === "last_function")
    return lastFunction === null || lastFunction === undefined ? [] : [lastFunction];
  const wanted = at === "function" || at === "content" ? [at] : ["function", "content"];
  return afterPrefix(tokens)
    .filter((token) => wanted.includes(token.token_class))
    .map((token) => token.position);
}

/** @param {Pick<Edit, "sae_id" | "feature_index">} it */
const keyOf = (it) => `${it.sae_id}:${it.feature_index}`;

/**
 * The intervention that is swept: the one named, else the first that is on.
 *
 * @param {string} name
 * @param {Intervention[]} interventions
 */
export const sweepSubject = (name, interventions) =>
  interventions.find((it) => keyOf(it) === name) ||
  interventions.find((it) => it.on) ||
  interventions[0] ||
  null;

/**
 * {body, subject} of POST /api/sweep, or {problem} in words. `page`: {request, interventions,
 * tokens, lastFunction, strengths, top, mostCells}.
 *
 * @param {Omit<SweepSettings, "open_sweep">} settings
 * @param {{ request: SteerSettings | null, interventions: Intervention[], tokens: Token[],
 *   lastFunction: number | null | undefined, strengths?: Record<string, StrengthAnswer>, top:
 *   NextToken | null, mostCells?: number }} page
 * @returns {SweepPlan}
 */
export function sweepPlan(settings, page) {
  const subject = sweepSubject(settings.sweep, page.interventions);
  if (!page.request || !page.tokens.length) return { problem: "Type a prompt first." };
  if (!subject)
    return { problem: "Plug a feature in first: the sweep moves it over strengths and positions." };
  if (subject.mode === "ablate")
    return { problem: "Ablate has no strength: choose add, clamp or scale on the card.", subject };
  const main = resolvePositions(subject.positions, page.tokens, page.lastFunction).slice(-1)[0];
  const place = units.placeAt(
    (page.strengths || {})[keyOf(subject)],
    main === undefined ? page.lastFunction : main,
  );
  const read = units.readStrengths(settings.strengths, subject.mode, place);
  const positions = sweepPositions(settings.at, page.tokens, page.lastFunction);
  const target = readTarget(settings.target, page.top);
  const problem = complaint(read, positions, target, page.mostCells);
  if (problem) return { problem, subject };
  const others = page.request.interventions.filter((it) => keyOf(it) !== keyOf(subject));
  const body = {
    prompt: page.request.prompt,
    chat: page.request.chat,
    sae_id: subject.sae_id,
    feature_index: subject.feature_index,
    mode: subject.mode,
    strengths: read.values,
    positions,
    interventions: others,
    include_generated: page.request.include_generated,
    freeze_attention: Boolean(page.request.freeze_attention),
    max_new_tokens: Math.min(8, page.request.max_new_tokens),
    target,
    ...examplesOf(page.request),
  };
  return { body, subject, place };
}

/**
 * @param {{ values: number[], wrong: string[], unknown: string[] }} read
 * @param {number[]} positions
 * @param {Target | null} target
 * @param {number | undefined} mostCells
 */
function complaint(read, positions, target, mostCells) {
  if (read.wrong.length)
    return (
      `strengths: cannot read ${read.wrong.join(" ")}; write 2x (multiples of the 99.9th ` +
      `percentile), 40% (of the stream) or 12`
    );
  if (read.unknown.length)
    return (
      `strengths: ${read.unknown.join(" ")} means nothing here: the percentile or the norm is ` +
      `not known for this feature; write plain numbers`
    );
  if (!read.values.length) return "strengths: write at least one";
  if (!positions.length) return "at: no such token in this prompt";
  if (target && target.problem) return target.problem;
  const cells = read.values.length * positions.length;
  return mostCells && cells > mostCells
    ? `${read.values.length} strengths × ${positions.length} positions are ${cells} cells; ` +
        `this server runs at most ${mostCells}`
    : null;
}

/**
 * Cells as rows for a spreadsheet.
 *
 * @param {Token[]} tokens
 * @param {Cell[]} cells
 */
export const sweepTable = (tokens, cells) => [
  ["strength", "position", "token", "kl_nats", "target", "next_token", "next_probability", "text"],
  ...cells.map((c) => [
    c.strength,
    c.position,
    tokens[c.position] ? tokens[c.position].text : "",
    c.kl,
    c.target === null ? "" : c.target,
    c.next_token.text,
    c.next_token.probability,
    c.text,
  ]),
];

/**
 * How far along its ramp a value is coloured: KL by its root (a small push moves it with its
 * square), a target as it is.
 *
 * @param {string} measure
 * @param {number} value
 * @param {number} most
 */
export const shadeOf = (measure, value, most) =>
  measure === "kl"
    ? Math.sqrt(Math.max(0, value) / Math.max(most, 1e-12))
    : Math.max(0, Math.min(1, value));

/** @type {Record<string, number>} */
const NEUTRAL = { add: 0, scale: 1 };

/**
 * Why a cell's KL can only be 0, in words; null where it need not be. Other edits of the recipe
 * stand in every cell and not in the baseline, so that nothing is 0 by construction with them.
 *
 * @param {{ body: SweepBody, axes: Axes }} job
 * @param {Pick<Cell, "position" | "strength">} cell
 * @param {boolean} lastLayer  of the swept feature's SAE
 */
export function noReachOf({ body, axes }, cell, lastLayer) {
  if (body.interventions.length) return null;
  if (cell.strength === NEUTRAL[body.mode]) return "0 by construction: this strength edits nothing";
  const last = axes.tokens.length - 1;
  return lastLayer && cell.position < last
    ? "0 by construction: after the last layer, only the last position reaches the next token"
    : null;
}
