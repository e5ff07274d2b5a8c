/* What is swept: feature, strengths, positions, target. */

import { stopButton } from "../../shared/buttons.js";
import { h } from "../../shared/hooks/react.js";
import { TargetField } from "../section.js";

/** @import { Feature } from "../../shared/types.js" */
/** @import { SweepChange, SweepJob, SweepPlan, SweepSettings, SweepWork } from "./types.js" */
/** @import { Intervention, Place } from "../types.js" */

const TARGETS = {
  "": "the steered top token",
  "token:": "a token …",
  "regex:": "a pattern …",
  "language:zh": "Chinese",
  "language:en": "English",
  none: "nothing",
};

/** @type {Record<string, string>} */
const PLACES = {
  all: "all tokens",
  function: "function tokens",
  content: "content tokens",
  last_function: "last function token",
};

/** @param {{ interventions: Intervention[], subject?: Intervention, change: SweepChange }} props */
function Feature({ interventions, subject, change }) {
  /** @param {Intervention} it */
  const keyOf = (it) => `${it.sae_id}:${it.feature_index}`;
  return h(
    "label",
    { className: "fs-field" },
    "feature",
    h(
      "select",
      {
        value: subject ? keyOf(subject) : "",
        onChange: (event) => change({ sweep: event.target.value }),
      },
      interventions.map((it) =>
        h("option", { key: it.uid, value: keyOf(it) }, `${it.feature_index} · ${it.sae_id}`),
      ),
    ),
  );
}

/** @param {{ value: string, change: SweepChange }} props */
function Strengths({ value, change }) {
  return h(
    "label",
    { className: "fs-field" },
    "strengths",
    h("input", {
      id: "steer-sweep-strengths",
      className: "fs-wide",
      type: "text",
      value,
      onChange: (event) => change({ strengths: event.target.value }),
      title:
        "2x = twice the 99.9th percentile, 40% = of the stream's norm, 12 = as it stands; " +
        "spaces between",
    }),
  );
}

/** @param {{ at: string, change: SweepChange }} props */
function Place({ at, change }) {
  return h(
    "label",
    { className: "fs-field" },
    "at",
    h(
      "select",
      {
        id: "steer-sweep-at",
        value: PLACES[at] ? at : "chosen",
        onChange: (event) => change({ at: event.target.value }),
      },
      Object.entries(PLACES).map(([value, name]) => h("option", { key: value, value }, name)),
      PLACES[at] ? null : h("option", { value: "chosen" }, at),
    ),
  );
}

/**
 * How far the sweep is: "3 of 12 cells, stopped".
 *
 * @param {SweepJob | null} job
 * @param {boolean} running
 */
function progress(job, running) {
  if (job && job.axes) {
    const stopped = job.status === "stopped" ? ", stopped" : "";
    return `${job.byPlace.size} of ${job.axes.n_cells} cells${stopped}`;
  }
  if (!job || !running) return "";
  return job.place > 0 ? `waiting behind ${job.place}` : "reading the prompt…";
}

/**
 * @param {{ settings: SweepSettings, change: SweepChange, interventions: Intervention[], planned:
 *   SweepPlan, work: SweepWork, running: boolean }} props
 */
export function Controls({ settings, change, interventions, planned, work, running }) {
  const { body, subject } = planned;
  const cells = body ? body.strengths.length * body.positions.length : 0;
  const problem = running ? null : planned.problem;
  return h(
    "div",
    { className: "fs-sweep-controls" },
    interventions.length > 1 ? h(Feature, { interventions, subject, change }) : null,
    h(Strengths, { value: settings.strengths, change }),
    h(Place, { at: settings.at, change }),
    h(TargetField, {
      id: "steer-sweep-target",
      label: "and measure",
      value: settings.target,
      choices: TARGETS,
      onChange: (target) => change({ target }),
    }),
    running
      ? stopButton("steer-sweep-stop", work.stop)
      : h(
          "button",
          {
            type: "button",
            className: "fs-go",
            id: "steer-sweep-run",
            onClick: work.start,
            disabled: !body,
          },
          cells ? `Sweep ${cells} cells` : "Sweep",
        ),
    h(
      "span",
      { className: problem ? "fs-warn" : "fs-quiet", role: "status" },
      progress(work.job, running),
      problem ? " " + problem : "",
    ),
  );
}
