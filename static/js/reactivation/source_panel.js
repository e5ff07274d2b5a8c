/* Which of a source's features fire again, and where: one bar a later position, and their names at
 * the locked one. */

import { csvButton } from "../shared/buttons.js";
import { tell } from "../shared/dash.js";
import { number } from "../shared/number.js";
import { h, useMemo } from "../shared/hooks/react.js";
import { chip } from "../shared/tokens/chip.js";
import { visible } from "../shared/tokens/words.js";
import { LANES, nothingYet, useGroup } from "./next_tokens.js";
import { pinnedIn, togglePin } from "./pins.js";
import { lockNames } from "./matrix/locks.js";
import { againAt, sourceName, traceOf, traceTable } from "./matrix/source.js";

/** @import { Model } from "./matrix/types.js" */
/** @import { DashProps, Token } from "../shared/types.js" */
/** @typedef {{ model: Model, lane: number, source: number, locked: number | null }} InLane */

const ONCE = "Press a bar to lock that position.";

/**
 * The later positions of one prompt, each with the share of the source's features that fire again
 * there.
 *
 * @param {InLane & { lock: (column: number) => void }} props
 */
function Bars({ model, lane, source, locked, lock }) {
  const trace = useMemo(() => traceOf(model, lane, source), [model, lane, source]);
  if (!trace) return null;
  const n = trace.rows.length;
  const token = /** @type {Token} */ (model.columns[source].tokens[lane]);
  return h(
    "section",
    { className: "fs-source-lane", "data-lane": LANES[lane] },
    h(
      "h3",
      null,
      model.prompts.length > 1 ? h("b", null, LANES[lane] + " ") : null,
      chip(token, {}, true),
      ` ${n} ${n === 1 ? "feature fires" : "features fire"}; of those again at`,
    ),
    h(
      "ol",
      { className: "fs-source-bars" },
      trace.later.map(({ column, rows }) => {
        const there = /** @type {Token} */ (model.columns[column].tokens[lane]);
        const at = `${visible(there.text)}, position ${there.position}`;
        const words = `${rows.length} of ${n} fire again at ${at}`;
        return h(
          "li",
          { key: column },
          h(
            "button",
            {
              type: "button",
              className: "fs-source-bar" + (column === locked ? " is-locked" : ""),
              "data-position": there.position,
              title: words,
              "aria-label": words,
              onClick: () => lock(column),
            },
            h(
              "span",
              { className: "fs-source-track" },
              h("i", { style: { height: `${n ? (100 * rows.length) / n : 0}%` } }),
            ),
            h("span", { className: "fs-source-count" }, rows.length),
            chip(there, {}, true),
          ),
        );
      }),
    ),
  );
}

/**
 * The source's features that fire at the locked position.
 *
 * @param {InLane & { pins: string[], target: string }} props
 */
function Again({ model, lane, source, locked, pins, target }) {
  const trace = useMemo(() => traceOf(model, lane, source), [model, lane, source]);
  const there = locked === null ? null : model.columns[locked].tokens[lane];
  if (!trace || locked === null || locked <= source || !there) return null;
  const found = againAt(trace, lane, locked, source);
  const pinned = new Set(pinnedIn(pins, model.saeId));
  const where = visible(there.text);
  return h(
    "section",
    { className: "fs-source-again", "data-lane": LANES[lane] },
    h(
      "h3",
      null,
      `${model.prompts.length > 1 ? LANES[lane] + ": " : ""}again at ${where} `,
      h("span", null, found.length),
    ),
    h(
      "ul",
      null,
      found.map(([row, before, now]) =>
        h(
          "li",
          { key: row.feature },
          h(
            "button",
            {
              type: "button",
              className: "fs-source-item" + (pinned.has(row.feature) ? " is-pinned" : ""),
              "aria-pressed": pinned.has(row.feature),
              "data-feature": row.feature,
              title: `activation ${number(before)} at the source, ${number(now)} here`,
              onClick: () => tell(target, { pins: togglePin(pins, model.saeId, row.feature) }),
            },
            h("span", { className: "fs-source-index" }, row.feature),
            h("span", { className: "fs-source-words" }, row.words || "\u00a0"),
            h("span", { className: "fs-source-value" }, `${number(before)} → ${number(now)}`),
          ),
        ),
      ),
    ),
  );
}

/**
 * Which token is the source, and the ways to another one.
 *
 * @param {Omit<InLane, "lane"> & { target: string }} props
 */
function Choice({ model, source, locked, target }) {
  /** @param {number} column */
  const make = (column) => tell(target, { source: sourceName(column, model.columns) });
  return h(
    "div",
    { className: "fs-source-where" },
    source < 0
      ? "No source is locked: press s on a token that is pointed at, or "
      : "The source keeps its place while the lock moves. ",
    locked !== null && locked !== source
      ? h(
          "button",
          { type: "button", className: "fs-link", onClick: () => make(locked) },
          "make the locked position the source",
        )
      : null,
    source < 0
      ? null
      : h(
          "button",
          { type: "button", className: "fs-link", onClick: () => tell(target, { source: "none" }) },
          "no source",
        ),
    source < 0 ? null : csvButton("source", () => traceTable(model, source), {}),
  );
}

/**
 * Which of the source's features fire again, and where; `target`: the matrix.
 *
 * @param {DashProps & { group: string, target: string }} props
 */
export function SourceTrace(props) {
  const { model, locked, pins, source, busy } = useGroup(props.group);
  if (!model || !model.columns.length)
    return h("div", { id: props.id, className: "fs-quiet" }, nothingYet(busy));
  const lanes = model.prompts.map((_, lane) => lane);
  /** @param {number} column */
  const lock = (column) => tell(props.target, { locked: lockNames([column], model.columns) });
  const of = { model, source, locked };
  return h(
    "div",
    { id: props.id, className: "fs-source" },
    h(Choice, { ...of, target: props.target }),
    source < 0 ? null : lanes.map((lane) => h(Bars, { key: lane, ...of, lane, lock })),
    source < 0
      ? null
      : h(
          "div",
          { className: "fs-cmp-groups" },
          lanes.map((lane) => h(Again, { key: lane, ...of, lane, pins, target: props.target })),
        ),
    source < 0 ? null : h("p", { className: "fs-quiet" }, ONCE),
  );
}
