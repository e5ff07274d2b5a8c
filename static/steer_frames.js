/* Server-sent events as the live endpoints send them: POST, read as it comes, stopped without losing what came. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});

  /** Splits a growing buffer into whole SSE frames: [[{event, data}], rest]. */
  live.readFrames = function (buffer) {
    const parts = buffer.replace(/\r\n/g, "\n").split("\n\n");
    const rest = parts.pop();
    const frames = parts.map((part) => {
      const lines = part.split("\n");
      const event = lines.find((line) => line.startsWith("event:"));
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      return data ? { event: event ? event.slice(6).trim() : "message", data: JSON.parse(data) } : null;
    });
    return [frames.filter(Boolean), rest];
  };

  const EARLY = { title: "The stream ended early", detail: "the connection closed before its last frame; what came is kept", request_id: "" };

  /** Reads one stream. `job` {abort, status "streaming", streamId, place, problem} is kept up to date: status becomes
   *  done, stopped or failed, and never throws. Every frame goes to apply(event, data), every piece ends in changed(). */
  live.pumpFrames = async function (job, endpoint, request, apply, changed) {
    const take = ({ event, data }) => {
      if (event === "start") Object.assign(job, { streamId: data.stream_id, place: data.queue_position });
      else if (event === "final") job.status = data.status === "done" ? "done" : "stopped";
      else if (event === "error") Object.assign(job, { status: "failed", problem: data.problem });
      else job.place = 0;
      apply(event, data);
    };
    try {
      const response = await fetch(endpoint, {
        method: "POST", signal: job.abort.signal, body: JSON.stringify(request),
        headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      });
      if (!response.ok) throw await live.refusal(response);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let buffer = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const [frames, rest] = live.readFrames(buffer + value);
        buffer = rest;
        if (job.status === "streaming") frames.forEach(take);
        changed();
      }
      if (job.status === "streaming") Object.assign(job, { status: "failed", problem: EARLY });
    } catch (error) {
      job.status = job.abort.signal.aborted ? "stopped" : "failed";
      if (job.status === "failed") job.problem = error.title ? error : { title: "The stream broke", detail: String(error.message || error), request_id: "" };
    }
  };

  live.newJob = () => ({ status: "streaming", abort: new AbortController(), streamId: null, place: 0, problem: null });

  /** Ends a job from this side; what came stays. */
  live.stopJob = function (job, cancel) {
    if (!job || job.status !== "streaming") return;
    job.status = "stopped";
    if (job.streamId) fetch(`${cancel}/${encodeURIComponent(job.streamId)}`, { method: "POST", keepalive: true }).catch(() => {});
    job.abort.abort();
  };

  /** React hook: [redraw, latest] where redraw() draws at most once a frame and `latest` holds what the component keeps. */
  live.useKept = function (first) {
    const { useRef, useState } = window.React;
    const [, draw] = useState(0);
    const queued = useRef(false);
    const kept = useRef(first);
    const redraw = () => {
      if (queued.current) return;
      queued.current = true;
      window.requestAnimationFrame(() => {
        queued.current = false;
        draw((n) => n + 1);
      });
    };
    return [redraw, kept];
  };

  /** React hook: Escape anywhere, also while typing; not when a dialog has it, or somebody has used it already. */
  live.useEscape = function (handler) {
    const latest = window.React.useRef(handler);
    latest.current = handler;
    window.React.useEffect(() => {
      const listen = (event) => {
        if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) latest.current();
      };
      document.addEventListener("keydown", listen);
      return () => document.removeEventListener("keydown", listen);
    }, []);
  };
})();
