/* One sweep, read as it comes. */

import { channelOf } from "../../shared/channel.js";
import { useKept } from "../../shared/kept.js";
import { useEscape } from "../../shared/keys.js";
import { reportProblem } from "../../shared/notices.js";
import { useEffect, useState } from "../../shared/react.js";
import { newJob, pumpFrames, stopJob } from "../../shared/stream.js";

function applyFrame(job, event, data) {
  if (event === "sweep") job.axes = data;
  else if (event === "cells")
    data.cells.forEach((cell) => job.byPlace.set(`${cell.row}.${cell.column}`, cell));
}

export function useSweep(props, planned, settings, ready) {
  const [redraw, kept] = useKept({ job: null, asked: false });
  const [chosen, open] = useState(null);
  const stop = () => {
    stopJob(kept.current.job, props.cancel);
    redraw();
  };
  const start = () => {
    if (!planned.body) return;
    stopJob(kept.current.job, props.cancel);
    const job = Object.assign(newJob(), {
      axes: null,
      byPlace: new Map(),
      body: planned.body,
      multiples: planned.place.q999,
      top: channelOf("steer").get().answer,
    });
    kept.current = { job, asked: true };
    open(null);
    redraw();
    props.setProps({
      body: planned.body,
      settings: Object.assign({}, settings, {
        sweep: `${planned.subject.sae_id}:${planned.subject.feature_index}`,
      }),
    });
    pumpFrames(
      job,
      props.endpoint,
      planned.body,
      (event, data) => applyFrame(job, event, data),
      redraw,
    ).then(() => {
      if (job.problem) reportProblem(job.problem);
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
