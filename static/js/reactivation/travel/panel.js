/* Where does it travel? Prompt A's states in prompt B's run, layer by layer, position by
 * position. */

import { csvButton, stopButton } from "../../shared/buttons.js";
import { useChannel } from "../../shared/hooks/channel.js";
import { h } from "../../shared/hooks/react.js";
import { nothingYet } from "../next_tokens.js";
import { Legend, TravelMap } from "./map.js";
import { savePicture } from "./picture.js";
import {
  cellAt,
  cellWords,
  emptySets,
  endsProblem,
  endsWords,
  placesOf,
  progressWords,
  travelPlan,
  travelTable,
} from "./plan.js";
import { isSame, useTravel } from "./work.js";

/** @import { Begun, Plan, TravelProps, TravelSettings, TravelWork } from "./types.js" */

const LEAD =
  "A's residual stream after one layer, at one position, is put into B's run: how far does the " +
  "answer move from B's to A's? Sham puts B's own states back, which must change nothing.";

/**
 * @param {{ id: string, label: string, value: string, placeholder: string, title: string,
 *   className?: string, onChange: (value: string) => void }} props
 */
function TextField({ id, label, value, placeholder, title, className, onChange }) {
  return h(
    "label",
    { className: "fs-field" },
    label,
    h("input", {
      id,
      className,
      type: "text",
      value,
      placeholder,
      title,
      onChange: (event) => onChange(event.target.value),
    }),
  );
}

/**
 * @param {TravelWork} work
 * @param {Plan} planned
 */
function statusWords({ job }, planned) {
  if (!job) return planned.problem || "Not run yet.";
  if (job.axes) return progressWords(/** @type {Begun} */ (job));
  if (job.status === "stopped") return "stopped before the first layer";
  if (job.status !== "streaming") return "";
  return job.place > 0 ? `waiting behind ${job.place}` : "running both prompts…";
}

/**
 * @param {{ props: TravelProps, work: TravelWork, planned: Plan, running: boolean }} all
 */
function Controls({ props, work, planned, running }) {
  const { id, settings, usual } = props;
  /** @param {Partial<TravelSettings>} patch */
  const change = (patch) => props.setProps({ settings: { ...settings, ...patch } });
  const answer = { placeholder: "what it is followed by", title: "one token; · = a space before" };
  return h(
    "div",
    { className: "fs-travel-controls" },
    running
      ? stopButton(id + "-stop", work.stop)
      : h(
          "button",
          {
            type: "button",
            className: "fs-go",
            id: id + "-run",
            onClick: work.start,
            disabled: !planned.body,
          },
          work.job ? "Run again" : "Run A's states in B",
        ),
    h(TextField, {
      ...answer,
      id: id + "-answer-a",
      label: "A's answer",
      value: settings.answer_a,
      onChange: (answer_a) => change({ answer_a }),
    }),
    h(TextField, {
      ...answer,
      id: id + "-answer-b",
      label: "B's answer",
      value: settings.answer_b,
      onChange: (answer_b) => change({ answer_b }),
    }),
    h(TextField, {
      id: id + "-unrelated",
      className: "fs-wide",
      label: "unrelated prompt",
      value: settings.unrelated === null ? usual : settings.unrelated,
      placeholder: "none: no control",
      title: "control: this prompt's states are put into B too; it is read behind the examples",
      onChange: (unrelated) => change({ unrelated: unrelated === usual ? null : unrelated }),
    }),
    h("span", { className: "fs-quiet", role: "status" }, statusWords(work, planned)),
  );
}

/** @param {{ id: string, job: Begun }} props */
function Exports({ id, job }) {
  const button = { type: "button", className: "fs-tool fs-tool-button" };
  return h(
    "div",
    { className: "fs-travel-exports" },
    csvButton("travel", () => travelTable(job), { id: id + "-csv" }),
    h("button", { ...button, onClick: () => savePicture(job, "png"), id: id + "-png" }, "PNG"),
    h("button", { ...button, onClick: () => savePicture(job, "svg"), id: id + "-svg" }, "SVG"),
  );
}

/**
 * The numbers of the cell that is chosen, and of the control's there.
 *
 * @param {{ id: string, job: Begun, work: TravelWork }} props
 */
function Readout({ id, job, work }) {
  const { chosen } = work;
  const place = chosen && placesOf(job.axes)[chosen.column];
  const cell = chosen && place ? cellAt(job, chosen.source, chosen.layer, place) : null;
  return h(
    "p",
    { id: id + "-readout", className: "fs-travel-readout" },
    cell ? cellWords(cell, job.axes) : "Press a cell for its numbers; arrows walk the map.",
  );
}

/**
 * What has come: both maps, their ends, the chosen cell.
 *
 * @param {{ id: string, job: Begun, work: TravelWork, stale: boolean }} props
 */
function Brought({ id, job, work, stale }) {
  const notes = [endsProblem(job.axes), emptySets(job.axes)].filter(Boolean);
  const map = { job, work };
  return h(
    "div",
    { className: "fs-travel-brought" + (stale ? " is-stale" : "") },
    h("p", { className: "fs-travel-ends", id: id + "-ends" }, endsWords(job.axes)),
    notes.map((note) => h("p", { key: note, className: "fs-quiet" }, note)),
    h(
      "div",
      { className: "fs-travel-maps" },
      h(TravelMap, { ...map, title: "A's states", note: "restored, of 1", source: "a" }),
      job.body.unrelated
        ? h(TravelMap, {
            ...map,
            title: "An unrelated prompt's states",
            note: "control: what is restored here is B's answer being lost",
            source: "unrelated",
          })
        : null,
    ),
    h(Legend, {}),
    h(Readout, { id, job, work }),
    h(Exports, { id, job }),
  );
}

/**
 * props: see app/pages/reactivation/components.py.
 *
 * @param {TravelProps} props
 */
export function PatchTravel(props) {
  const reading = useChannel(props.group, (state) => Boolean(state.busy));
  const planned = travelPlan(props.ran, props.settings, props.usual);
  const work = useTravel(props, planned);
  const { job } = work;
  const running = job !== null && job.status === "streaming";
  const stale = Boolean(job && planned.body && !isSame(job.body, planned.body));
  const begun = job && job.axes ? /** @type {Begun} */ (job) : null;
  if (!job && !planned.body)
    return h(
      "div",
      { id: props.id, className: "fs-quiet" },
      props.ran ? planned.problem : nothingYet(reading),
    );
  return h(
    "div",
    { id: props.id, className: "fs-travel", "data-status": job ? job.status : "idle" },
    h("p", { className: "fs-ix-words" }, LEAD),
    h(Controls, { props, work, planned, running }),
    job && job.problem
      ? h(
          "div",
          { className: "fs-prompt-problem", role: "alert" },
          `${job.problem.title}: ${job.problem.detail}`,
        )
      : null,
    stale
      ? h(
          "p",
          { className: "fs-quiet", id: props.id + "-stale" },
          "The prompts or answers have changed since: this is the map of the earlier ones.",
        )
      : null,
    begun ? h(Brought, { id: props.id, job: begun, work, stale }) : null,
  );
}
