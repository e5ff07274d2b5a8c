/* What comes next at the pointed-at position, else at the locked one. */

import { useChannel } from "../shared/hooks/channel.js";
import { chip } from "../shared/tokens/chip.js";
import { barWidth, percent } from "../shared/number.js";
import { h } from "../shared/hooks/react.js";
import { visible } from "../shared/tokens/words.js";

/** @import { FeatureRow, Model, Prompt } from "./matrix/types.js" */
/** @import { DashProps } from "../shared/types.js" */

export const LANES = ["A", "B"];

/**
 * @param {string} group
 * @returns {{ model: Model | null | undefined, locked: number | null, nLocked: number, hover:
 *   number | null, pins: string[] }}
 */
export function useGroup(group) {
  return {
    model: useChannel(group, (s) => s.model),
    locked: useChannel(group, (s) => (s.locked === undefined ? null : s.locked)),
    nLocked: useChannel(group, (s) => s.nLocked || 0),
    hover: useChannel(group, (s) => (s.hover === undefined ? null : s.hover)),
    pins: useChannel(group, (s) => s.pins) || [],
  };
}

/** @param {{ prompt: Prompt, lane: number, position: number | null, nLanes: number }} props */
function Distribution({ prompt, lane, position, nLanes }) {
  if (position === null || position === undefined) {
    return h(
      "div",
      { className: "fs-next-lane" },
      h("div", { className: "fs-quiet" }, `No token of ${LANES[lane]} stands here.`),
    );
  }
  const next = prompt.next[position] || [];
  return h(
    "div",
    { className: "fs-next-lane", "data-lane": LANES[lane] },
    h(
      "div",
      { className: "fs-next-head" },
      nLanes > 1 ? h("b", null, LANES[lane]) : null,
      "after ",
      chip(prompt.tokens[position], {}, true),
    ),
    h(
      "ol",
      { className: "fs-next" },
      next.map((n) =>
        h(
          "li",
          {
            key: n.token_id,
            title: `${JSON.stringify(n.text)} · token ${n.token_id} · probability ${n.probability}`,
          },
          h("span", { className: "fs-next-token" }, visible(n.text)),
          h(
            "span",
            { className: "fs-next-track" },
            h("i", { style: { width: barWidth(n.probability) } }),
          ),
          h("span", { className: "fs-next-p" }, percent(n.probability)),
        ),
      ),
    ),
  );
}

/**
 * Next-token distribution at the pointed-at position, else at the locked one. props: id, group.
 *
 * @param {DashProps & { group: string }} props
 */
export function NextTokens(props) {
  const { model, locked, nLocked, hover } = useGroup(props.group);
  const column = hover !== null ? hover : locked;
  const ready = model && model.columns.length && column !== null && model.columns[column];
  return h(
    "div",
    { id: props.id, className: "fs-next-panel", "data-column": ready ? column : "" },
    ready && hover === null && nLocked > 1
      ? h("div", { className: "fs-quiet" }, `At the last of the ${nLocked} locked positions.`)
      : null,
    ready
      ? model.prompts.map((prompt, lane) =>
          h(Distribution, {
            key: lane,
            prompt,
            lane,
            position: model.columns[column].at[lane],
            nLanes: model.prompts.length,
          }),
        )
      : h("div", { className: "fs-quiet" }, "Point at a token, or click one to lock it."),
  );
}

/**
 * @param {FeatureRow} row
 * @param {number} lane
 * @param {number} column
 */
export function activationAt(row, lane, column) {
  const k = row.lanes[lane].columns.indexOf(column);
  return k < 0 ? null : row.lanes[lane].activations[k];
}
