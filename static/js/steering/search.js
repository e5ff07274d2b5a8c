/* Finding features to plug in: by index, by a token that fires or is promoted by them, or from the
 * pins of Reactivation. */

import { useChannel } from "../shared/hooks/channel.js";
import { h, useEffect, useRef, useState } from "../shared/hooks/react.js";
import { keyOf } from "../shared/hooks/labels.js";
import { inLine, visible } from "../shared/tokens/words.js";

/** @import { DragAt, KeyAt, Ref } from "../shared/hooks/types.js" */
/** @import { Feature, Sae, Tell } from "../shared/types.js" */
/** @import { RackProps } from "./rack_types.js" */
/** @import { Edit } from "./types.js" */

const FIELD = {
  type: "search",
  className: "fs-search-input",
  "data-fs-search": "",
  autoComplete: "off",
  "aria-label": "find a feature",
  placeholder: "index, sae_id:index, its label, or a word that it fires on or promotes",
};

const SETTLE_MS = 180;

const NOTHING_FOUND = "No feature found; an index typed with Enter is added all the same.";

const WRITTEN = /^(?:(.+):)?(\d+)$/;

/** @param {Feature} feature */
const dragged = (feature) => (/** @type {DragAt} */ event) =>
  event.dataTransfer.setData("text/plain", "feature " + JSON.stringify(feature));

/**
 * Pins as Reactivation writes them -> features; those of an SAE that cannot be steered are left
 * out.
 *
 * @param {string[] | null | undefined} pins
 * @param {Pick<Sae, "sae_id">[]} saes
 * @param {Pick<Edit, "sae_id" | "feature_index">[]} taken
 * @returns {Feature[]}
 */
export function pinnedFeatures(pins, saes, taken) {
  return (pins || [])
    .map((pin) => ({
      sae_id: pin.slice(0, pin.lastIndexOf(":")),
      feature_index: Number(pin.slice(pin.lastIndexOf(":") + 1)),
    }))
    .filter((feature) => saes.some((sae) => sae.sae_id === feature.sae_id))
    .filter(
      (feature) =>
        !taken.some(
          (it) => it.sae_id === feature.sae_id && it.feature_index === feature.feature_index,
        ),
    );
}

/** @param {{ results: Feature[], add: (feature: Feature) => void }} props */
function Results({ results, add }) {
  return h(
    "ul",
    { className: "fs-results", role: "listbox", "aria-label": "features found" },
    results.map((feature, index) =>
      h(
        "li",
        {
          key: feature.sae_id + feature.feature_index,
          role: "option",
          "aria-selected": index === 0,
        },
        h(
          "button",
          {
            type: "button",
            className: "fs-result",
            draggable: true,
            "data-feature": feature.feature_index,
            onClick: () => add(feature),
            title: "add; or drag onto a socket",
            onDragStart: dragged(feature),
          },
          h("b", null, feature.feature_index),
          h(
            "span",
            { "data-fs-feature": keyOf(feature.sae_id, feature.feature_index) },
            inLine((feature.words || []).slice(0, 4).map(visible)) || "\u00a0",
          ),
          h(
            "i",
            null,
            feature.promoted && feature.promoted.length
              ? "promotes " + inLine(feature.promoted.slice(0, 3).map(visible))
              : "",
          ),
        ),
      ),
    ),
  );
}

/** @param {{ pins: Feature[], add: (feature: Feature) => void }} props */
function Pins({ pins, add }) {
  if (!pins.length) return null;
  return h(
    "div",
    { className: "fs-rack-pins" },
    h("span", { className: "fs-quiet" }, "pinned on Reactivation"),
    pins.map((pin) =>
      h(
        "button",
        {
          key: pin.sae_id + pin.feature_index,
          type: "button",
          className: "fs-button fs-rack-pin",
          draggable: true,
          onClick: () => add(pin),
          onDragStart: dragged(pin),
          title:
            `feature ${pin.feature_index} of ${pin.sae_id}: plug it in, or drag it onto a ` +
            `socket`,
        },
        h("span", { "data-fs-feature": keyOf(pin.sae_id, pin.feature_index) }, pin.feature_index),
        h("small", null, pin.sae_id),
      ),
    ),
  );
}

