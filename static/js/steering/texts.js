/* The texts of all arms under each other: greedy first, then the samples, each with where it parts from the baseline. */

import { nats } from "../shared/number.js";
import { h, useMemo, useState } from "../shared/react.js";
import { saveTable } from "../shared/csv.js";
import { visible } from "../shared/tokens/words.js";
import { alignTokens } from "./align.js";
import { ARM_TITLES, GLOSSES, armNames, textsTable, tokenWords } from "./arms.js";

function tokenClass(k, aligned) {
  if (!aligned || aligned.first === null || k < aligned.first) return undefined;
  const marks = [
    k === aligned.first ? "is-parting" : "",
    aligned.partner[k] === null ? "is-different" : "",
  ];
  return marks.filter(Boolean).join(" ") || undefined;
}

/** One text: tokens to point at, or to walk with the arrows once it has the focus. say(sentence or null). */
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
  const point = (k) => {
    setAt(k);
    say(k === null ? null : tokenWords(name, tokens, k, baseline));
  };
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !tokens.length) return;
    event.preventDefault();
    event.stopPropagation();
    point(
      at === null
        ? step > 0
          ? 0
          : tokens.length - 1
        : Math.max(0, Math.min(tokens.length - 1, at + step)),
    );
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

/** One pass's texts: groups of arms that began from the same random state. */
function Groups({ pass, running, ...rest }) {
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
          ...rest,
          unreachable: rest.unreachable(pass, name),
        }),
      ),
    ),
  );
}

/** Prompt positions in words: the first two with their tokens. */
export const placeWords = (tokens) => (positions) =>
  (positions || [])
    .slice(0, 2)
    .map((p) => (tokens && tokens[p] ? `${visible(tokens[p].text)} ${p}` : String(p)))
    .join(", ");

/** A recording's texts. props: id, run {id, passes}, tokens of the prompt. */
export function ArmTexts({ id, run, tokens }) {
  return h(
    "div",
    { id, className: "fs-stream" },
    h(SteerTexts, {
      run,
      running: false,
      stale: false,
      where: placeWords(tokens),
      unreachable: () => null,
    }),
    h(
      "button",
      {
        type: "button",
        className: "fs-tool fs-tool-button fs-csv",
        title: "every token of every arm, with its probability",
        onClick: () => saveTable("texts", textsTable(run)),
      },
      "CSV",
    ),
  );
}

/** props: run {id, passes}, running, stale, where(positions) -> words, unreachable(pass, name) -> sentence or null. */
export function SteerTexts({ run, running, stale, where, unreachable }) {
  const [said, say] = useState(null);
  const begun = run.passes.filter((pass) => Object.keys(pass.arms).length);
  const notes = new Set(
    begun
      .flatMap((pass) => armNames(pass.arms).map((name) => unreachable(pass, name)))
      .filter(Boolean),
  );
  const missing = new Map(
    begun.flatMap((pass) =>
      (pass.request.interventions || []).length ? Object.entries(pass.arms.leftOut || {}) : [],
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
              ? "The bar marks where a text parts from the baseline. Point at a token for its probability, or focus a text and use ← →."
              : "\u00a0"),
        )
      : null,
  );
}
