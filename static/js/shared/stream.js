/* Server-sent events as the live endpoints send them: POST, read as it comes, stopped without
 * losing what came. */

import { cured } from "./notices.js";

/** @import { Apply, Data, Job, Problem } from "./types.js" */

/**
 * Splits a growing buffer into whole SSE frames: [[{event, data}], rest].
 *
 * @param {string} buffer
 * @returns {[{ event: string, data: Data }[], string]}
 */
export function readFrames(buffer) {
  const parts = buffer.replace(/\r\n/g, "\n").split("\n\n");
  const rest = parts.pop() ?? "";
  const frames = parts.flatMap((part) => {
    const lines = part.split("\n");
    const event = lines.find((line) => line.startsWith("event:"));
    const data = lines
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).trimStart())
      .join("\n");
    return data
      ? [{ event: event ? event.slice(6).trim() : "message", data: JSON.parse(data) }]
      : [];
  });
  return [frames, rest];
}

const EARLY = {
  title: "The stream ended early",
  detail: "the connection closed before its last frame; what came is kept",
  request_id: "",
};

/**
 * Reads one stream. `job` {abort, status "streaming", streamId, place, problem} is kept up to date:
 * status becomes done, stopped or failed, and never throws. Every frame goes to apply(event, data),
 * every piece ends in changed().
 *
 * @param {Job} job
 * @param {string} endpoint
 * @param {unknown} request
 * @param {Apply} apply
 * @param {() => void} changed
 */
export async function pumpFrames(job, endpoint, request, apply, changed) {
  /** @param {{ event: string, data: Data }} frame */
  const take = ({ event, data }) => {
    if (event === "start")
      Object.assign(job, { streamId: data.stream_id, place: data.queue_position });
    else if (event === "final") {
      job.status = data.status === "done" ? "done" : "stopped";
      cured(endpoint);
    } else if (event === "error") Object.assign(job, { status: "failed", problem: data.problem });
    else job.place = 0;
    apply(event, data);
  };
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      signal: job.abort.signal,
      body: JSON.stringify(request),
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    });
    if (!response.ok || !response.body) throw await refusal(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffer = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const [frames, rest] = readFrames(buffer + value);
      buffer = rest;
      if (job.status === "streaming") frames.forEach(take);
      changed();
    }
    if (job.status === "streaming") Object.assign(job, { status: "failed", problem: EARLY });
  } catch (error) {
    job.status = job.abort.signal.aborted ? "stopped" : "failed";
    if (job.status === "failed") job.problem = problemOf(error, "The stream broke");
  }
}

/**
 * What was thrown, as problem details; `title` where it is another kind of error.
 *
 * @param {any} error
 * @param {string} title
 * @returns {Problem}
 */
export const problemOf = (error, title) =>
  error.title ? error : { title, detail: String(error.message || error), request_id: "" };

/** @returns {Job} */
export const newJob = () => ({
  status: "streaming",
  abort: new AbortController(),
  streamId: null,
  place: 0,
  problem: null,
});

/**
 * Ends a job from this side; what came stays.
 *
 * @param {Job | null} job
 * @param {string} cancel
 */
export function stopJob(job, cancel) {
  if (!job || job.status !== "streaming") return;
  job.status = "stopped";
  if (job.streamId)
    fetch(`${cancel}/${encodeURIComponent(job.streamId)}`, {
      method: "POST",
      keepalive: true,
    }).catch(() => {});
  job.abort.abort();
}

/**
 * The body of a refused answer as problem details, whatever came.
 *
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
export async function refusal(response) {
  const body = await response.json().catch(() => null);
  return body && body.detail
    ? body
    : {
        title: `HTTP ${response.status}`,
        detail: "the server gave no reason",
        request_id: response.headers.get("x-request-id") || "",
      };
}
