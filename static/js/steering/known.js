/* What the Steering page asks the server for, and what it already knows: pure functions.
 * A steering request is known by what determines its answer, so that switching something off and on again,
 * or plugging two features in the other order, asks nothing twice. */

/** `value` as JSON with sorted keys: equal contents, equal text. */
export function canonical(value) {
  if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
  if (value === null || typeof value !== "object")
    return JSON.stringify(value === undefined ? null : value);
  return (
    "{" +
    Object.keys(value)
      .sort()
      .map((key) => JSON.stringify(key) + ":" + canonical(value[key]))
      .join(",") +
    "}"
  );
}

/** The requests of POST /api/steer that the page's settings mean: the greedy texts, then `samples` seeded ones. */
export function steerPasses(settings) {
  if (!settings) return [];
  const greedy = Object.assign({}, settings, { temperature: 0, samples: 1 });
  const sampled = settings.samples > 0 && settings.temperature > 0 && settings.max_new_tokens > 0;
  return sampled ? [greedy, Object.assign({}, settings)] : [greedy];
}

/** The request that only asks for the next token. */
export const shiftRequest = (settings) =>
  Object.assign({}, settings, {
    max_new_tokens: 0,
    samples: 1,
    temperature: 0,
    seed: 0,
    controls: false,
  });

/** What determines the answer to `request`, as text. The order of interventions, the seed of greedy texts and
 *  settings that touch nothing when there is no intervention are left out. */
export function requestKey(request) {
  const edits = request.interventions || [];
  const key = Object.assign({}, request, { interventions: edits.map(canonical).sort() });
  if (!(request.temperature > 0) && !(request.controls && edits.length)) delete key.seed;
  if (!edits.length)
    ["controls", "include_generated", "freeze_attention"].forEach((name) => delete key[name]);
  return canonical(key);
}

/** The key of the same request without any intervention: what the baseline arm of `request` answers. */
export const baselineKey = (request) =>
  requestKey(Object.assign({}, request, { interventions: [], controls: false }));

/** Results by key; the one that was asked for longest ago goes first when there are more than `most`. */
export function knownResults(most) {
  const kept = new Map();
  return {
    get(key) {
      if (!kept.has(key)) return null;
      const value = kept.get(key);
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    put(key, value) {
      kept.delete(key);
      kept.set(key, value);
      if (kept.size > most) kept.delete(kept.keys().next().value);
    },
    clear: () => kept.clear(),
    size: () => kept.size,
  };
}

/** What this browser has been told by the model whose hash is `fingerprint`: another model, another memory. */
export const steerKnown = { shifts: knownResults(200), texts: knownResults(60), fingerprint: null };

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

/** Answer of POST /api/steer to the same prompt without interventions, from one with some: its baseline arm twice. */
export const unsteered = (answer) =>
  Object.assign({}, answer, {
    steered: answer.baseline,
    controls: {},
    kl: 0,
    applied_positions: [],
    sentence: NO_CHANGE,
  });