/** @param {{ id: string, saes: Sae[], chosen: string, choose: (sae: string) => void }} props */
function SaePicker({ id, saes, chosen, choose }) {
  return h(
    "label",
    { className: "fs-field" },
    "add a feature of",
    h(
      "select",
      { id, value: chosen, onChange: (event) => choose(event.target.value) },
      saes.map((sae) =>
        h("option", { key: sae.sae_id, value: sae.sae_id }, `layer ${sae.layer} · ${sae.sae_id}`),
      ),
    ),
  );
}

/**
 * The feature that Enter means: the one whose index stands there, else the first found; null for
 * none.
 *
 * @param {string} text
 * @param {Sae[]} saes
 * @param {string} chosen
 * @param {Feature[]} results
 * @returns {Feature | null}
 */
function meant(text, saes, chosen, results) {
  const typed = WRITTEN.exec(text);
  const sae_id = (typed && typed[1]) || chosen;
  if (!typed || !saes.some((sae) => sae.sae_id === sae_id)) return results[0] || null;
  const feature_index = Number(typed[2]);
  return results.find((f) => f.feature_index === feature_index) || { sae_id, feature_index };
}

/**
 * React hook: asks the server once typing has paused; ask(text, sae).
 *
 * @param {Tell} setProps
 * @returns {(text: string, sae_id: string) => void}
 */
function useAsked(setProps) {
  /** @type {Ref<number | undefined>} */
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (text, sae_id) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setProps({ query: { text: text.trim(), sae_id } }), SETTLE_MS);
  };
}

/**
 * Search for a feature; Enter adds. props: those of the rack; add(feature).
 *
 * @param {{ props: RackProps, add: (feature: Feature) => void }} props
 */
export function FeatureSearch({ props, add }) {
  const saes = props.saes || [];
  const taken = props.interventions || [];
  const [text, setText] = useState("");
  const [saeId, setSaeId] = useState(null);
  const pins = useChannel("reactivation", (state) => state.pins);
  const byItself = props.default_sae || (saes[0] && saes[0].sae_id) || "";
  const chosen = saeId || taken.map((it) => it.sae_id)[0] || byItself;
  const ask = useAsked(props.setProps);
  const typed = text.trim();
  const fresh = props.query && props.results_for === props.query.sae_id + ":" + typed;
  const results = typed && fresh ? props.results || [] : [];
  const nothing = typed && fresh && !results.length;
  /**
   * @param {string} value
   * @param {string} sae
   */
  const write = (value, sae) => {
    setText(value);
    ask(value, sae);
  };
  /** @param {Feature} feature */
  const take = (feature) => {
    add(feature);
    write("", chosen);
  };
  /** @param {string} sae */
  const choose = (sae) => {
    setSaeId(sae);
    ask(text, sae);
  };
  /** @param {KeyAt} event */
  const onKeyDown = (event) => {
    if (event.key === "Escape" && text) {
      event.stopPropagation();
      setText("");
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const feature = meant(typed, saes, chosen, results);
    if (feature) take(feature);
  };
  return h(
    "div",
    { className: "fs-search" },
    h(SaePicker, { id: props.id + "-search-sae", saes, chosen, choose }),
    h("input", {
      id: props.id + "-search",
      ...FIELD,
      value: text,
      onChange: (event) => write(event.target.value, chosen),
      onKeyDown,
    }),
    nothing ? h("div", { className: "fs-quiet" }, props.search_note || NOTHING_FOUND) : null,
    results.length ? h(Results, { results, add: take }) : null,
    h(Pins, { pins: pinnedFeatures(pins, saes, taken), add }),
  );
}
