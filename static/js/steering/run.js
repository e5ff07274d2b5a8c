/* One run of the texts: its passes, what each has written, what is known already. */

import { newJob, pumpFrames } from "../shared/stream.js";
import { baselineKey, knownOf, requestKey, steerKnown, steerPasses } from "./known.js";

/** @import { Data, Status } from "../shared/types.js" */
/** @import { Arms, Pass, Run, SteerSettings } from "./types.js" */

let nextRun = 1;

const emptyArm = () => ({ sentence: "", kl: null, positions: [], texts: [] });

/**
 * Beside the arms, and with them wherever they are kept, but none of them: {arm: why it could not
 * be run}.
 *
 * @param {Arms} arms
 * @param {Record<string, string> | null | undefined} leftOut
 */
const keepLeftOut = (arms, leftOut) =>
  leftOut && Object.defineProperty(arms, "leftOut", { value: leftOut, configurable: true });

/**
 * Why controls could not be run, by arm.
 *
 * @param {Arms} arms
 * @returns {Record<string, string>}
 */
export const leftOutOf = (arms) =>
  /** @type {{ leftOut?: Record<string, string> }} */ (/** @type {unknown} */ (arms)).leftOut ?? {};

/**
 * Puts one frame into the pass's arms; the texts are lists of {text, token_id, probability}.
 *
 * @param {Pass} pass
 * @param {string} event
 * @param {Data} data
 */
export function applyFrame(pass, event, data) {
  if (event === "final" && data.result)
    keepLeftOut(pass.arms, data.result.effective.controls_left_out);
  if (event !== "arm" && event !== "token") return;
  const arm = (pass.arms[data.arm] = pass.arms[data.arm] || emptyArm());
  if (event === "arm")
    Object.assign(arm, { sentence: data.sentence, kl: data.kl, positions: data.positions || [] });
  else (arm.texts[data.sample] = arm.texts[data.sample] || []).push(data);
}

/**
 * A run of what the settings ask for: its passes, those that are known already done.
 *
 * @param {SteerSettings} settings
 * @param {boolean} known
 * @param {string | null | undefined} model
 * @returns {Run}
 */
export function newRun(settings, known, model) {
  const passes = steerPasses(settings).map((request) => {
    const arms = known ? knownOf(model).texts.get(requestKey(request)) : null;
    return Object.assign(newJob(), {
      request,
      arms: arms || {},
      status: arms ? "done" : "waiting",
    });
  });
  return { id: nextRun++, passes, key: JSON.stringify(settings), status: "streaming" };
}

/** @param {Pass} pass */
function remember(pass) {
  const texts = steerKnown.texts;
  texts.put(requestKey(pass.request), pass.arms);
  const steered = Object.assign({}, pass.arms.baseline, { kl: 0 });
  if (pass.arms.baseline)
    texts.put(baselineKey(pass.request), { baseline: pass.arms.baseline, steered });
}

/**
 * Writes the passes one after the other; ends early when one is stopped or fails. Sets run.status.
 *
 * @param {Run} run
 * @param {string} endpoint
 * @param {() => void} changed
 */
export async function write(run, endpoint, changed) {
  for (const pass of run.passes) {
    if (pass.status === "done") continue;
    if (run.status !== "streaming") return;
    pass.status = "streaming";
    await pumpFrames(
      pass,
      endpoint,
      pass.request,
      (event, data) => applyFrame(pass, event, data),
      changed,
    );
    const ended = /** @type {Status} */ (pass.status);
    if (ended === "done") remember(pass);
    else run.status = ended;
  }
  if (run.status === "streaming") run.status = "done";
}

/** @param {Run | null} run */
export const hasBegun = (run) =>
  run !== null && run.passes.some((pass) => Object.keys(pass.arms).length);
