/* Above the firing matrix, per prompt: the token strip, and at each position the split of its
 * firings beside the same split in shuffled prompts. With two prompts, what differs at each aligned
 * position. */

import { chip } from "../../shared/tokens/chip.js";
import { h, memo, useMemo } from "../../shared/hooks/react.js";
import { afterPrefix } from "../../shared/tokens/prefix.js";
import { tokenTitle } from "../../shared/tokens/words.js";
import { DIFFERENCE, bars, differenceBars, highestBar } from "./bars.js";

/** @import { HeadProps, Prompt } from "./types.js" */
/** @import { Component } from "../../shared/hooks/types.js" */

const LANE = 74;

/**
 * Height of everything above the rows, in CSS pixels.
 *
 * @param {number} nLanes
 */
export const headHeight = (nLanes) => nLanes * LANE + (nLanes > 1 ? DIFFERENCE : 0);

/**
 * The legend: the marks as the matrix draws them, and the two bars.
 *
 * @param {{ shuffled?: boolean }} props
 */
export function MatrixLegend(props) {
  const marks = [
    ["first", "first firing"],
    ["reactivated", "reactivated"],
    ["carried", "reactivated and carried from the position before"],
    ["special", "at a special token, not counted"],
  ];
  return h(
    "div",
    { className: "fs-fm-legend" },
    marks.map(([name, label]) =>
      h("span", { key: name }, h("i", { className: "fs-mark fs-mark--" + name }), label),
    ),
    props.shuffled
      ? h(
          "span",
          {
            key: "shuffled",
            title:
              "The pale bar: mean over shuffled prompts. Its tick: 2.5th to 97.5th " +
              "percentile of what is reactivated there.",
          },
          h("i", { className: "fs-mark fs-mark--shuffled" }),
          "pale: the same in shuffled prompts",
        )
      : null,
  );
}

/**
 * @param {Prompt} prompt
 * @param {number} lane
 * @param {HeadProps} props
 */
function laneCells(prompt, lane, props) {
  const { model, geometry, locked, source, point, lock } = props;
  const home = locked.length ? locked[locked.length - 1] : 0;
  return model.columns.map((column, index) => {
    const width = geometry.x[index + 1] - geometry.x[index];
    const token = column.tokens[lane];
    if (!token) return h("span", { key: index, className: "fs-fm-cell is-gap", style: { width } });
    const isLocked = locked.includes(index);
    return h(
      "span",
      { key: index, className: "fs-fm-cell", style: { width } },
      chip(token, {
        "data-column": index,
        "data-lane": lane,
        "aria-pressed": isLocked,
        title: tokenTitle(token) + (token.generated ? " · generated" : ""),
        className:
          (column.differs ? "is-different " : "") +
          (token.generated ? "is-generated " : "") +
          (index === source ? "is-source " : "") +
          (isLocked ? "is-locked" : ""),
        tabIndex: index === home ? 0 : -1,
        onMouseEnter: () => point(index, null),
        onFocus: () => point(index, null),
        onClick: (event) => lock(index, event),
      }),
    );
  });
}

/** @type {Component<HeadProps>} */
export const MatrixHead = memo(
  function MatrixHead(props) {
    const { model, geometry, baselines } = props;
    const highest = useMemo(() => highestBar(model, baselines), [model, baselines]);
    const note = `new · reactivated, carried ones below, up to ${Math.round(highest)}`;
    return h(
      "div",
      {
        className: "fs-fm-head",
        ref: props.headRef,
        style: { width: geometry.width },
        onMouseLeave: () => props.point(null, null),
      },
      model.prompts.map((prompt, lane) =>
        h(
          "div",
          { key: lane, className: "fs-fm-lane" },
          h(
            "div",
            { className: "fs-fm-strip" },
            h(
              "div",
              { className: "fs-fm-corner", style: { width: geometry.label } },
              model.prompts.length > 1 ? h("b", null, "AB"[lane]) : null,
              h("span", null, `${afterPrefix(prompt.tokens).length} positions`),
            ),
            laneCells(prompt, lane, props),
          ),
          h(
            "div",
            { className: "fs-fm-split" },
            h(
              "div",
              { className: "fs-fm-corner", style: { width: geometry.label } },
              lane === 0 ? h("span", { title: note }, note) : null,
            ),
            bars(
              prompt,
              baselines ? baselines[lane] : null,
              lane,
              model.columns,
              geometry,
              highest,
            ),
          ),
        ),
      ),
      model.prompts.length > 1 ? differenceBars(model, geometry) : null,
    );
  },
  (before, after) =>
    before.model === after.model &&
    before.geometry === after.geometry &&
    before.locked === after.locked &&
    before.source === after.source &&
    before.baselines === after.baselines,
);
