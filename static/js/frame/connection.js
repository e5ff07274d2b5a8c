/* No connection: said in the top bar and at the control that was used, until the server answers
 * again. What a page asks waits meanwhile; no address is kept whose page did not come. */

import { undoArrival } from "../shared/address.js";
import { at } from "../shared/base.js";
import { createConnection } from "../shared/connection.js";
import { around } from "../shared/events.js";
import { cured, failedAt, reportProblem, standsFor } from "../shared/notices.js";

/** @import { Plan } from "../shared/types.js" */

const RECENT_MS = 2000; // a request this long after somebody's act is that act's

const send = window.fetch.bind(window);

/** @type {{ at: number, left: number, top: number }} */
let used = { at: -Infinity, left: 0, top: 0 };

const SAID = {
  page: "No connection. This page did not come; open it again once the server answers.",
  rest: "No connection. This goes on by itself once the server answers.",
};

/** @param {string} text */
function sayThere(text) {
  const note = document.getElementById("frame-unasked") ?? document.createElement("div");
  note.id = "frame-unasked";
  note.className = "fs-unasked";
  note.setAttribute("role", "status");
  note.textContent = text;
  document.body.append(note);
  const widest = document.documentElement.clientWidth - note.offsetWidth - 8;
  note.style.left = `${Math.max(8, Math.min(used.left, widest))}px`;
  note.style.top = `${used.top}px`;
}

/** @param {Event} event */
function noticed(event) {
  const at =
    around(event, "button, a, label, input, textarea, summary, [role]") ??
    (event.target instanceof Element ? event.target : null);
  const box = at?.getBoundingClientRect();
  if (!box || at === document.body) return;
  used = {
    at: performance.now(),
    left: box.left + window.scrollX,
    top: Math.min(box.bottom, window.innerHeight - 90) + window.scrollY + 6,
  };
}

const isCallback = (/** @type {RequestInfo | URL} */ input) =>
  String(input).includes("_dash-update-component");

const outputOf = (/** @type {RequestInit | undefined} */ init) =>
  String(JSON.parse(String(init?.body)).output);

/**
 * What Dash asks, by what it would change.
 *
 * @param {RequestInit | undefined} init
 * @returns {Plan}
 */
function planOfCallback(init) {
  const output = outputOf(init);
  const changes = (/** @type {string} */ id) => output.includes(id);
  const by = used.at > performance.now() - RECENT_MS;
  if (changes("frame-live.children")) return { meanwhile: "drop" }; // the next beat asks again
  if (changes("frame-page.children") && document.querySelector("#frame-page > *"))
    return { meanwhile: "drop", arrives: true, by };
  return { meanwhile: "wait", key: output, by };
}

/**
 * @param {RequestInfo | URL} input
 * @param {RequestInit} [init]
 * @returns {Plan}
 */
function planOf(input, init) {
  if (isCallback(input)) return planOfCallback(init);
  const again = ["GET", "POST"].includes((init?.method ?? "GET").toUpperCase());
  return { meanwhile: again ? "wait" : "fail", by: used.at > performance.now() - RECENT_MS };
}

/**
 * @param {Plan} plan
 * @param {boolean} lost
 */
function unasked(plan, lost) {
  if (plan.arrives) undoArrival();
  if (lost && (plan.by || plan.arrives)) sayThere(plan.arrives ? SAID.page : SAID.rest);
  if (!lost)
    reportProblem({ title: "No answer", detail: "the connection closed each time; try it again" });
}

/** @param {boolean} lost */
function changed(lost) {
  document.documentElement.toggleAttribute("data-fs-lost", lost);
  const bar = document.getElementById("frame-connection");
  if (bar) bar.textContent = lost ? "no connection" : "";
  if (!lost) document.getElementById("frame-unasked")?.remove();
}

export const connection = createConnection({
  send,
  probe: () => send(at("/api/health"), { cache: "no-store" }),
  changed,
  planOf,
  unasked,
});

const SMALL = 4000; // bytes; what a failed callback says is less

/**
 * A callback's failure is shown by the server's answer to it; its next success takes it back.
 *
 * @param {string} output
 * @param {Response} response
 */
async function follow(output, response) {
  if (response.status !== 200) return;
  const { sideUpdate } = await response.json();
  const told = sideUpdate?.["frame-problem"] ?? sideUpdate?.["frame-problem.data"];
  if (told) failedAt(output);
  else cured(output);
}

/**
 * The code names the API's paths as the default preset has them.
 *
 * @type {import("../shared/types.js").Ask}
 */
export async function ask(input, init) {
  const ours = typeof input === "string" && input.startsWith("/api/");
  const response = await connection.ask(ours ? at(input) : input, init);
  if (isCallback(input)) {
    const output = outputOf(init);
    const length = Number(response.headers.get("content-length") ?? Infinity);
    if (standsFor(output) || length < SMALL) follow(output, response.clone()).catch(() => {});
  }
  return response;
}

for (const kind of ["pointerdown", "keydown", "change", "click"])
  window.addEventListener(kind, noticed, true);

/** A link that cannot be followed is not: the browser's own page of errors would stand there. */
window.addEventListener(
  "click",
  (event) => {
    const link = /** @type {HTMLAnchorElement | null} */ (around(event, "a[href]"));
    if (!connection.isLost() || !link || link.origin !== window.location.origin) return;
    const inside = link.hash && link.pathname === window.location.pathname;
    if (inside || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    sayThere(SAID.page);
  },
  true,
);

/* A server on this machine answers without a network: the browser's word is a reason to look. */
window.addEventListener("offline", connection.look);
window.addEventListener("online", connection.look);
