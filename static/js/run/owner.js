/* Whoever recorded a run may name it and remove it: this browser keeps the delete token that was
 * told once. Under localStorage["functionscope-run-<run_id>"]; another browser simply has no such
 * tools. */

import { around } from "../shared/events.js";
import { at } from "../shared/base.js";
import { noUpdate } from "../shared/dash.js";
import { keep, stored } from "../shared/delete_tokens.js";
import { reportProblem } from "../shared/notices.js";

/** @import { Values } from "../shared/types.js" */

/**
 * @param {string} method
 * @param {string} runId
 * @param {Values} [body]
 */
async function send(method, runId, body) {
  const reply = await fetch(`/api/runs/${encodeURIComponent(runId)}`, {
    method,
    headers: { "Content-Type": "application/json", "X-Delete-Token": stored(runId) || "" },
    body: body && JSON.stringify(body),
  });
  const answer = await reply.json();
  if (!reply.ok) reportProblem(answer);
  return reply.ok;
}

/**
 * The tools appear where this browser recorded the run.
 *
 * @param {unknown} children
 * @param {string} runId
 */
export function showOwner(children, runId) {
  window.setTimeout(() => {
    const tools = document.getElementById("run-owner");
    if (tools) tools.hidden = !stored(runId);
  }, 0);
  return noUpdate();
}

document.addEventListener("submit", async (event) => {
  const form = around(event, ".fs-run-owner form");
  if (!(form instanceof HTMLFormElement)) return;
  event.preventDefault();
  const values = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  if (await send("PATCH", String(form.dataset.run), values)) window.location.reload();
});

document.addEventListener("click", async (event) => {
  const button = around(event, "[data-fs-delete-run]");
  if (!button) return;
  const runId = String(button.dataset.fsDeleteRun);
  if (!window.confirm("Delete this run for ever? Its link will open nothing.")) return;
  if (await send("DELETE", runId)) {
    keep(runId, null);
    window.location.assign(at("/"));
  }
});
