/* The texts, written as they come: the greedy pass first, then the samples; what was written before
 * is known. */

import { useKept } from "../shared/hooks/kept.js";
import { useEscape } from "../shared/hooks/keys.js";
import { reportProblem } from "../shared/notices.js";
import { h, useEffect, useRef } from "../shared/hooks/react.js";
import { stopJob } from "../shared/stream.js";
import { csvButton, stopButton } from "../shared/buttons.js";
import { textsTable } from "./arms.js";
import { hasBegun, newRun, write } from "./run.js";
import { SteerTexts, placeWords } from "./texts.js";

/** @import { Problem } from "../shared/types.js" */
/** @import { Run, StreamProps, Unreachable } from "./types.js" */

const SETTLE_MS = 350;

/**
 * The sentence for a control that cannot do anything: an edit after the last layer, not at the last
 * position.
 *
 * @param {StreamProps} props
 * @returns {Unreachable}
 */
function unreachableIn(props) {
  const layers = Object.fromEntries((props.saes || []).map((sae) => [sae.sae_id, sae.layer]));
  return (pass, name) => {
    const edits = pass.request.interventions;
    const atEnd = edits.length && edits.every((edit) => layers[edit.sae_id] === props.last_layer);
    return name === "content_position" && atEnd && pass.arms[name].kl === 0
      ? "0 by construction: after the last layer, only the last position reaches the next token."
      : null;
  };
}

/** @type {Record<string, string>} */
const WORDS = {
  idle: "",
  streaming: "writing…",
  done: "done",
  stopped: "stopped; the text so far is kept",
  failed: "",
};

/**
 * @param {Run | null} run
 * @param {Run | null} shown
 * @param {boolean} stale
 */
function statusWords(run, shown, stale) {
  if (run === null) return "";
  const waiting = run.passes.find((pass) => pass.status === "streaming" && pass.place > 0);
  if (waiting) return `waiting behind ${waiting.place}`;
  const words =
    run.status === "stopped" && shown !== run
      ? "stopped before the first token; below are the texts of the run before"
      : WORDS[run.status];
  return words + (stale ? " · of earlier settings" : "");
}

/**
 * start, stop and the run that is on screen.
 *
 * @param {StreamProps} props
 */
function useRun(props) {
  const nothing = /** @type {{ run: Run | null, shown: Run | null }} */ ({
    run: null,
    shown: null,
  });
  const [changed, kept] = useKept(nothing);
  const [ended, gone] = [useRef(0), useRef(false)];
  const stop = () => {
    const run = kept.current.run;
    if (!run || run.status !== "streaming") return;
    run.status = "stopped";
    run.passes.forEach((pass) => stopJob(pass, props.cancel));
    changed();
  };
  /** @param {boolean} again */
  const start = (again) => {
    stop();
    if (!props.request) return;
    const run = newRun(props.request, !again, props.model);
    kept.current.run = run;
    changed();
    write(run, props.endpoint, changed).then(() => {
      if (kept.current.run !== run || gone.current) return;
      const failed = run.passes.find((pass) => pass.problem);
      if (failed?.problem) reportProblem(failed.problem, props.endpoint);
      props.setProps({ status: run.status, n_ended: (ended.current += 1) });
      changed();
    });
  };
  const key = props.request ? JSON.stringify(props.request) : null;
  useEffect(() => {
    if (!props.request || !key || !props.auto || (kept.current.run && kept.current.run.key === key))
      return undefined;
    const isKnown = newRun(props.request, true, props.model).passes.every(
      (pass) => pass.status === "done",
    );
    const timer = setTimeout(() => start(false), isKnown ? 0 : SETTLE_MS);
    return () => clearTimeout(timer);
  }, [key, props.auto]);
  useEffect(
    () => () => {
      gone.current = true;
      stop();
    },
    [],
  );
  useEscape(stop);
  const newest = JSON.stringify(props.newest || props.request || null);
  if (hasBegun(kept.current.run)) kept.current.shown = kept.current.run;
  return {
    run: kept.current.run,
    shown: kept.current.shown,
    stale: kept.current.run !== null && kept.current.run.key !== newest,
    start,
    stop,
  };
}

/**
 * Start or stop, how it goes, and the CSV of what stands below.
 *
 * @param {{ props: StreamProps, state: ReturnType<typeof useRun>, running: boolean }} props
 */
function Tools({ props, state, running }) {
  const { run, shown, stale, start, stop } = state;
  const csv = { title: "every token of every arm, with its probability" };
  return h(
    "div",
    { className: "fs-stream-tools" },
    running
      ? stopButton(props.id + "-stop", stop)
      : h(
          "button",
          {
            type: "button",
            className: run === null ? "fs-go" : "fs-button fs-again",
            id: props.id + "-run",
            onClick: () => start(true),
            disabled: !props.request,
          },
          run === null ? "Write the texts" : "Write again",
        ),
    h("span", { className: "fs-quiet", role: "status" }, statusWords(run, shown, stale)),
    shown && !running ? csvButton("texts", () => textsTable(shown), csv) : null,
  );
}

/** @param {{ problem: Problem }} props */
function Problem({ problem }) {
  return h(
    "div",
    { className: "fs-prompt-problem", role: "alert" },
    `${problem.title}: ${problem.detail}`,
    problem.request_id ? h("small", null, ` (request ${problem.request_id})`) : null,
  );
}

/**
 * props: id, newest and request (settings: see known.js), auto, endpoint, cancel, model, tokens,
 * saes, last_layer; tells {status, n_ended} when a run ends.
 *
 * @param {StreamProps} props
 */
export function SteerStream(props) {
  const state = useRun(props);
  const { run, shown, stale } = state;
  const running = run !== null && run.status === "streaming";
  const failed = run && run.passes.find((pass) => pass.problem);
  return h(
    "div",
    {
      id: props.id,
      className: "fs-stream",
      "data-status": run ? run.status : "idle",
      "data-run": run ? run.id : "",
      "data-stale": stale,
    },
    h(Tools, { props, state, running }),
    failed?.problem ? h(Problem, { problem: failed.problem }) : null,
    shown
      ? h(SteerTexts, {
          run: shown,
          running: running && shown === run,
          stale: (stale && !running) || shown !== run,
          where: placeWords(props.tokens),
          unreachable: unreachableIn(props),
        })
      : null,
  );
}
