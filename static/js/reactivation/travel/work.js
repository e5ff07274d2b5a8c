/* One map, read as it comes. */

import { useKept } from "../../shared/hooks/kept.js";
import { useEscape } from "../../shared/hooks/keys.js";
import { reportProblem } from "../../shared/notices.js";
import { useEffect, useState } from "../../shared/hooks/react.js";
import { newJob, pumpFrames, stopJob } from "../../shared/stream.js";

/** @import { Data } from "../../shared/types.js" */
/** @import { Plan, TravelBody, TravelJob, TravelProps, TravelWork } from "./types.js" */

/**
 * @param {TravelJob} job
 * @param {string} event
 * @param {Data} data
 */
function applyFrame(job, event, data) {
  if (event === "map") job.axes = data;
  else if (event === "row") job.rows.push(data.row);
}

/**
 * @param {TravelBody} one
 * @param {TravelBody} other
 */
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * React hook: the map that was asked for last, by a press or by the link.
 *
 * @param {TravelProps} props
 * @param {Plan} planned
 * @returns {TravelWork}
 */
export function useTravel(props, planned) {
  const [redraw, kept] = useKept(/** @type {{ job: TravelJob | null }} */ ({ job: null }));
  const [chosen, choose] = useState(null);
  const { settings } = props;
  const { body } = planned;
  const stop = () => {
    stopJob(kept.current.job, props.cancel);
    redraw();
  };
  const start = () => {
    if (!body) return;
    stopJob(kept.current.job, props.cancel);
    /** @type {TravelJob} */
    const job = Object.assign(newJob(), { axes: null, rows: [], body });
    kept.current = { job };
    choose(null);
    redraw();
    props.setProps({ settings: { ...settings, travel: "1" } });
    pumpFrames(
      job,
      props.endpoint,
      body,
      (event, data) => applyFrame(job, event, data),
      redraw,
    ).then(() => {
      if (job.problem) reportProblem(job.problem);
      redraw();
    });
  };
  const { job } = kept.current;
  // the drawer holds what a press would ask, too
  useEffect(() => {
    if (body) props.setProps({ body });
  }, [JSON.stringify(body)]);
  useEffect(() => {
    if (!body || !settings.travel) return;
    if (!job) start();
    // a link says what is on the page: the map of other prompts or answers it does not
    else if (!isSame(job.body, body)) props.setProps({ settings: { ...settings, travel: "" } });
  }, [JSON.stringify(body), settings.travel]);
  useEffect(() => () => stopJob(kept.current.job, props.cancel), []);
  useEscape(stop);
  return { job, start, stop, chosen, choose };
}
