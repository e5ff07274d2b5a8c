/* The sweep's heat maps: strength by position, filled as the cells come; a cell opens its texts. */

import { useChannel } from "../../shared/hooks/channel.js";
import { tell } from "../../shared/dash.js";
import { number } from "../../shared/number.js";
import { h } from "../../shared/hooks/react.js";
import { canonical } from "../known.js";
import { Section } from "../section.js";
import { Controls } from "./controls.js";
import { HeatMap } from "./map.js";
import { Opened } from "./opened.js";
import { sweepPlan, sweepSubject, sweepTable, targetWords } from "./plan.js";
import { useSweep } from "./work.js";

/** @import { NextToken } from "../../shared/types.js" */
/** @import { Axes, Cell, SweepJob, SweepPlan, SweepProps, SweepSettings } from "./types.js" */
/** @import { SweepWork } from "./types.js" */
/** @import { Intervention } from "../types.js" */

/**
 * @param {string} saeId
 * @param {SweepProps} props
 */
const layerOf = (saeId, props) => (props.saes || []).find((sae) => sae.sae_id === saeId)?.layer;

/**
 * Notes on what the map can and cannot show.
 *
 * @param {SweepPlan} plan
 * @param {SweepProps} props
 */
function notes(plan, props) {
  const { subject } = plan;
  const layer = subject ? layerOf(subject.sae_id, props) : undefined;
  const said = [];
  if (
    layer !== undefined &&
    layer === props.last_layer &&
    !(props.request && props.request.include_generated) &&
    !plan.body?.interventions.length
  )
    said.push(
      `Layer ${layer} is the last: at every token but the last the map is 0 by construction.`,
    );
  if (props.request && props.request.freeze_attention)
    said.push(
      "Attention is frozen: in every cell the prompt's positions attend as the baseline does.",
    );
  return said;
}

/**
 * What the settings mean on this page; nothing while the section is closed.
 *
 * @param {SweepProps} props
 * @param {SweepSettings} settings
 * @param {NextToken | null} top
 * @returns {SweepPlan}
 */
function planOf(props, settings, top) {
  if (!settings.open_sweep) return {};
  return sweepPlan(settings, {
    request: props.request || null,
    interventions: props.interventions || [],
    tokens: props.tokens || [],
    lastFunction: props.last_function,
    strengths: props.strengths,
    top,
    mostCells: props.most_cells,
  });
}

/**
 * Whether all that a link's sweep needs is known.
 *
 * @param {SweepProps} props
 * @param {SweepSettings} settings
 * @param {NextToken | null} top
 */
function isReady(props, settings, top) {
  /** @param {Intervention} it */
  const known = (it) => (props.strengths || {})[`${it.sae_id}:${it.feature_index}`];
  return props.interventions.every(known) && (settings.target !== "" || top);
}

/**
 * Puts a cell's strength and position into the rack.
 *
 * @param {Cell} cell
 * @param {SweepProps} props
 * @param {Intervention | null} subject
 */
function steerWith(cell, props, subject) {
  if (!subject) return;
  const positions = cell.position === props.last_function ? "last_function" : [cell.position];
  /** @param {Partial<SweepSettings>} patch */
  const change = { value: cell.strength, positions, on: true };
  const interventions = props.interventions.map((it) =>
    it.uid === subject.uid ? Object.assign({}, it, change) : it,
  );
  tell(props.target_rack, { interventions });
}

/**
 * The name of what is measured beside the KL; "" for nothing.
 *
 * @param {SweepJob} job
 */
function measureOf({ body, top }) {
  if (!body.target) return "";
  const { token_id } = body.target;
  return targetWords(
    body.target,
    top && top.steered.next_tokens.find((n) => n.token_id === token_id),
  );
}

/**
 * @param {{ job: SweepJob & { axes: Axes }, work: SweepWork, measureName: string, stale: boolean,
 *   lastLayer: boolean }} props
 */
function Maps({ job, work, measureName, stale, lastLayer }) {
  const { chosen, open } = work;
  const most = Math.max(1e-9, ...[...job.byPlace.values()].map((c) => c.kl));
  const of = { job, chosen, open, measureName, lastLayer };
  return h(
    "div",
    { className: "fs-maps" + (stale ? " is-stale" : "") },
    h(HeatMap, {
      title: "KL of the next token",
      unit: "nats, KL(cell ‖ baseline)",
      of: { ...of, measure: "kl", most },
    }),
    job.body.target
      ? h(HeatMap, {
          title: measureName,
          unit: `baseline ${number(job.axes.baseline.target)}`,
          of: { ...of, measure: "target", most: 1 },
        })
      : null,
  );
}

/**
 * What a sweep has brought: its problem, the maps, the cell that is open.
 *
 * @param {{ job: SweepJob, work: SweepWork, measureName: string, stale: boolean, lastLayer:
 *   boolean, put: (cell: Cell) => void }} props
 */
function Brought({ job, work, measureName, stale, lastLayer, put }) {
  const { axes } = job;
  const drawn = axes && Object.assign(job, { axes });
  return [
    job.problem
      ? h(
          "div",
          { key: "problem", className: "fs-prompt-problem", role: "alert" },
          `${job.problem.title}: ${job.problem.detail}`,
        )
      : null,
    drawn ? h(Maps, { key: "maps", job: drawn, work, measureName, stale, lastLayer }) : null,
    stale
      ? h(
          "p",
          { key: "stale", className: "fs-quiet" },
          "The recipe has changed since: this is the map of the earlier one.",
        )
      : null,
    drawn
      ? h(Opened, { key: "opened", job: drawn, chosen: work.chosen, put, measureName, lastLayer })
      : null,
  ];
}

const CLOSED = { open_sweep: "", sweep: "", strengths: "", at: "all", target: "" };

/**
 * props: see app/parts/components.py.
 *
 * @param {SweepProps} props
 */
export function SteerSweep(props) {
  const settings = props.settings || CLOSED;
  const answer = useChannel("steer", (state) => state.answer);
  const top = (answer && answer.steered.next_tokens[0]) || null;
  const change = (/** @type {Partial<SweepSettings>} */ patch) =>
    props.setProps({ settings: Object.assign({}, settings, patch) });
  const planned = planOf(props, settings, top);
  const work = useSweep(props, planned, settings, isReady(props, settings, top));
  const { job } = work;
  const running = job !== null && job.status === "streaming";
  const stale = job && !running && planned.body && canonical(job.body) !== canonical(planned.body);
  /** @param {Cell} cell */
  const put = (cell) =>
    steerWith(cell, props, planned.subject || sweepSubject(settings.sweep, props.interventions));
  const cells = job ? [...job.byPlace.values()] : [];
  const tokens = job?.axes?.tokens;
  return h(
    Section,
    {
      id: props.id,
      title: "Sweep: how strong, and where?",
      open: settings.open_sweep,
      code: props.code,
      toggle: () => change({ open_sweep: settings.open_sweep ? "" : "1" }),
      lead:
        "One feature at every strength and every token: where does a push work, how hard must " +
        "it be, and does it work anywhere else?",
      table: tokens && cells.length ? () => sweepTable(tokens, cells) : null,
    },
    h(Controls, {
      settings,
      change,
      interventions: props.interventions,
      planned,
      work,
      running,
    }),
    notes(planned, props).map((note) => h("p", { key: note, className: "fs-quiet" }, note)),
    job
      ? h(Brought, {
          job,
          work,
          measureName: measureOf(job),
          stale: Boolean(stale),
          lastLayer: layerOf(job.body.sae_id, props) === props.last_layer,
          put,
        })
      : null,
  );
}
