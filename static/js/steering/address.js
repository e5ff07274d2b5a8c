/* The Steering page in the address bar (only what differs from the defaults), and the request that
 * it composes. */

import { EMPTY, prefixIn, writeAddress } from "../shared/address.js";
import { noUpdate } from "../shared/dash.js";
import { readStops, writtenStops } from "../shared/tokens/stops.js";
import { writtenTurns } from "../shared/tokens/turns.js";
import { examples } from "./examples.js";
import { canonical } from "./known.js";

/** @import { Turn, Values } from "../shared/types.js" */
/** @import { Demonstration, Edit, Intervention, SteerDefaults, SteerSettings } from "./types.js" */

/**
 * One intervention in an address: sae_id:index:mode:value:positions[:off], positions as
 * last_function | 3.5.7
 *
 * @param {Intervention} it
 */
export function writtenIntervention(it) {
  const positions = Array.isArray(it.positions) ? it.positions.join(".") : it.positions;
  return (
    [it.sae_id, it.feature_index, it.mode, it.value, positions].join(":") + (it.on ? "" : ":off")
  );
}

/**
 * @param {Intervention} it
 * @returns {Edit}
 */
const asAsked = (it) => ({
  sae_id: it.sae_id,
  feature_index: it.feature_index,
  mode: it.mode,
  value: it.mode === "ablate" ? 0 : it.value,
  positions: it.positions,
});

/**
 * What the page asks for: a body of POST /api/steer in which `samples` counts the seeded texts
 * beside the greedy one (live.steerPasses turns it into requests). Null while there is nothing to
 * steer.
 *
 * @param {string} prompt
 * @param {Intervention[] | null} interventions
 * @param {boolean} generated
 * @param {boolean} freeze
 * @param {boolean} chat
 * @param {number} tokens
 * @param {number} temperature
 * @param {number} samples
 * @param {number} seed
 * @param {boolean} controls
 * @param {string | null} prefix
 * @param {string[] | null} stop
 * @param {Turn[] | null} turns
 * @returns {unknown}
 */
export function steerRequest(
  prompt,
  interventions,
  generated,
  freeze,
  chat,
  tokens,
  temperature,
  samples,
  seed,
  controls,
  prefix,
  stop,
  turns,
) {
  if ([tokens, temperature, samples, seed].some((n) => typeof n !== "number")) return noUpdate();
  if (!prompt) return null;
  return {
    prompt,
    chat: Boolean(chat),
    interventions: (interventions || []).filter((it) => it.on).map(asAsked),
    include_generated: Boolean(generated),
    freeze_attention: Boolean(freeze),
    max_new_tokens: tokens,
    temperature,
    samples,
    seed,
    controls: Boolean(controls),
    ...examples(prefix, stop, chat, turns),
  };
}

/**
 * The features whose strengths the cards need: changes only when a feature or the prompt does.
 *
 * @param {string} prompt
 * @param {boolean} chat
 * @param {Intervention[] | null} interventions
 * @param {string | null} prefix
 * @param {Turn[] | null} turns
 * @param {unknown} now
 */
export function steerSubjects(prompt, chat, interventions, prefix, turns, now) {
  const keys = [
    ...new Set((interventions || []).map((it) => `${it.sae_id}:${it.feature_index}`)),
  ].sort();
  const next = {
    prompt: prompt || "",
    chat: Boolean(chat),
    features: keys,
    ...examples(prefix, null, chat, turns),
  };
  return now && canonical(now) === canonical(next) ? noUpdate() : next;
}

/**
 * @param {Values} values
 * @param {Values} start
 * @returns {Values}
 */
const differing = (values, start) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === start[name] ? null : value]),
  );

/**
 * Without a prompt there is no request to read the settings from: they stay as the address has
 * them.
 *
 * @param {Values} start
 * @returns {Values}
 */
function keptSettings(start) {
  const address = new URLSearchParams(window.location.search);
  const kept = (/** @type {string} */ name) =>
    address.get(name) === "" ? EMPTY : address.get(name);
  return Object.fromEntries(Object.keys(start).map((name) => [name, kept(name)]));
}

/**
 * @param {SteerSettings | null} request
 * @param {Values} start
 */
function chosenSettings(request, start) {
  if (!request) return keptSettings(start);
  const now = {
    tokens: request.max_new_tokens,
    temperature: request.temperature,
    samples: request.samples,
    seed: request.seed,
    controls: Number(request.controls),
    generated: Number(request.include_generated),
    freeze: Number(request.freeze_attention),
    chat: Number(request.chat),
  };
  const asNumbers = Object.fromEntries(
    Object.entries(start).map(([name, value]) => [name, Number(value)]),
  );
  return differing(now, asNumbers);
}

/**
 * @param {SteerSettings} request
 * @param {{ prefix?: string, stop?: string }} defaults
 * @returns {Values}
 */
function writtenBefore(request, defaults) {
  const stop = writtenStops(request.stop);
  return Object.assign(
    request.chat ? {} : prefixIn(request.prefix || "", defaults.prefix || ""),
    stop === (defaults.stop || "") ? {} : { stop: stop || EMPTY },
    { turns: writtenTurns(request.turns) },
  );
}

/**
 * Leaves the address alone when the person has already gone to another page.
 *
 * @param {SteerSettings | null} request
 * @param {Intervention[] | null} interventions
 * @param {Values | null} sweep
 * @param {Values | null} traits
 * @param {Values | null} set
 * @param {SteerDefaults | null} defaults
 */
export function steerAddress(request, interventions, sweep, traits, set, defaults) {
  if (!defaults || !interventions) return noUpdate();
  const now = request || { prompt: "" };
  const features = interventions.map(writtenIntervention).join(",");
  const same = now.prompt === defaults.prompt && features === defaults.features;
  return writeAddress(
    "/steer",
    Object.assign(
      same ? {} : { prompt: now.prompt || EMPTY, f: features },
      request ? writtenBefore(request, defaults) : keptSettings({ prefix: 0, stop: 0, turns: 0 }),
      chosenSettings(request, defaults.settings),
      differing(sweep || {}, defaults.sweep),
      differing(traits || {}, defaults.traits),
      differing(set || {}, defaults.set),
    ),
  );
}

/**
 * A demonstration's prompt, interventions, examples and stops, by the button that was pressed.
 *
 * @param {unknown[]} clicks
 * @param {{ demonstrations: Demonstration[] } | null} defaults
 * @returns {unknown[]}
 */
export function steerDemonstration(clicks, defaults) {
  const pressed = window.dash_clientside.callback_context.triggered_id;
  if (!defaults || !pressed || !clicks.some(Boolean)) return Array(5).fill(noUpdate());
  const demo = defaults.demonstrations[pressed.index];
  const stop = readStops(demo.stop);
  return [demo.prompt, [Object.assign({}, demo.intervention)], false, demo.prefix || "", stop];
}

/**
 * "greedy, then 3 texts at temperature 0.8 · 24 tokens": the generation settings, closed.
 *
 * @param {number} tokens
 * @param {number} temperature
 * @param {number} samples
 * @param {number} seed
 * @param {boolean} controls
 */
export function steerSettingsWords(tokens, temperature, samples, seed, controls) {
  if ([tokens, temperature, samples, seed].some((n) => typeof n !== "number")) return noUpdate();
  const sampled = samples > 0 && temperature > 0;
  return [
    sampled
      ? `greedy, then ${samples} sampled at temperature ${temperature}, seed ${seed}`
      : "greedy",
    `up to ${tokens} tokens`,
    controls ? "with controls" : "without controls",
  ].join(" · ");
}
