/* The pinned features, with the way to Steering. */

import { at } from "../shared/base.js";
import { follow, tell } from "../shared/dash.js";
import { number } from "../shared/number.js";
import { h } from "../shared/hooks/react.js";
import { inLine, visible } from "../shared/tokens/words.js";
import { LANES, activationAt, useGroup } from "./next_tokens.js";

/** @import { Model } from "./matrix/types.js" */
/** @import { DashProps } from "../shared/types.js" */

/**
 * @param {string[]} pins
 * @param {string} saeId
 */
export const pinnedIn = (pins, saeId) =>
  pins
    .filter((pin) => pin.startsWith(saeId + ":"))
    .map((pin) => Number(pin.slice(saeId.length + 1)));

/**
 * @param {string[]} pins
 * @param {string} saeId
 * @param {number} feature
 */
export function togglePin(pins, saeId, feature) {
  const pin = `${saeId}:${feature}`;
  return pins.includes(pin) ? pins.filter((other) => other !== pin) : pins.concat([pin]);
}

/**
 * @param {{ pin: string, model: Model | null | undefined, column: number | null, onRemove: () =>
 *   void, steerHref: string }} props
 */
function PinCard({ pin, model, column, onRemove, steerHref }) {
  const feature = Number(pin.slice(pin.lastIndexOf(":") + 1));
  const saeId = pin.slice(0, pin.lastIndexOf(":"));
  const here = model && saeId === model.saeId;
  const row = here ? model.byFeature.get(feature) : null;
  const info = here ? model.info[feature] : null;
  const values =
    row && column !== null
      ? row.lanes
          .map((_, lane) => activationAt(row, lane, column))
          .map(
            (v, lane) =>
              (row.lanes.length > 1 ? LANES[lane] + " " : "") + (v === null ? "silent" : number(v)),
          )
          .join(", ")
      : null;
  return h(
    "li",
    { className: "fs-pin", "data-pin": pin },
    h(
      "div",
      { className: "fs-pin-head" },
      h("b", { "data-fs-feature": pin }, feature),
      h("span", { className: "fs-pin-sae", title: saeId }, saeId),
      h(
        "button",
        {
          type: "button",
          className: "fs-icon-button",
          "aria-label": `unpin feature ${feature}`,
          onClick: onRemove,
        },
        "×",
      ),
    ),
    h(
      "div",
      { className: "fs-pin-words" },
      row && row.words ? row.words : here && !row ? "does not fire in these prompts" : "\u00a0",
    ),
    info && info.promoted_tokens && info.promoted_tokens.length
      ? h(
          "div",
          { className: "fs-pin-promotes" },
          "promotes ",
          inLine(info.promoted_tokens.slice(0, 4).map(visible)),
        )
      : null,
    h(
      "div",
      { className: "fs-pin-foot" },
      h("span", null, values ? "here: " + values : ""),
      h("a", { className: "fs-link", href: steerHref, onClick: follow }, "steer with this"),
    ),
  );
}

/**
 * The pinned features, with the way to Steering. props: id, group, target.
 *
 * @param {DashProps & { group: string, target: string }} props
 */
export function FeaturePins(props) {
  const { model, locked, hover, pins } = useGroup(props.group);
  const column = hover !== null ? hover : locked;
  const { prompt, prefix } = (model && model.prompts[0]) || { prompt: "", prefix: null };
  /** @type {Record<string, string>} */
  const before = typeof prefix === "string" ? { prefix } : {}; // where it is not Steering's own
  Object.assign(before, (model && model.prompts[0] && model.prompts[0].talk) || {});
  /** @param {string[]} list */
  const href = (list) =>
    at("/steer?") + new URLSearchParams({ prompt, ...before, f: list.join(",") }).toString();
  /** @param {string} pin */
  const remove = (pin) => tell(props.target, { pins: pins.filter((other) => other !== pin) });
  if (!pins.length) {
    return h(
      "div",
      { id: props.id, className: "fs-quiet" },
      "Click a row of the matrix, or a feature of the comparison, to pin it here. Pins " +
        "travel to Steering and with the link.",
    );
  }
  return h(
    "div",
    { id: props.id },
    h(
      "ul",
      { className: "fs-pins" },
      pins.map((pin) =>
        h(PinCard, {
          key: pin,
          pin,
          model,
          column,
          onRemove: () => remove(pin),
          steerHref: href([pin]),
        }),
      ),
    ),
    pins.length > 1
      ? h(
          "a",
          { className: "fs-button fs-steer-all", href: href(pins), onClick: follow },
          `steer with all ${pins.length}`,
        )
      : null,
  );
}
