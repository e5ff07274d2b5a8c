/* One search for a trait's feature, read as it comes. */

import { useKept } from "../../shared/hooks/kept.js";
import { useEscape } from "../../shared/hooks/keys.js";
import { reportProblem } from "../../shared/notices.js";
import { h, useEffect } from "../../shared/hooks/react.js";
import { newJob, pumpFrames, stopJob } from "../../shared/stream.js";
import { applyTraitFrame } from "./plan.js";

/** @import { TraitBody, TraitJob, TraitProps } from "./types.js" */

/** @type {Record<string, string>} */
const STAGES = {
  layers: "1 · the layer",
  features: "2 · the smallest k",
  strength: "3 · the feature alone",
  arms: "4 · on test prompts",
};

/** @param {{ job: TraitJob | null }} props */
export function Progress({ job }) {
  if (!job) return null;
  const share = job.most ? Math.min(1, job.done / job.most) : 0;
  const words = {
    waiting: "",
    streaming:
      job.place > 0 ? `waiting behind ${job.place}` : job.sentence || "reading the prompts…",
    done: "done",
    stopped: "stopped: a half-made search finds nothing; what it measured stands below",
    failed: "",
  }[job.status];
  return h(
    "div",
    { className: "fs-trait-progress" },
    job.status === "streaming"
      ? h("progress", {
          max: 1,
          value: job.most ? share : undefined,
          "aria-label": "progress of the search",
        })
      : null,
    h(
      "span",
      { className: "fs-quiet", role: "status", id: "steer-traits-status" },
      job.status === "streaming" && job.stage ? h("b", null, STAGES[job.stage], " ") : null,
      words,
    ),
  );
}

/**
 * @param {TraitProps} props
 * @param {{ body?: TraitBody }} planned
 */
export function useSearch(props, planned) {
  const nothing = /** @type {{ job: TraitJob | null }} */ ({ job: null });
  const [redraw, kept] = useKept(nothing);
  const stop = () => {
    stopJob(kept.current.job, props.cancel);
    redraw();
  };
  const start = () => {
    const { body } = planned;
    stop();
    if (!body) return;
    /** @type {TraitJob} */
    const job = Object.assign(newJob(), {
      layers: [],
      trials: [],
      strengths: [],
      arms: [],
      result: null,
      body,
      stage: null,
      done: 0,
      most: 0,
    });
    kept.current = { job };
    redraw();
    props.setProps({ body });
    pumpFrames(
      job,
      props.endpoint,
      body,
      (event, data) => applyTraitFrame(job, event, data),
      redraw,
    ).then(() => {
      if (job.problem) reportProblem(job.problem, props.endpoint);
      redraw();
    });
  };
  useEffect(() => () => stopJob(kept.current.job, props.cancel), []);
  useEscape(stop);
  return { job: kept.current.job, start, stop };
}
