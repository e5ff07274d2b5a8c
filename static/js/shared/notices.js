/* The status line: a failure stays until it is dismissed, a notice for four seconds. */

const NOTICE_MS = 4000;

export function setProps(id, props) {
  if (document.getElementById("frame-main") && window.dash_clientside?.set_props) {
    window.dash_clientside.set_props(id, props);
  }
}

export function reportProblem(data) {
  setProps("frame-problem", { data: { ...data, at: Date.now() } });
}

let noticeTimer = 0;

export function notice(text) {
  window.clearTimeout(noticeTimer);
  setProps("frame-notice", { children: text });
  noticeTimer = window.setTimeout(() => setProps("frame-notice", { children: "" }), NOTICE_MS);
}
