/* The trait finder's request from what stands in its form, and its answer as rows. Pure. */

import { number } from "../../shared/number.js";
import { examplesOf } from "../examples.js";
import { newIntervention } from "../interventions.js";
import { readTarget } from "../sweep/plan.js";

/** @import { Data } from "../../shared/types.js" */
/** @import { Rate, TraitBody, TraitJob, TraitResult, TraitSettings } from "./types.js" */
/** @import { Intervention, SteerSettings } from "../types.js" */

/**
 * One prompt a line; each is asked with a line break behind it, where the answer begins. Empty
 * lines fall away.
 *
 * @param {string} text
 */
export const promptLines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => line + "\n");

/**
 * {body} of POST /api/traits, or {problem} in words.
 *
 * @param {Omit<TraitSettings, "open_traits">} settings
 * @param {number | undefined} mostPrompts
 * @param {SteerSettings | null | undefined} request the page's, whose prefix and stops hold here
 *   too
 * @returns {{ problem?: string, body?: TraitBody }}
 */
export function traitPlan(settings, mostPrompts, request) {
  const [trait] = promptLines(settings.trait);
  const [contrast, test] = [promptLines(settings.contrast), promptLines(settings.test)];
  const success = readTarget(settings.success, null);
  const [induces, length] = [Number(settings.induces), Number(settings.length)];
  const n = contrast.length + test.length;
  /** @type {[wrong: unknown, problem: string][]} */
  const problems = [
    [!trait, "Write a prompt that shows the trait."],
    [
      request && request.turns,
      "The trait finder asks each prompt by itself: take the earlier turns out.",
    ],
    [!contrast.length, "Write at least one contrast prompt."],
    [!test.length, "Write at least one test prompt: success is counted on those alone."],
    [
      mostPrompts && n > mostPrompts,
      `${n} prompts are more than the ${mostPrompts} that this server takes in one search.`,
    ],
    [!success || success.problem, "Say what shows the trait: a language, a pattern or a token."],
    [
      settings.ask.trim() && !settings.ask.includes("{prompt}"),
      "The way to ask needs {prompt} where the question stands.",
    ],
    [
      !(induces > 0 && induces <= 1),
      `The share that counts as induced: got ${settings.induces}, allowed is above 0, at most 1.`,
    ],
    [
      !(Number.isInteger(length) && length >= 1),
      `Tokens per answer: got ${settings.length}, allowed is a whole number from 1.`,
    ],
  ];
  const problem = problems.find(([wrong]) => wrong);
  if (problem) return { problem: problem[1] };
  return {
    body: {
      trait_prompt: trait,
      contrast_prompts: contrast,
      test_prompts: test,
      success,
      chat: Boolean(request && request.chat),
      sae_ids: null,
      alphas: null,
      instruction: settings.ask.trim() ? settings.ask.trim() : null,
      induces,
      max_new_tokens: length,
      ...examplesOf(request),
    },
  };
}

/**
 * Puts one frame into what is known of a search: {layers, trials, strengths, arms, result}.
 *
 * @param {TraitJob} job
 * @param {string} event
 * @param {Data} data
 */
export function applyTraitFrame(job, event, data) {
  if (event === "progress") {
    Object.assign(job, {
      stage: data.stage,
      done: data.done,
      most: data.most,
      sentence: data.sentence,
    });
    if (data.layer) job.layers.push(data.layer);
    if (data.trial) job.trials.push(data.trial);
    if (data.strength) job.strengths.push(data.strength);
    if (data.arm) job.arms.push(data.arm);
  } else if (event === "final" && data.result) {
    Object.assign(job, {
      result: data.result,
      layers: data.result.layers,
      trials: data.result.trials,
      strengths: data.result.strengths,
      arms: data.result.arms,
    });
  }
}

/** @type {Record<string, string>} */
const ARMS = {
  none: "no edit",
  random_feature: "a random feature, same norm",
  difference_of_means: "difference of means",
  asking: "asking in the prompt",
};

/** @param {Pick<TraitResult, "k" | "alpha">} result */
const featuresWords = (result) => `k = ${result.k} together, α ${number(Number(result.alpha))}`;

/** @param {Pick<TraitResult, "feature_alpha">} result */
const featureWords = (result) => `the feature alone, α ${number(Number(result.feature_alpha))}`;

/**
 * An arm of the search by what it adds; without strengths until `result` is there.
 *
 * @param {string} name
 * @param {TraitResult | null} result
 */
export function traitArmWords(name, result) {
  if (name === "features") return result?.k ? featuresWords(result) : "the k features";
  if (name === "feature") return result?.feature_alpha ? featureWords(result) : "the feature alone";
  return ARMS[name] ?? name;
}

/**
 * "8 of 10 · 0.80 [0.49, 0.94]"
 *
 * @param {Rate} rate
 */
export const rateWords = (rate) =>
  `${rate.successes} of ${rate.n} · ${rate.share.toFixed(2)} ` +
  `[${rate.interval.map((x) => x.toFixed(2)).join(", ")}]`;

/**
 * The found feature as an intervention, put in place of the same one or behind the others.
 *
 * @param {Intervention[]} interventions
 * @param {TraitResult} result
 */
export function withTraitFeature(interventions, result) {
  const fresh = newIntervention(
    {
      sae_id: result.sae_id,
      feature_index: Number(result.feature_index),
      value: Number(Number(result.feature_alpha).toPrecision(4)),
    },
    "last_function",
  );
  const same = interventions.findIndex(
    (it) => it.sae_id === result.sae_id && it.feature_index === result.feature_index,
  );
  // what is plugged in already would be tried with it
  const others = interventions.map((it) => Object.assign({}, it, { on: false }));
  if (same < 0) return others.concat([fresh]);
  others[same] = Object.assign({}, fresh, { uid: interventions[same].uid });
  return others;
}

/**
 * What was measured as rows for a spreadsheet.
 *
 * @param {TraitJob} job
 */
export const traitTable = (job) => [
  ["part", "name", "layer", "alpha", "k", "successes", "n", "share", "low", "high"],
  ...job.layers.map((one) => ["layer", one.sae_id, one.layer, "", "", ...rateCells(one.success)]),
  ...job.trials.map((one) => ["trial", "", "", one.alpha, one.k, ...rateCells(one.success)]),
  ...job.strengths.map((one) => ["alone", "", "", one.alpha, 1, ...rateCells(one.success)]),
  ...job.arms.map((one) => ["arm", one.name, "", "", "", ...rateCells(one.success)]),
];

/** @param {Rate} rate */
const rateCells = (rate) => [rate.successes, rate.n, rate.share, ...rate.interval];
