/* One sweep, read as it comes. */

import { channelOf } from "../../shared/hooks/channel.js";
import { useKept } from "../../shared/hooks/kept.js";
import { useEscape } from "../../shared/hooks/keys.js";
import { reportProblem } from "../../shared/notices.js";
import { useEffect, useState } from "../../shared/hooks/react.js";
import { newJob, pumpFrames, stopJob } from "../../shared/stream.js";

/** @import { Data } from "../../shared/types.js" */
/** @import { Cell, SweepJob, SweepPlan, SweepProps, SweepSettings, SweepWork } from "./types.js" */

/**
 * @param {SweepJob} job
 * @param {string} event
 * @param {Data} data
 */
function applyFrame(job, event, data) {
  if (event === "sweep") job.axes = data;
  else if (event === "cells")
    data.cells.forEach((/** @type {Cell} */ cell) =>
      job.byPlace.set(`${cell.row}.${cell.column}`, cell),
    );
}

/**
 * @param {SweepProps} props
 * @param {SweepPlan} planned
 * @param {SweepSettings} settings
 * @param {unknown} ready
 * @returns {SweepWork}
 */
export function useSweep(props, planned, settings, ready) {
  const nothing = /** @type {{ job: SweepJob | null, asked: boolean }} */ ({
    job: null,
    asked: false,
  });
  const [redraw, kept] = useKept(nothing);
  const [chosen, open] = useState(null);
  const stop = () => {
    stopJob(kept.current.job, props.cancel);
    redraw();
  };
  const start = () => {
    const { body, place, subject } = planned;
    if (!body || !place || !subject) return;
    stopJob(kept.current.job, props.cancel);
    /** @type {SweepJob} */
    const job = Object.assign(newJob(), {
      axes: null,
      byPlace: new Map(),
      body,
      multiples: place.q999,
      top: channelOf("steer").get().answer,
    });
    kept.current = { job, asked: true };
    open(null);
    redraw();
    props.setProps({
      body,
      settings: Object.assign({}, settings, {
        sweep: `${subject.sae_id}:${subject.feature_index}`,
      }),
    });
    pumpFrames(
      job,
      props.endpoint,
      body,
      (event, data) => applyFrame(job, event, data),
      redraw,
    ).then(() => {
      if (job.problem) reportProblem(job.problem, props.endpoint);
      redraw();
    });
  };
  useEffect(() => {
    // a link to a sweep shows it
    if (ready && settings.open_sweep && settings.sweep && planned.body && !kept.current.asked)
      start();
  });
  useEffect(() => () => stopJob(kept.current.job, props.cancel), []);
  useEscape(stop);
  return { job: kept.current.job, start, stop, chosen, open };
}
