/* Features at the compared position: only in A, in both, only in B. All from what the browser
 * already has. */

import { chip } from "../shared/tokens/chip.js";
import { tell } from "../shared/dash.js";
import { number } from "../shared/number.js";
import { h, useMemo } from "../shared/hooks/react.js";
import { comparedColumns } from "./matrix/locks.js";
import { LANES, activationAt, nothingYet, useGroup } from "./next_tokens.js";
import { originSentence } from "./matrix/pair.js";
import { pinnedIn, togglePin } from "./pins.js";

/** @import { Compared, FeatureRow, Groups, Model } from "./matrix/types.js" */
/** @import { Drawn } from "../shared/hooks/types.js" */
/** @import { DashProps } from "../shared/types.js" */
/** @import { Where } from "../steering/types.js" */

/**
 * @param {Model} model
 * @param {number | null} locked
 */
function compared(model, locked) {
  const { atEnd, columns } = comparedColumns(model, locked);
  /** @type {Groups} */
  const groups = model.prompts.length > 1 ? { A: [], both: [], B: [] } : { A: [] };
  model.all.forEach((row) => {
    const found = columns.map((column, lane) => activationAt(row, lane, column));
    const [a, b] = [found[0] !== null, found.length > 1 && found[1] !== null];
    if (a && b) groups.both.push([row, found]);
    else if (a) groups.A.push([row, found]);
    else if (b) groups.B.push([row, found]);
  });
  /** @param {Compared} entry */
  const strength = (entry) => Math.max(...entry[1].filter((value) => value !== null));
  Object.values(groups).forEach((list) => list.sort((x, y) => strength(y) - strength(x)));
  return { atEnd, columns, groups };
}

/**
 * @param {{ row: FeatureRow, found: (number | null)[], most: number, pinned: boolean, onPin: () =>
 *   void }} props
 */
function CompareItem({ row, found, most, pinned, onPin }) {
  return h(
    "li",
    null,
    h(
      "button",
      {
        type: "button",
        className: "fs-cmp-item" + (pinned ? " is-pinned" : ""),
        "aria-pressed": pinned,
        onClick: onPin,
        title: pinned ? "unpin" : "pin",
        "data-feature": row.feature,
      },
      h("span", { className: "fs-cmp-index" }, row.feature),
      h("span", { className: "fs-cmp-words" }, row.words || "\u00a0"),
      h(
        "span",
        { className: "fs-cmp-bars" },
        found.map((value, lane) =>
          value === null
            ? null
            : h("i", {
                key: lane,
                className: "fs-lane-" + LANES[lane],
                style: { width: (100 * value) / most + "%" },
              }),
        ),
      ),
      h(
        "span",
        { className: "fs-cmp-value" },
        found
          .filter((v) => v !== null)
          .map(number)
          .join(" / "),
      ),
    ),
  );
}

/**
 * Which position is compared, token by token, and the way back to the last function token.
 *
 * @param {{ model: Model, result: { atEnd: boolean, columns: number[] }, nLocked: number, target:
 *   string }} props
 */
function Where({ model, result, nLocked, target }) {
  const tokens = result.columns.map((column, lane) => {
    const token = column >= 0 && model.columns[column] ? model.columns[column].tokens[lane] : null;
    return token
      ? chip(token, { key: lane }, true)
      : h("span", { key: lane, className: "fs-quiet" }, "no token");
  });
  const back = () => tell(target, { locked: null });
  return h(
    "div",
    { className: "fs-cmp-where" },
    result.atEnd
      ? "At the last function token "
      : nLocked > 1
        ? `At the last of the ${nLocked} locked positions, `
        : "At the locked position ",
    tokens.length > 1 ? ["A ", tokens[0], " and B ", tokens[1]] : tokens,
    result.atEnd
      ? null
      : h(
          "button",
          { type: "button", className: "fs-link", onClick: back },
          "back to the last function token",
        ),
  );
}

/**
 * @param {{ name: string, title: string, list: Compared[], item: (entry: Compared) => Drawn }}
 *   props
 */
function Group({ name, title, list, item }) {
  return h(
    "section",
    { "data-group": name },
    h("h3", null, title, h("span", null, list.length)),
    h("ul", null, list.map(item)),
  );
}

/** @type {Record<string, string>} */
const ONE = { A: "firing here" };
/** @type {Record<string, string>} */
const TWO = { A: "only in A", both: "in both", B: "only in B" };

/**
 * Features at the compared position: only in A, in both, only in B. props: id, group, target.
 *
 * @param {DashProps & { group: string, target: string }} props
 */
export function FiringCompare(props) {
  const { model, locked, nLocked, pins, busy } = useGroup(props.group);
  const result = useMemo(
    () => (model && model.columns.length ? compared(model, locked) : null),
    [model, locked],
  );
  if (!model || !result) return h("div", { id: props.id, className: "fs-quiet" }, nothingYet(busy));
  const entries = Object.values(result.groups).flat();
  const most = Math.max(1e-9, ...entries.flatMap((entry) => entry[1].map((v) => v || 0)));
  const pinned = new Set(pinnedIn(pins, model.saeId));
  const titles = model.prompts.length > 1 ? TWO : ONE;
  /** @param {Compared} entry */
  const item = ([row, found]) =>
    h(CompareItem, {
      key: row.feature,
      row,
      found,
      most,
      pinned: pinned.has(row.feature),
      onPin: () => tell(props.target, { pins: togglePin(pins, model.saeId, row.feature) }),
    });
  return h(
    "div",
    { id: props.id, className: "fs-cmp" },
    h(Where, { model, result, nLocked, target: props.target }),
    model.prompts.length > 1
      ? h(
          "p",
          { className: "fs-cmp-origin", id: props.id + "-origin" },
          originSentence(model, result.groups, result.columns),
        )
      : null,
    h(
      "div",
      { className: "fs-cmp-groups" },
      Object.entries(result.groups).map(([name, list]) =>
        h(Group, { key: name, name, title: titles[name], list, item }),
      ),
    ),
  );
}
