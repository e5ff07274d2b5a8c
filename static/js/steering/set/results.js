/* What an edit did over a set: every arm's rates, and each prompt's answers beside each other. */

import { h } from "../../shared/hooks/react.js";
import { visible } from "../../shared/tokens/words.js";
import { RateBar } from "../traits/rate_bar.js";
import { armTitle } from "./plan.js";

/** @import { SetAnswer, SetArm, SetResult } from "./types.js" */

/**
 * @param {{ id: string, title: string, arms: SetArm[], of: "success" | "changed" }} props
 */
function Rates({ id, title, arms, of }) {
  const shown = arms.filter((arm) => arm[of]);
  if (!shown.length) return null;
  return h(
    "section",
    { className: "fs-trait-part" },
    h("h3", null, title),
    h(
      "ul",
      { className: "fs-rates", id },
      shown.map((arm) =>
        h(RateBar, {
          key: arm.name,
          label: armTitle(arm.name),
          rate: /** @type {any} */ (arm[of]),
          marked: arm.name === "steered",
          title: arm.sentence,
        }),
      ),
    ),
  );
}

/** @param {{ one: SetAnswer | undefined }} props */
function Answer({ one }) {
  if (!one) return h("td", { className: "fs-quiet", title: "no content token to edit" }, "–");
  const said = one.success === null ? "" : one.success ? "succeeds; " : "does not succeed; ";
  return h(
    "td",
    {
      className: one.changed ? "is-changed" : "",
      title: said + (one.changed ? "not the baseline's answer" : "as the baseline"),
    },
    one.success === null
      ? null
      : h("span", { className: "fs-set-mark", "aria-hidden": true }, one.success ? "✓" : ""),
    one.success === null ? null : h("span", { className: "fs-visually-hidden" }, said),
    one.text ? visible(one.text) : h("span", { className: "fs-quiet" }, "(ended at once)"),
  );
}

/**
 * props: id, result (of POST /api/steer/set, perhaps so far), prompts.
 *
 * @param {{ id: string, result?: SetResult | null, prompts?: string[] }} props
 */
export function SteerSetAnswers({ id, result, prompts = [] }) {
  if (!result || !result.rows.length) return null;
  const names = result.arms.map((arm) => arm.name);
  const steered = result.arms.find((arm) => arm.name === "steered");
  return h(
    "div",
    { id, className: "fs-set" },
    steered ? h("p", { className: "fs-quiet" }, steered.sentence) : null,
    h(
      "div",
      { className: "fs-trait-results" },
      h(Rates, { id: id + "-success", title: "Succeeds", arms: result.arms, of: "success" }),
      h(Rates, {
        id: id + "-changed",
        title: "Answers otherwise than the baseline",
        arms: result.arms,
        of: "changed",
      }),
    ),
    h(
      "div",
      { className: "fs-scroll-x fs-set-rows", tabIndex: 0, role: "group", "aria-label": "answers" },
      h(
        "table",
        { className: "fs-set-table" },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, "prompt"),
            result.arms.map((arm) =>
              h("th", { key: arm.name, scope: "col", title: arm.sentence }, armTitle(arm.name)),
            ),
          ),
        ),
        h(
          "tbody",
          null,
          result.rows.map((row) =>
            h(
              "tr",
              { key: row.prompt },
              h("th", { scope: "row" }, visible(prompts[row.prompt] || "")),
              names.map((name) => h(Answer, { key: name, one: row.answers[name] })),
            ),
          ),
        ),
      ),
    ),
  );
}
