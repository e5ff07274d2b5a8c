/* One intervention: on or off, what it does, how strongly (in three linked units), where. */

import { h } from "../shared/hooks/react.js";
import { keyOf } from "../shared/hooks/labels.js";
import { afterPrefix } from "../shared/tokens/prefix.js";
import { describe, inLine, visible } from "../shared/tokens/words.js";
import { resolvePositions } from "./interventions.js";
import { Ablation, Strength } from "./strength.js";
import * as units from "./units.js";

/** @import { DragAt } from "../shared/hooks/types.js" */
/** @import { Token } from "../shared/types.js" */
/** @import { CardProps, Change } from "./rack_types.js" */
/** @import { Intervention, Mode, Place, Positions } from "./types.js" */

/** @type {Mode[]} */
const MODE_NAMES = ["add", "clamp", "scale", "ablate"];

const MODES = {
  add: "add value × the feature's direction",
  clamp: "set the feature's activation to the value",
  scale: "multiply the feature's activation by the value",
  ablate: "set the feature's activation to 0",
};

const POSITION_NAMES = {
  last_function: "last function token",
  last: "last token",
  all: "every prompt token",
};

/**
 * @param {{ it: Intervention, tokens: Token[], at: number[], change: Change, id: string }} props
 */
function PositionPicker({ it, tokens, at, change, id }) {
  const rule = Array.isArray(it.positions) ? "chosen" : it.positions;
  /** @param {string} value */
  const pick = (value) => {
    const first = afterPrefix(tokens).slice(0, 1);
    const chosen = at.length ? at : first.map((token) => token.position);
    change({ positions: value === "chosen" ? chosen : /** @type {Positions} */ (value) });
  };
  const shown =
    at
      .slice(0, 6)
      .map((p) => `${visible(tokens[p].text)} ${p}`)
      .join(", ") + (at.length > 6 ? ", …" : "");
  return h(
    "label",
    { className: "fs-field" },
    "at",
    h(
      "select",
      {
        id: `${id}-${it.uid}-positions`,
        value: rule,
        "aria-label": "position",
        onChange: (event) => pick(event.target.value),
      },
      Object.entries(POSITION_NAMES).map(([value, name]) =>
        h("option", { key: value, value }, name),
      ),
      h("option", { value: "chosen" }, "chosen sockets"),
    ),
    h(
      "span",
      { className: "fs-positions" + (at.length ? "" : " is-empty") },
      at.length ? shown : "nowhere in this prompt",
    ),
  );
}

/**
 * After the last layer nothing mixes positions any more: an edit elsewhere cannot reach the next
 * token.
 *
 * @param {Intervention} it
 * @param {CardProps} props
 * @param {number[]} at
 */
function reachWarning(it, props, at) {
  const layer = ((props.saes || []).find((sae) => sae.sae_id === it.sae_id) || {}).layer;
  if (
    layer === undefined ||
    layer !== props.lastLayer ||
    !at.length ||
    at.includes(props.tokens.length - 1)
  )
    return null;
  return `Layer ${layer} is the last: there, only the last token's stream reaches the next token.`;
}

/**
 * What a switch to `mode` changes: a factor is no amount, so that one does not become the other.
 *
 * @param {Intervention} it
 * @param {Mode} mode
 * @param {Place} place
 * @returns {Partial<Intervention>}
 */
function asMode(it, mode, place) {
  if (mode === it.mode) return {};
  if (mode === "scale") return { mode, value: 2 };
  return it.mode === "scale" ? { mode, value: place.q999 || 1 } : { mode };
}

/**
 * What a card is dragged by. The rest of it stays: there a drag moves the strength, or marks text.
 *
 * @param {{ it: Intervention }} props
 */
function Grip({ it }) {
  /** @param {DragAt} event */
  const onDragStart = (event) => {
    const card = event.currentTarget.closest(".fs-card");
    event.dataTransfer.setData("text/plain", it.uid);
    if (card) event.dataTransfer.setDragImage(card, 12, 12);
  };
  return h(
    "span",
    {
      className: "fs-card-grip",
      draggable: true,
      title: "drag it into another socket",
      "aria-hidden": true, // by the keyboard: select the card, then press a socket
      onDragStart,
    },
    "⠿",
  );
}

/**
 * @param {Pick<CardProps, "it" | "info" | "change" | "id" | "selected" | "select" | "remove">}
 *   props
 */
function Head({ it, info, change, id, selected, select, remove }) {
  const words = describe({ top_tokens: info && info.words }, 4);
  const promoted = inLine(((info && info.promoted) || []).slice(0, 5).map(visible));
  return h(
    "div",
    { className: "fs-card-head" },
    h(Grip, { it }),
    h(
      "button",
      {
        type: "button",
        role: "switch",
        className: "fs-switch",
        "aria-checked": it.on,
        id: `${id}-${it.uid}-on`,
        "aria-label": `feature ${it.feature_index} ${it.on ? "on" : "off"}`,
        onClick: () => change({ on: !it.on }),
      },
      h("i", null),
    ),
    h(
      "button",
      {
        type: "button",
        className: "fs-card-name",
        "aria-pressed": selected,
        onClick: select,
        title: "select, then click a socket to move it",
      },
      h("b", { "data-fs-feature": keyOf(it.sae_id, it.feature_index) }, it.feature_index),
      h("span", null, it.sae_id),
    ),
    h(
      "span",
      { className: "fs-card-words", title: words },
      words || (info && info.problem) || "\u00a0",
    ),
    promoted ? h("span", { className: "fs-card-promotes" }, "promotes ", promoted) : null,
    h(
      "button",
      {
        type: "button",
        className: "fs-icon-button",
        "aria-label": `remove feature ${it.feature_index}`,
        onClick: remove,
      },
      "×",
    ),
  );
}

/** @param {{ it: Intervention, place: Place, change: Change }} props */
function Modes({ it, place, change }) {
  return h(
    "div",
    { className: "fs-modes", role: "radiogroup", "aria-label": "mode" },
    MODE_NAMES.map((mode) =>
      h(
        "button",
        {
          key: mode,
          type: "button",
          role: "radio",
          "aria-checked": it.mode === mode,
          title: MODES[mode],
          onClick: () => change(asMode(it, mode, place)),
        },
        mode,
      ),
    ),
  );
}

/**
 * One intervention. props: it, info, strength, tokens, lastFunction, saes, lastLayer, limits,
 * selected, id (of the rack), select(), change(patch), remove().
 *
 * @param {CardProps} props
 */
export function InterventionCard(props) {
  const { it, info, change, id, tokens, limits, selected } = props;
  const at = resolvePositions(it.positions, tokens, props.lastFunction);
  const main = at.length ? at[at.length - 1] : null;
  const place = units.placeAt(props.strength, main);
  if (place.q999 === null && info) place.q999 = info.act_q999 || null;
  const warning = reachWarning(it, props, at);
  const token = main === null ? null : tokens[main];
  return h(
    "div",
    {
      className: "fs-card" + (it.on ? "" : " is-off") + (selected ? " is-selected" : ""),
      "data-uid": it.uid,
    },
    h(Head, { it, info, change, id, selected, select: props.select, remove: props.remove }),
    h(
      "div",
      { className: "fs-card-body" },
      h(Modes, { it, place, change }),
      h(PositionPicker, { it, tokens, at, change, id }),
      it.mode === "ablate"
        ? h(Ablation, { place })
        : h(Strength, { it, place, token, limits, change, id }),
      warning ? h("span", { className: "fs-warn" }, warning) : null,
    ),
  );
}
