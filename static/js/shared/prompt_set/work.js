/* A run over a set of one's own: streamed as it goes, recorded as it ends, opened again by its
 * link. */

import { keepTokens } from "../delete_tokens.js";
import { useKept } from "../hooks/kept.js";
import { useEscape } from "../hooks/keys.js";
import { h, useEffect } from "../hooks/react.js";
import { reportProblem } from "../notices.js";
import { RunAddress } from "../run_link.js";
import { newJob, problemOf, pumpFrames, refusal, stopJob } from "../stream.js";
import { usePromptSet } from "./box.js";

/** @import { Data } from "../types.js" */
/** @import { SetRun, SetWork, SetWorkOf } from "./types.js" */

const ENDPOINT = "/api/runs/stream";

/**
 * Puts one frame into what is known: {result, run}.
 *
 * @param {SetRun} kept
 * @param {string} event
 * @param {Data} data
 */
export function applySetFrame(kept, event, data) {
  if (event === "progress") kept.result = data.result;
  else if (event === "answers") {
    const rows = kept.result ? kept.result.rows : [];
    const { arms, done, total } = data;
    kept.result = { arms, done, total, rows: rows.concat(data.rows) };
  } else if (event === "final") Object.assign(kept, { result: data.result, run: data.run });
}

/**
 * How far it is, in words.
 *
 * @param {SetRun} kept
 */
export function progressWords({ job, result }) {
  if (!job || job.problem) return "";
  if (!result) return job.place ? `${job.place} before it in the queue` : "reading the prompts…";
  const counted = `${result.done} of ${result.total} prompts`;
  if (job.status === "streaming") return counted;
  return job.status === "stopped"
    ? `stopped: ${counted}; a part is not recorded`
    : `${result.done} prompts`;
}

/**
 * @param {string} runId
 * @param {string} kind
 */
async function recorded(runId, kind) {
  const response = await fetch(`/api/runs/${encodeURIComponent(runId)}`);
  if (!response.ok) throw await refusal(response);
  const run = await response.json();
  if (run.kind !== kind)
    throw { title: "Another kind of run", detail: `${runId} is no set of this page.` };
  return run;
}

/**
 * React hook. `opened`: the run that the address names; `tell` is told which one was made.
 *
 * @param {SetWorkOf} of
 * @returns {SetWork}
 */
export function useSetWork({ kind, cancel, opened, tell }) {
  const [set, actions] = usePromptSet();
  const nothing = /** @type {SetRun} */ ({ job: null, result: null, run: null, request: null });
  const [redraw, latest] = useKept(nothing);
  const stop = () => {
    stopJob(latest.current.job, cancel);
    redraw();
  };
  const start = (/** @type {{ prompts: string[] }} */ request) => {
    stop();
    const job = newJob();
    const kept = (latest.current = { ...nothing, job, request });
    redraw();
    pumpFrames(
      job,
      ENDPOINT,
      { kind, request },
      (event, data) => applySetFrame(kept, event, data),
      redraw,
    ).then(() => {
      if (job.problem) reportProblem(job.problem, ENDPOINT);
      if (kept.run && kept === latest.current) {
        keepTokens([kept.run]);
        tell(kept.run.run_id);
      }
      redraw();
    });
  };
  useEffect(() => {
    const known = latest.current.run;
    if (!opened || (known && known.run_id === opened)) return;
    recorded(opened, kind)
      .then((run) => {
        actions.load(run.request.prompts || []);
        const link = { run_id: opened, url: `/r/${opened}`, reused: true };
        const { result } = run;
        latest.current = { job: null, result, run: link, request: run.request };
        redraw();
      })
      .catch((error) => reportProblem(problemOf(error, "The set cannot be opened"), ENDPOINT));
  }, [opened]);
  useEffect(() => () => stopJob(latest.current.job, cancel), []);
  useEscape(stop);
  return { set, actions, kept: latest.current, start, stop };
}

/**
 * The button that runs it or stops it, how far it is, what went wrong, and the run's link.
 *
 * @param {{ id: string, label: string, work: SetWork, run: (() => void) | null, why?: string | null
 *   }} props run: null while there is nothing to run, and `why`
 */
export function SetRunTools({ id, label, work, run, why }) {
  const { kept, stop } = work;
  const running = kept.job !== null && kept.job.status === "streaming";
  const problem = kept.job && kept.job.problem;
  return h(
    "div",
    { className: "fs-stream-tools fs-own-run" },
    running
      ? h(
          "button",
          { type: "button", className: "fs-go fs-stop", id: id + "-stop", onClick: stop },
          "Stop ",
          h("kbd", null, "Esc"),
        )
      : h(
          "button",
          {
            type: "button",
            className: "fs-go",
            id: id + "-run",
            onClick: run ?? undefined,
            disabled: !run,
          },
          label,
        ),
    running && kept.result
      ? h("progress", {
          value: kept.result.done,
          max: kept.result.total,
          "aria-label": "prompts done",
        })
      : null,
    h("span", { className: "fs-quiet", role: "status", id: id + "-progress" }, progressWords(kept)),
    why ? h("span", { className: "fs-warn" }, why) : null,
    kept.run && !running ? h(RunAddress, { run: { ...kept.run, holds: "recorded" } }) : null,
    problem
      ? h(
          "div",
          { className: "fs-prompt-problem", role: "alert" },
          `${problem.title}: ${problem.detail}`,
        )
      : null,
  );
}
