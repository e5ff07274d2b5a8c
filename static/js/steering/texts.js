/* The texts of all arms under each other: greedy first, then the samples, each with where it parts
 * from the baseline. */

import { nats } from "../shared/number.js";
import { h, useMemo, useState } from "../shared/hooks/react.js";
import { csvButton } from "../shared/buttons.js";
import { visible } from "../shared/tokens/words.js";
import { alignTokens } from "./align.js";
import { ARM_TITLES, GLOSSES, armNames, constructed, textsTable, tokenWords } from "./arms.js";
import { leftOutOf } from "./run.js";

/** @import { KeyAt } from "../shared/hooks/types.js" */
/** @import { NextToken, Token } from "../shared/types.js" */
/** @import { Arm, ShownRun, Unreachable, Where } from "./types.js" */

/**
 * @param {number} k
 * @param {ReturnType<typeof alignTokens> | null} aligned
 */
function tokenClass(k, aligned) {
  if (!aligned || aligned.first === null || k < aligned.first) return undefined;
  const marks = [
    k === aligned.first ? "is-parting" : "",
    aligned.partner[k] === null ? "is-different" : "",
  ];
  return marks.filter(Boolean).join(" ") || undefined;
}

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * One text: tokens to point at, or to walk with the arrows once it has the focus. say(sentence or
 * null).
 *
 * @param {{ name: string, tokens: NextToken[], baseline: NextToken[] | null, running: boolean,
 *   say: (said: string | null) => void, label: string }} props
 */
function Text({ name, tokens, baseline, running, say, label }) {
  const [at, setAt] = useState(null);
  const aligned = useMemo(
    () =>
      baseline
        ? alignTokens(
            tokens.map((t) => t.token_id),
            baseline.map((t) => t.token_id),
          )
        : null,
    [tokens, baseline, tokens.length, baseline && baseline.length],
  );
  /** @param {number | null} k */
  const point = (k) => {
    setAt(k);
    say(k === null ? null : tokenWords(name, tokens, k, baseline));
  };
  /** @param {KeyAt} event */
  const onKeyDown = (event) => {
    const step = STEPS[event.key];
    if (!step || !tokens.length) return;
    event.preventDefault();
    event.stopPropagation();
    const last = tokens.length - 1;
    if (at === null) point(step > 0 ? 0 : last);
    else point(Math.max(0, Math.min(last, at + step)));
  };
  return h(
    "p",
    {
      className: "fs-text",
      tabIndex: 0,
      role: "group",
      "aria-label": `${label}: ${tokens.map((t) => t.text).join("")}`,
      "data-first": aligned && aligned.first !== null ? aligned.first : undefined,
      onKeyDown,
      onFocus: () => point(at),
      onBlur: () => point(null),
      onMouseLeave: () => point(null),
    },
    tokens.map((token, k) =>
      h(
        "span",
        {
          key: k,
          className:
            [tokenClass(k, aligned), at === k ? "is-pointed" : ""].filter(Boolean).join(" ") ||
            undefined,
          onMouseEnter: () => point(k),
        },
        token.text,
      ),
    ),
    !tokens.length && !running ? h("i", { className: "fs-quiet" }, "(ended at once)") : null,
    running ? h("span", { className: "fs-caret", "aria-hidden": true }) : null,
  );
}

/**
 * @param {{ name: string, arm: Arm, sample: number, first: boolean, baseline: NextToken[], running:
 *   boolean,
 *   say: (said: string | null) => void, where: Where, unreachable: string | null }} props
 */
function ArmRow({ name, arm, sample, first, baseline, running, say, where, unreachable }) {
  const title = ARM_TITLES[name] || name;
  const gloss = (GLOSSES[name] || (() => ""))(where(arm.positions));
  return h(
    "div",
    { className: "fs-arm fs-arm--" + name, "data-arm": name, title: arm.sentence },
    h(
      "div",
      { className: "fs-arm-head" },
      h(
        "div",
        null,
        h("b", null, title),
        first && name !== "baseline" && arm.kl !== null
          ? h(
              "span",
              {
                className: "fs-arm-kl",
                title:
                  "nats, KL(this arm ‖ baseline) of the next token after the prompt" +
                  (unreachable ? ". " + unreachable : ""),
              },
              `KL ${nats(arm.kl)}`,
              unreachable ? "*" : null,
            )
          : null,
      ),
      first ? h("span", null, gloss) : null,
    ),
    h(Text, {
      name,
      tokens: arm.texts[sample] || [],
      baseline: name === "baseline" ? null : baseline,
      running,
      say,
      label: `${title}${first ? "" : `, sample ${sample + 1}`}`,
    }),
  );
}

