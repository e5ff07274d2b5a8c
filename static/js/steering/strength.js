/* How strongly an intervention edits, in three linked units. */

import { firings, number } from "../shared/number.js";
import { h, useEffect, useState } from "../shared/hooks/react.js";
import { visible } from "../shared/tokens/words.js";
import * as units from "./units.js";

/** @import { Token } from "../shared/types.js" */
/** @import { Change } from "./rack_types.js" */
/** @import { Intervention, Limits, Mode, Place } from "./types.js" */

/** @type {Record<string, string>} */
const VALUE_NAMES = { add: "α", clamp: "activation", scale: "× its activation" };

/**
 * Bounds and step of the slider: multiples of the 99.9th percentile where it is known.
 *
 * @param {Mode} mode
 * @param {number | null} unit
 * @param {number} value
 */
function sliderRange(mode, unit, value) {
  if (mode === "scale") return [-4, 4, 0.1];
  const most = Math.max((unit || 10) * 5, Math.abs(value) * 1.25);
  return [mode === "clamp" ? 0 : -most, most, most / 200];
}

/** @param {string} text */
const parsed = (text) => (text.trim() === "" ? NaN : Number(text.replace("−", "-")));

/**
 * A number that keeps what is being typed until it is a number within `most`.
 *
 * @param {{ id: string, name: string, value: number | null, most: number, onValue: (value: number)
 *   => void, unit: string, title: string, digits: number }} props
 */
function NumberField({ id, name, value, most, onValue, unit, title, digits }) {
  const shown = value === null ? "" : String(Number(value.toPrecision(digits)));
  const [text, setText] = useState(shown);
  useEffect(
    () =>
      setText((now) => (String(Number(parsed(now).toPrecision(digits))) === shown ? now : shown)),
    [shown],
  );
  const wrong = value !== null && !(Math.abs(parsed(text)) <= most);
  return h(
    "label",
    { className: "fs-unit", title },
    h("input", {
      id,
      className: "fs-num-input",
      type: "text",
      inputMode: "decimal",
      value: text,
      style: { "--typed": Math.min(text.length, 14) },
      disabled: value === null,
      "aria-label": name,
      "aria-invalid": wrong,
      placeholder: "–",
      onChange: (event) => {
        setText(event.target.value);
        const number = parsed(event.target.value);
        if (Math.abs(number) <= most) onValue(number);
      },
    }),
    h("span", null, unit),
  );
}

/**
 * What is said about the place: the feature's own activation there, and how it fires on that token
 * in the corpus.
 *
 * @param {Place} place
 * @param {Token} token
 */
function placeWords(place, token) {
  const words = [];
  if (place.activation !== null)
    words.push(
      place.activation > 0
        ? `fires here at ${number(place.activation)} by itself`
        : "silent here by itself",
    );
  if (place.token_act_max)
    words.push(
      `on ${visible(token.text)} at most ${number(place.token_act_max)} in ` +
        `${firings(place.token_firings ?? 0)} of the corpus`,
    );
  return words.join("; ");
}

/** @param {{ it: Intervention, place: Place, put: (value: number) => void }} props */
function Slider({ it, place, put }) {
  const [low, high, step] = sliderRange(it.mode, place.q999, it.value);
  return h("input", {
    className: "fs-slider",
    type: "range",
    min: low,
    max: high,
    step,
    value: Math.max(low, Math.min(high, it.value)),
    "aria-label": "strength slider",
    onChange: (event) => put(Number(Number(event.target.value).toPrecision(3))),
  });
}

/**
 * @param {{ it: Intervention, place: Place, token: Token | null, limits?: Limits, change: Change,
 *   id: string }} props
 */
export function Strength({ it, place, token, limits, change, id }) {
  const most = (limits && limits.value) || Infinity;
  /** @param {number | null} value */
  const put = (value) =>
    value !== null && Math.abs(value) <= most && change({ value: Number(value.toPrecision(4)) });
  const multiple = units.multiple(it.mode, it.value, place);
  const share = units.share(it.mode, it.value, place);
  const dead = it.mode === "scale" && place.activation === 0;
  return h(
    "div",
    { className: "fs-strength" },
    h(Slider, { it, place, put }),
    h(NumberField, {
      id: `${id}-${it.uid}-value`,
      name: "strength",
      value: it.value,
      most,
      digits: 6,
      unit: VALUE_NAMES[it.mode],
      onValue: (value) => change({ value }),
      title: "the number that the request holds",
    }),
    h(NumberField, {
      id: `${id}-${it.uid}-multiple`,
      name: "multiples of the 99.9th percentile",
      value: dead ? null : multiple,
      most: Infinity,
      digits: 3,
      unit: "× p99.9",
      onValue: (value) => put(units.fromMultiple(it.mode, value, place)),
      title: place.q999
        ? `the 99.9th percentile of its firings in the corpus is ${number(place.q999)}`
        : "no build says how strongly it fires",
    }),
    h(NumberField, {
      id: `${id}-${it.uid}-share`,
      name: "per cent of the residual norm",
      value: dead || share === null ? null : 100 * share,
      most: Infinity,
      digits: 3,
      unit: "% of the stream",
      onValue: (value) => put(units.fromShare(it.mode, value / 100, place)),
      title: place.residual_norm
        ? `L2 norm of the edit over that of the residual stream, ` +
          `${number(place.residual_norm)}, at this position`
        : "known once the prompt has been read",
    }),
    dead
      ? h("span", { className: "fs-warn" }, "silent here: a multiple of nothing changes nothing")
      : h("span", { className: "fs-strength-place" }, token ? placeWords(place, token) : ""),
  );
}

/** @param {{ place: Place }} props */
export function Ablation({ place }) {
  if (place.activation === 0)
    return h(
      "span",
      { className: "fs-warn" },
      "silent here by itself: there is nothing to take away",
    );
  const share = units.share("ablate", 0, place);
  return h(
    "span",
    { className: "fs-quiet" },
    "silenced; the rest of the stream stays",
    place.activation === null
      ? ""
      : `: takes away ${number(place.activation)}` +
          (share === null ? "" : `, ${number(Math.abs(100 * share))} % of the stream`),
  );
}
