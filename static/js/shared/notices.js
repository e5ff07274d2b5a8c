/* The status line: a failure stays until it is dismissed, a notice for four seconds. */

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

/** @param {Partial<Problem>} data */
export function reportProblem(data) {
  setProps("frame-problem", { data: { ...data, at: Date.now() } });
}

let noticeTimer = 0;

/** @param {string} text */
export function notice(text) {
  window.clearTimeout(noticeTimer);
  setProps("frame-notice", { children: text });
  noticeTimer = window.setTimeout(() => setProps("frame-notice", { children: "" }), NOTICE_MS);
}
