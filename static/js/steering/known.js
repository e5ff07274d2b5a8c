/* What the Steering page asks the server for, and what it already knows: pure functions. A steering
 * request is known by what determines its answer, so that switching something off and on again, or
 * plugging two features in the other order, asks nothing twice. */

/** @import { Values } from "../shared/types.js" */
/** @import { Arms, SteerAnswer, SteerSettings } from "./types.js" */

/**
 * `value` as JSON with sorted keys: equal contents, equal text.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
  if (value === null || typeof value !== "object")
    return JSON.stringify(value === undefined ? null : value);
  const parts = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    "{" + parts.map(([name, of]) => JSON.stringify(name) + ":" + canonical(of)).join(",") + "}"
  );
}

/**
 * The requests of POST /api/steer that the page's settings mean: the greedy texts, then `samples`
 * seeded ones.
 *
 * @param {SteerSettings | null} settings
 * @returns {SteerSettings[]}
 */
export function steerPasses(settings) {
  if (!settings) return [];
  const greedy = Object.assign({}, settings, { temperature: 0, samples: 1 });
  const sampled = settings.samples > 0 && settings.temperature > 0 && settings.max_new_tokens > 0;
  return sampled ? [greedy, Object.assign({}, settings)] : [greedy];
}

/**
 * The request that only asks for the next token.
 *
 * @param {SteerSettings} settings
 * @returns {SteerSettings}
 */
export const shiftRequest = (settings) =>
  Object.assign({}, settings, {
    max_new_tokens: 0,
    samples: 1,
    temperature: 0,
    seed: 0,
    controls: false,
  });

/**
 * What determines the answer to `request`, as text. The order of interventions, the seed of greedy
 * texts and settings that touch nothing when there is no intervention are left out.
 *
 * @param {SteerSettings} request
 */
export function requestKey(request) {
  const edits = request.interventions || [];
  /** @type {Values} */
  const key = { ...request, interventions: edits.map(canonical).sort() };
  if (!(request.temperature > 0) && !(request.controls && edits.length)) delete key.seed;
  if (!edits.length)
    ["controls", "include_generated", "freeze_attention"].forEach((name) => delete key[name]);
  return canonical(key);
}

/**
 * The key of the same request without any intervention: what the baseline arm of `request` answers.
 *
 * @param {SteerSettings} request
 */
export const baselineKey = (request) =>
  requestKey(Object.assign({}, request, { interventions: [], controls: false }));

/**
 * Results by key; the one that was asked for longest ago goes first when there are more than
 * `most`.
 *
 * @template T
 * @param {number} most
 */
export function knownResults(most) {
  /** @type {Map<string, T>} */
  const kept = new Map();
  return {
    /** @param {string} key */
    get(key) {
      const value = kept.get(key);
      if (value === undefined) return null;
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    /**
     * @param {string} key
     * @param {T} value
     */
    put(key, value) {
      kept.delete(key);
      kept.set(key, value);
      const [oldest] = kept.keys();
      if (kept.size > most) kept.delete(oldest);
    },
    clear: () => kept.clear(),
    size: () => kept.size,
  };
}

/**
 * What this browser has been told by the model whose hash is `fingerprint`: another model, another
 * memory.
 */
export const steerKnown = {
  shifts: /** @type {ReturnType<typeof knownResults<SteerAnswer>>} */ (knownResults(200)),
  texts: /** @type {ReturnType<typeof knownResults<Arms>>} */ (knownResults(60)),
  fingerprint: /** @type {string | null} */ (null),
};

/** @param {string | null | undefined} fingerprint */
export function knownOf(fingerprint) {
  const known = steerKnown;
  if (fingerprint && known.fingerprint !== fingerprint) {
    known.shifts.clear();
    known.texts.clear();
    known.fingerprint = fingerprint;
  }
  return known;
}

const NO_CHANGE = "The model as it is, without any intervention.";

/**
 * Answer of POST /api/steer to the same prompt without interventions, from one with some: its
 * baseline arm twice.
 *
 * @param {SteerAnswer} answer
 * @returns {SteerAnswer}
 */
export const unsteered = (answer) =>
  Object.assign({}, answer, {
    steered: answer.baseline,
    controls: {},
    kl: 0,
    applied_positions: [],
    sentence: NO_CHANGE,
  });