/**
 * One pass's texts: groups of arms that began from the same random state.
 *
 * @param {{ pass: ShownRun["passes"][0], running: boolean, say: (said: string | null) => void,
 *   where: Where,
 *   unreachable: Unreachable }} props
 */
function Groups({ pass, running, say, where, unreachable }) {
  const names = armNames(pass.arms);
  const sampled = pass.request.temperature > 0;
  return Array.from({ length: pass.request.samples }, (_, sample) =>
    h(
      "section",
      { key: sample, className: "fs-arms", "data-sample": sampled ? sample + 1 : 0 },
      h(
        "h3",
        null,
        sampled ? `Sample ${sample + 1}` : "Greedy",
        sampled
          ? h("small", null, `seed ${pass.request.seed}, temperature ${pass.request.temperature}`)
          : null,
      ),
      names.map((name) =>
        h(ArmRow, {
          key: name,
          name,
          arm: pass.arms[name],
          sample,
          first: !sampled,
          running,
          baseline: (pass.arms.baseline && pass.arms.baseline.texts[sample]) || [],
          say,
          where,
          unreachable: unreachable(pass, name),
        }),
      ),
    ),
  );
}

/**
 * Prompt positions in words: the first two with their tokens.
 *
 * @param {Token[] | null | undefined} tokens
 * @returns {Where}
 */
export const placeWords = (tokens) => (positions) =>
  (positions || [])
    .slice(0, 2)
    .map((p) => (tokens && tokens[p] ? `${visible(tokens[p].text)} ${p}` : String(p)))
    .join(", ");

/**
 * A recording's texts. props: id, run {id, passes}, tokens of the prompt.
 *
 * @param {{ id: string, run: ShownRun, tokens?: Token[] }} props
 */
export function ArmTexts({ id, run, tokens }) {
  return h(
    "div",
    { id, className: "fs-stream" },
    h(SteerTexts, {
      run,
      running: false,
      stale: false,
      where: placeWords(tokens),
      unreachable: (pass, name) => constructed(pass.arms[name].sentence),
    }),
    csvButton("texts", () => textsTable(run), {
      title: "every token of every arm, with its probability",
    }),
  );
}

/**
 * props: run {id, passes}, running, stale, where(positions) -> words, unreachable(pass, name) ->
 * sentence or null.
 *
 * @param {{ run: ShownRun, running: boolean, stale: boolean, where: Where, unreachable: Unreachable
 *   }} props
 */
export function SteerTexts({ run, running, stale, where, unreachable }) {
  const [said, say] = useState(null);
  const begun = run.passes.filter((pass) => Object.keys(pass.arms).length);
  const notes = new Set(
    begun.flatMap((pass) => armNames(pass.arms).flatMap((name) => unreachable(pass, name) ?? [])),
  );
  const missing = new Map(
    begun.flatMap((pass) =>
      (pass.request.interventions || []).length ? Object.entries(leftOutOf(pass.arms)) : [],
    ),
  );
  const parted = begun.some((pass) => armNames(pass.arms).some((name) => name !== "baseline"));
  return h(
    "div",
    { className: "fs-stream-arms" + (stale ? " is-stale" : ""), "data-run": run.id },
    begun.map((pass, k) =>
      h(Groups, {
        key: k,
        pass,
        running: running && pass.status === "streaming",
        say,
        where,
        unreachable,
      }),
    ),
    [...missing].map(([name, why]) =>
      h(
        "p",
        { key: name, className: "fs-quiet fs-arms-note" },
        `${ARM_TITLES[name] || name} is left out: ${why}.`,
      ),
    ),
    [...notes].map((note) =>
      h("p", { key: note, className: "fs-quiet fs-arms-note" }, "* " + note),
    ),
    begun.length
      ? h(
          "p",
          { className: "fs-text-readout", role: "status", "aria-live": "polite" },
          said ||
            (parted
              ? "The bar marks where a text parts from the baseline. Point at a token for its " +
                "probability, or focus a text and use ← →."
              : "\u00a0"),
        )
      : null,
  );
}
