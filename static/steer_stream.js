/* The texts, streamed: POST to /api/steer/stream, read as it comes, stopped without losing what came. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const SETTLE_MS = 350;
  const ARMS = ["baseline", "steered", "content_position", "random_feature", "sign_flipped"];
  const TITLES = {
    baseline: "Baseline", steered: "Steered", content_position: "Control: content token",
    random_feature: "Control: random feature", sign_flipped: "Control: sign flipped",
  };

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

  function emptyArm(sentence, kl) {
    return { sentence: sentence || "", kl: kl === undefined ? null : kl, texts: [] };
  }

  /** Puts one frame into `run`; the texts are lists of {text, token_id, probability}. */
  function apply(run, frame) {
    const { event, data } = frame;
    if (event === "start") {
      run.streamId = data.stream_id;
      run.place = data.queue_position;
    } else if (event === "arm") {
      run.arms[data.arm] = Object.assign(run.arms[data.arm] || emptyArm(), { sentence: data.sentence, kl: data.kl });
    } else if (event === "token") {
      run.place = 0;
      const arm = (run.arms[data.arm] = run.arms[data.arm] || emptyArm());
      (arm.texts[data.sample] = arm.texts[data.sample] || []).push(data);
    } else if (event === "final") {
      run.status = data.status === "done" ? "done" : "stopped";
    } else if (event === "error") {
      run.status = "failed";
      run.problem = data.problem;
    }
  }

  async function refusal(response) {
    const body = await response.json().catch(() => null);
    return body && body.detail ? body : { title: `HTTP ${response.status}`, detail: "the server gave no reason", request_id: response.headers.get("x-request-id") || "" };
  }

  /** Reads one stream into `run`, calling `changed` after every piece; never throws. */
  async function pump(run, endpoint, request, changed) {
    try {
      const response = await fetch(endpoint, {
        method: "POST", signal: run.abort.signal, body: JSON.stringify(request),
        headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      });
      if (!response.ok) {
        run.problem = await refusal(response);
        run.status = "failed";
        return;
      }
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let buffer = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const [frames, rest] = live.readFrames(buffer + value);
        buffer = rest;
        frames.forEach((frame) => apply(run, frame));
        changed();
      }
      if (run.status === "streaming") {
        run.status = "failed";
        run.problem = { title: "The stream ended early", detail: "the connection closed before its last frame; what came is kept", request_id: "" };
      }
    } catch (error) {
      run.status = run.abort.signal.aborted ? "stopped" : "failed";
      if (run.status === "failed") run.problem = { title: "The stream broke", detail: String(error.message || error), request_id: "" };
    }
  }

  function parting(tokens, baseline) {
    const at = tokens.findIndex((token, k) => !baseline || !baseline[k] || baseline[k].token_id !== token.token_id);
    return at < 0 ? null : at;
  }

  function Text({ tokens, baseline, running }) {
    const split = baseline === undefined ? null : parting(tokens, baseline);
    return h("p", { className: "fs-text" },
      tokens.map((token, k) =>
        h("span", { key: k, className: split !== null && k >= split ? (k === split ? "is-parting is-different" : "is-different") : undefined,
          title: `token ${token.token_id} · probability ${live.percent(token.probability)}` }, token.text)),
      running ? h("span", { className: "fs-caret", "aria-hidden": true }) : null);
  }

  function ArmColumn({ name, arm, baseline, running }) {
    return h("section", { className: "fs-stream-arm fs-stream-arm--" + name, "data-arm": name },
      h("h3", null, TITLES[name] || name, arm.kl === null || name === "baseline" ? null : h("span", null, `KL ${live.nats(arm.kl)} nats`)),
      h("p", { className: "fs-stream-arm-sentence" }, arm.sentence || "\u00a0"),
      h("div", null, (arm.texts.length ? arm.texts : [[]]).map((tokens, sample) =>
        h(Text, { key: sample, tokens: tokens || [], running, baseline: baseline ? baseline.texts[sample] || [] : undefined }))));
  }

  const WORDS = { idle: "", streaming: "writing…", done: "done", stopped: "stopped; the text so far is kept", failed: "" };

  /** props: id, request, auto, endpoint, cancel; tells {status, n_ended} when a stream ends. */
  live.SteerStream = function SteerStream(props) {
    const { useRef, useState, useEffect } = window.React;
    const [, draw] = useState(0);
    const current = useRef({ status: "idle", arms: {}, place: 0, problem: null, abort: null, key: null });
    const queued = useRef(false);
    const ended = useRef(0);
    const gone = useRef(false);
    const key = props.request ? JSON.stringify(props.request) : null;
    const changed = () => {
      if (queued.current) return;
      queued.current = true;
      window.requestAnimationFrame(() => { queued.current = false; draw((n) => n + 1); });
    };
    const stop = () => {
      const run = current.current;
      if (run.status !== "streaming") return;
      run.status = "stopped";
      if (run.streamId) fetch(`${props.cancel}/${encodeURIComponent(run.streamId)}`, { method: "POST", keepalive: true }).catch(() => {});
      run.abort.abort();
      changed();
    };
    const start = () => {
      stop();
      if (!props.request) return;
      const last = current.current;
      const before = Object.keys(last.arms).length ? last.arms : last.before || {};
      const run = { status: "streaming", arms: {}, before, place: 0, problem: null, abort: new AbortController(), key, streamId: null };
      current.current = run;
      changed();
      pump(run, props.endpoint, props.request, changed).then(() => {
        if (current.current !== run || gone.current) return;
        if (run.problem && window.fs) window.fs.problem(run.problem);
        ended.current += 1;
        props.setProps({ status: run.status, n_ended: ended.current });
        changed();
      });
    };
    useEffect(() => {
      if (!key || !props.auto || current.current.key === key) return undefined;
      const timer = setTimeout(start, SETTLE_MS);
      return () => clearTimeout(timer);
    }, [key, props.auto]);
    useEffect(() => () => {
      gone.current = true;
      stop();
    }, []);
    live.useKeys((event) => event.key === "Escape" && stop());
    const run = current.current;
    const running = run.status === "streaming";
    const stale = run.key !== null && key !== null && run.key !== key;
    const begun = Object.keys(run.arms).length > 0;
    const arms = begun || !running ? run.arms : run.before; // the old texts stand, dimmed, until the new ones begin
    const names = ARMS.filter((name) => arms[name]).concat(Object.keys(arms).filter((name) => !ARMS.includes(name)));
    return h("div", { id: props.id, className: "fs-stream", "data-status": run.status },
      h("div", { className: "fs-stream-tools" },
        running
          ? h("button", { type: "button", className: "fs-go fs-stop", id: props.id + "-stop", onClick: stop }, "Stop ", h("kbd", null, "Esc"))
          : h("button", { type: "button", className: "fs-go", id: props.id + "-run", onClick: start, disabled: !props.request }, "Write the texts"),
        h("span", { className: "fs-quiet", role: "status" },
          run.place > 0 ? `waiting behind ${run.place}` : WORDS[run.status], stale ? " · of earlier settings" : "")),
      run.problem ? h("div", { className: "fs-prompt-problem", role: "alert" }, `${run.problem.title}: ${run.problem.detail}`,
        run.problem.request_id ? h("small", null, ` (request ${run.problem.request_id})`) : null) : null,
      h("div", { className: "fs-stream-arms" + ((stale && !running) || (running && !begun) ? " is-stale" : ""), "data-arms": names.length }, names.map((name) =>
        h(ArmColumn, { key: name, name, arm: arms[name], running: running && begun, baseline: name === "baseline" ? null : arms.baseline }))));
  };
})();
