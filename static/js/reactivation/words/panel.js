/* In words: the tokens that the residual stream at the locked position promotes, layer by layer. */

import { csvButton } from "../../shared/buttons.js";
import { percent } from "../../shared/number.js";
import { h } from "../../shared/hooks/react.js";
import { chip } from "../../shared/tokens/chip.js";
import { visible } from "../../shared/tokens/words.js";
import { LANES, nothingYet, useGroup } from "../next_tokens.js";
import { lensPlans, wordsTable } from "./plan.js";
import { useReadings } from "./work.js";

/** @import { Model } from "../matrix/types.js" */
/** @import { NextToken } from "../../shared/types.js" */
/** @import { LensPlan, LensRow, Reading, WatchedToken, WordsProps } from "./types.js" */

const LEAD =
  "The residual stream after each layer, through the final norm and the unembedding: the tokens " +
  "that it promotes, and the rank of every prompt's answer in the whole vocabulary. After early " +
  "layers this is a reading, not what the model says; after the last layer it is.";

/** @param {{ token: NextToken }} props */
function Promoted({ token }) {
  return h(
    "td",
    {
      className: "fs-words-token",
      style: { "--shade": `${100 * token.probability}%` },
      title: `${JSON.stringify(token.text)} · token ${token.token_id} · ${token.probability}`,
    },
    h("span", null, visible(token.text)),
    h("small", null, percent(token.probability)),
  );
}

/** @param {{ token: WatchedToken }} props */
const Rank = ({ token }) =>
  h(
    "td",
    {
      className: "is-number" + (token.rank === 1 ? " is-first" : ""),
      title: `probability ${percent(token.probability)}`,
    },
    token.rank.toLocaleString("en"),
  );

/** @param {{ rows: LensRow[], name: string }} props */
function WordsTable({ rows, name }) {
  const [first] = rows;
  return h(
    "div",
    { className: "fs-words-scroll", role: "region", tabIndex: 0, "aria-label": name },
    h(
      "table",
      { className: "fs-words" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", { scope: "col", className: "is-number" }, "layer"),
          first.watched.map((token) =>
            h(
              "th",
              { key: token.token_id, scope: "col", className: "is-number" },
              "rank of " + visible(token.text),
            ),
          ),
          h("th", { scope: "col", colSpan: first.tokens.length }, "promoted, most first"),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((row) =>
          h(
            "tr",
            { key: row.layer, "data-layer": row.layer },
            h("th", { scope: "row", className: "is-number" }, row.layer),
            row.watched.map((token) => h(Rank, { key: token.token_id, token })),
            row.tokens.map((token) => h(Promoted, { key: token.token_id, token })),
          ),
        ),
      ),
    ),
  );
}

/**
 * One prompt's reading: its table, or why there is none.
 *
 * @param {{ plan: LensPlan, reading: Reading | undefined, model: Model, again: () => void }} props
 */
function Lane({ plan, reading, model, again }) {
  const { lane, position } = plan;
  const token = position === null ? null : model.prompts[lane].tokens[position];
  const several = model.prompts.length > 1;
  const problem = reading && reading.problem;
  const name = `${several ? LANES[lane] + ": " : ""}in words, layer by layer`;
  const waits = !problem && !plan.problem && !(reading && reading.rows);
  return h(
    "section",
    { className: "fs-words-lane", "data-lane": LANES[lane], "aria-busy": waits },
    h(
      "h3",
      null,
      several ? h("b", null, LANES[lane] + " ") : null,
      token ? ["at ", chip(token, { key: "token" }, true)] : null,
    ),
    plan.problem ? h("p", { className: "fs-quiet" }, plan.problem) : null,
    problem
      ? h(
          "p",
          { className: "fs-prompt-problem", role: "alert" },
          `${problem.title}: ${problem.detail} `,
          h("button", { type: "button", className: "fs-link", onClick: again }, "read again"),
        )
      : null,
    waits ? h("p", { className: "fs-quiet", role: "status" }, "Reading this position…") : null,
    reading && reading.rows ? h(WordsTable, { rows: reading.rows, name }) : null,
  );
}

/**
 * props: see app/pages/reactivation/components.py.
 *
 * @param {WordsProps} props
 */
export function ResidualWords(props) {
  const { model, locked, busy } = useGroup(props.group);
  const { ran, settings } = props;
  const ready = model && model.columns.length && ran && model.prompts.length === ran.prompts.length;
  const plans = ready && !busy ? lensPlans(model, locked, ran) : [];
  const [readingOf, again] = useReadings(props, plans);
  if (!ready) return h("div", { id: props.id, className: "fs-quiet" }, nothingYet(busy));
  const read = plans.flatMap((plan) => {
    const rows = plan.body && readingOf(plan.body)?.rows;
    return rows ? [{ plan, rows }] : [];
  });
  return h(
    "div",
    { id: props.id, className: "fs-words-panel" },
    h("p", { className: "fs-ix-words" }, LEAD),
    h(
      "div",
      { className: "fs-words-tools" },
      h(
        "button",
        {
          type: "button",
          className: settings.words ? "fs-button" : "fs-go",
          id: props.id + "-run",
          "aria-pressed": Boolean(settings.words),
          onClick: () => props.setProps({ settings: { words: settings.words ? "" : "1" } }),
        },
        settings.words ? "Stop reading" : "Read the locked position",
      ),
      settings.words ? h("span", { className: "fs-quiet" }, "Follows the locked token.") : null,
      read.length ? csvButton("words", () => wordsTable(read), { id: props.id + "-csv" }) : null,
    ),
    settings.words
      ? h(
          "div",
          { className: "fs-words-lanes" },
          busy ? h("p", { className: "fs-quiet", role: "status" }, nothingYet(true)) : null,
          plans.map((plan) =>
            h(Lane, {
              key: plan.lane,
              plan,
              reading: plan.body ? readingOf(plan.body) : undefined,
              model,
              again,
            }),
          ),
        )
      : null,
  );
}
