/* What a search for a trait's feature has measured: rates with their intervals, and the texts of
 * the arms. */

import { element } from "../../shared/events.js";
import { tell } from "../../shared/dash.js";
import { notice } from "../../shared/notices.js";
import { number } from "../../shared/number.js";
import { h, useEffect, useState } from "../../shared/hooks/react.js";
import { calledBy, inLine, visible } from "../../shared/tokens/words.js";
import { RateBar } from "./rate_bar.js";
import { traitArmWords, withTraitFeature } from "./plan.js";

/** @import { Drawn } from "../../shared/hooks/types.js" */
/** @import { Bar, TraitArm, TraitBody, TraitJob, TraitLayer, TraitProps } from "./types.js" */
/** @import { TraitResult, TraitStrength, TraitTrial } from "./types.js" */
/** @import { Arm } from "../types.js" */

/** @param {{ title: string, note?: string, children?: Drawn }} props */
function Part({ title, note, children }) {
  return h(
    "section",
    { className: "fs-trait-part" },
    h("h3", null, title, note ? h("span", null, note) : null),
    children,
  );
}

/** @param {{ arm: TraitArm, prompts: string[], name: string }} props */
function Arm({ arm, prompts, name }) {
  return h(
    "details",
    { className: "fs-trait-answers" },
    h("summary", null, name),
    h("p", { className: "fs-quiet" }, arm.sentence),
    h(
      "ol",
      null,
      arm.texts.map((text, k) =>
        h(
          "li",
          { key: k },
          h("span", { className: "fs-quiet" }, prompts[k] ? prompts[k].trim() : ""),
          " ",
          h("b", null, text || "(ended at once)"),
        ),
      ),
    ),
  );
}

/** @param {{ result: TraitResult, props: TraitProps }} props */
function Found({ result, props }) {
  const [note, setNote] = useState(null);
  const usable = result.feature_index !== null && result.feature_alpha !== null;
  useEffect(() => {
    if (result.feature_index === null) return;
    fetch(`/api/features/${encodeURIComponent(result.sae_id)}/${result.feature_index}?limit=5`)
      .then((r) => (r.ok ? r.json() : null))
      .then(setNote)
      .catch(() => setNote(null));
  }, [result.sae_id, result.feature_index]);
  /** @param {{ text: string }[] | null | undefined} list */
  const words = (list) => inLine((list || []).slice(0, 5).map((token) => visible(token.text)));
  return h(
    "div",
    { className: "fs-trait-found" },
    h("p", null, result.sentence),
    note
      ? h(
          "p",
          { className: "fs-quiet" },
          `Feature ${result.feature_index} fires beyond chance at ${words(calledBy(note))}; ` +
            `promotes ${words(note.promoted_tokens)}.`,
        )
      : null,
    usable
      ? h(
          "button",
          {
            type: "button",
            className: "fs-go",
            id: "steer-traits-put",
            onClick: () => {
              tell(props.target_rack, {
                interventions: withTraitFeature(props.interventions || [], result),
              });
              element("steer-page").scrollIntoView({ block: "start" });
              notice(
                `Feature ${result.feature_index} is in the socket of the last function ` +
                  `token; the others are switched off.`,
              );
            },
          },
          "Put it in the socket",
        )
      : null,
  );
}

/**
 * A part with a bar for each of `bars`, props of RateBar; nothing when there is none.
 *
 * @param {{ id: string, title: string, note: string, bars: Bar[], children?: Drawn }} props
 */
function Rates({ id, title, note, bars, children }) {
  if (!bars.length) return null;
  const list = bars.map((bar) => h(RateBar, bar));
  return h(Part, { title, note }, h("ul", { className: "fs-rates", id }, list), children);
}

const NOTES = {
  layers: "contrast prompts that show the trait when the trait prompt's residual is added",
  trials: (/** @type {number} */ induces) =>
    "the sum of the k strongest, times α, on the contrast prompts; k 1 is the strongest, " +
    "not the one found; " +
    `the line is where it counts as induced (${induces})`,
  strengths:
    "contrast prompts that show the trait; the best, the first of equals, goes on to the test",
  arms: "none of them was used to choose anything",
};

/**
 * @param {TraitResult | null} result
 * @returns {(one: TraitLayer) => Bar}
 */
const layerBar = (result) => (one) => ({
  key: one.sae_id,
  label: `layer ${one.layer}`,
  rate: one.success,
  marked: result && one.sae_id === result.sae_id,
  title: `${one.sae_id}: ${one.n_active} features fire at the trait prompt's last function token`,
});

/**
 * @param {TraitResult | null} result
 * @param {number} line
 * @returns {(one: TraitTrial, at: number) => Bar}
 */
const trialBar = (result, line) => (one, at) => ({
  key: at,
  label: `k ${one.k} · α ${number(one.alpha)}`,
  rate: one.success,
  line,
  marked: result && one.k === result.k && one.alpha === result.alpha,
});

/**
 * @param {TraitResult | null} result
 * @returns {(one: TraitStrength, at: number) => Bar}
 */
const strengthBar = (result) => (one, at) => ({
  key: at,
  label: `α ${number(one.alpha)}`,
  rate: one.success,
  marked: result && one.alpha === result.feature_alpha,
});

/**
 * @param {TraitResult | null} result
 * @returns {(one: TraitArm) => Bar}
 */
const armBar = (result) => (one) => ({
  key: one.name,
  label: traitArmWords(one.name, result),
  rate: one.success,
  marked: one.name === "feature",
  title: one.sentence,
});

/** @param {{ job: TraitJob, body: TraitBody, props: TraitProps }} props */
export function Results({ job, body, props }) {
  const { result } = job;
  /** @param {TraitArm} one */
  const arm = (one) => {
    const name = traitArmWords(one.name, result);
    return h(Arm, { key: one.name, arm: one, name, prompts: body.test_prompts });
  };
  return h(
    "div",
    { className: "fs-trait-results" },
    result ? h(Found, { result, props }) : null,
    h(Rates, {
      id: "steer-traits-layers",
      title: "Which layer",
      note: NOTES.layers,
      bars: job.layers.map(layerBar(result)),
    }),
    h(Rates, {
      id: "steer-traits-trials",
      title: "How few features",
      note: NOTES.trials(body.induces),
      bars: job.trials.map(trialBar(result, body.induces)),
    }),
    h(Rates, {
      id: "steer-traits-strengths",
      title: "The feature alone, how strong",
      note: NOTES.strengths,
      bars: job.strengths.map(strengthBar(result)),
    }),
    h(
      Rates,
      {
        id: "steer-traits-arms",
        title: "On the test prompts",
        note: NOTES.arms,
        bars: job.arms.map(armBar(result)),
      },
      h("div", { className: "fs-trait-texts" }, job.arms.map(arm)),
    ),
  );
}
