/* The status line: a failure stays until it is dismissed, or until what failed succeeds; a notice
 * for four seconds. */

/** @import { Problem, Values } from "./types.js" */

const NOTICE_MS = 4000;

/**
 * @param {string} id
 * @param {Values} props
 */
export function setProps(id, props) {
  if (document.getElementById("frame-main") && window.dash_clientside?.set_props) {
    window.dash_clientside.set_props(id, props);
  }
}

/** @type {string | null} */
let failed = null; // what the failure that stands there is of

/**
 * @param {Partial<Problem>} data
 * @param {string | null} [of] what failed: an endpoint, a callback's output
 */
export function reportProblem(data, of = null) {
  failed = of;
  setProps("frame-problem", { data: { ...data, at: Date.now() } });
}

/**
 * Says whose the failure is that somebody else has reported.
 *
 * @param {string} of
 */
export const failedAt = (of) => (failed = of);

/** @param {string} of */
export const standsFor = (of) => failed === of;

/**
 * What failed has succeeded: nothing is wrong any more.
 *
 * @param {string} of
 */
export function cured(of) {
  if (failed !== of) return;
  failed = null;
  setProps("frame-problem", { data: null });
}

let noticeTimer = 0;

/** @param {string} text */
export function notice(text) {
  window.clearTimeout(noticeTimer);
  setProps("frame-notice", { children: text });
  noticeTimer = window.setTimeout(() => setProps("frame-notice", { children: "" }), NOTICE_MS);
}
