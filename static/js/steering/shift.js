/* What the interventions do to the very next token: paired bars, baseline against steered. Asked
 * for by the browser itself, newest recipe first; what was asked for before is known and answers at
 * once. */

import { channelOf } from "../shared/hooks/channel.js";
import { cured, reportProblem } from "../shared/notices.js";
import { barWidth, nats, percent } from "../shared/number.js";
import { h, useEffect, useState } from "../shared/hooks/react.js";
import { problemOf, refusal } from "../shared/stream.js";
import { saveTable } from "../shared/csv.js";
import { visible } from "../shared/tokens/words.js";
import { baselineKey, knownOf, requestKey, shiftRequest, steerKnown, unsteered } from "./known.js";
import { pairNextTokens, shiftTable } from "./shift_pairs.js";

/** @import { NextToken, Problem } from "../shared/types.js" */
/** @import { Bar } from "./traits/types.js" */
/** @import { ShiftProps, SteerAnswer, SteerSettings } from "./types.js" */

/**
 * @type {{ answer: SteerAnswer | null, busy: boolean, problem: Problem | null, ms: number | null }}
 */
const NOTHING = { answer: null, busy: false, problem: null, ms: null };

const SETTLE_MS = 40; // a dragged slider asks for its last value only

/**
 * The answer to `request`, and so also to the same prompt without interventions.
 *
 * @param {SteerSettings} request
 * @param {SteerAnswer} answer
 */
function remember(request, answer) {
  steerKnown.shifts.put(requestKey(request), answer);
  steerKnown.shifts.put(baselineKey(request), unsteered(answer));
}

/**
 * @param {string} endpoint
 * @param {SteerSettings} request
 * @param {AbortSignal} signal
 * @returns {Promise<SteerAnswer>}
 */
async function ask(endpoint, request, signal) {
  const response = await fetch(endpoint, {
    method: "POST",
    signal,
    body: JSON.stringify(request),
    headers: { "Content-Type": "application/json" },
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/**
 * React hook: {answer, busy, problem, ms} of the settings' next-token request; ms null = it was
 * known.
 *
 * @param {ShiftProps} props
 * @param {(accepted: SteerSettings | null) => void} onAnswer
 */
function useShift({ request: settings, endpoint, model }, onAnswer) {
  const [state, setState] = useState(NOTHING);
  const accepted = settings ?? null;
  const request = settings ? shiftRequest(settings) : null;
  const asked = settings ? JSON.stringify(settings) : null;
  useEffect(() => {
    if (!request || !endpoint) {
      setState(NOTHING);
      return undefined;
    }
    const known = knownOf(model).shifts.get(requestKey(request));
    if (known) {
      setState({ answer: known, busy: false, problem: null, ms: null });
      onAnswer(accepted);
      return undefined;
    }
    const abort = new AbortController();
    setState((now) => Object.assign({}, now, { busy: true }));
    const timer = setTimeout(async () => {
      const began = performance.now();
      try {
        const answer = await ask(endpoint, request, abort.signal);
        remember(request, answer);
        cured(endpoint);
        setState({ answer, busy: false, problem: null, ms: performance.now() - began });
        onAnswer(accepted);
      } catch (problem) {
        if (abort.signal.aborted) return;
        const told = problemOf(problem, "The server cannot be reached");
        setState({ answer: null, busy: false, problem: told, ms: null });
        reportProblem(told, endpoint);
        onAnswer(null);
      }
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [asked, endpoint]);
  return state;
}

/** @param {NextToken[]} list */
const least = (list) => (list.length ? list[list.length - 1].probability : 0);

/** @param {{ arm: string, p: number | undefined, bound: number }} props */
function Bar({ arm, p, bound }) {
  const known = p !== undefined;
  return h(
    "span",
    { className: "fs-pair-bar is-" + arm },
    h(
      "span",
      { className: "fs-pair-track" },
      h("i", { style: { width: known ? barWidth(p) : 0 } }),
    ),
    h(
      "span",
      { className: "fs-pair-p" },
      known ? percent(p) : percent(bound).replace(/^(?!<)/, "< "),
    ),
  );
}

/** @param {{ result: SteerAnswer }} props */
function Headline({ result }) {
  /** @param {"baseline" | "steered"} arm */
  const first = (arm) => result[arm].next_tokens[0];
  const [a, b] = [first("baseline"), first("steered")];
  return h(
    "div",
    { className: "fs-shift-head" },
    h(
      "div",
      { className: "fs-shift-kl" },
      h("b", { id: "steer-kl" }, nats(result.kl)),
      " nats",
      h(
        "span",
        {
          title:
            "KL divergence of the steered from the baseline distribution over the whole " +
            "vocabulary, after the prompt",
        },
        "KL(steered ‖ baseline) of the next token",
      ),
    ),
    a && b
      ? h(
          "div",
          { className: "fs-shift-top" },
          h("span", null, "most probable"),
          h("code", null, visible(a.text)),
          h("em", null, percent(a.probability)),
          h("span", null, a.token_id === b.token_id ? "stays" : "→"),
          h("code", { className: "is-steered" }, visible(b.text)),
          h("em", null, percent(b.probability)),
        )
      : null,
  );
}

/** @param {{ result: SteerAnswer }} props */
function Pairs({ result }) {
  const [base, steered] = [result.baseline.next_tokens, result.steered.next_tokens];
  const rows = pairNextTokens(base, steered);
  return h(
    "ol",
    {
      className: "fs-pairs",
      tabIndex: 0,
      "aria-label": "next tokens, most probable in either arm first",
    },
    rows.map((row) =>
      h(
        "li",
        { key: row.token_id, title: `${JSON.stringify(row.text)} · token ${row.token_id}` },
        h("span", { className: "fs-next-token" }, visible(row.text)),
        h(
          "span",
          { className: "fs-pair-bars" },
          h(Bar, { arm: "baseline", p: row.baseline, bound: least(base) }),
          h(Bar, { arm: "steered", p: row.steered, bound: least(steered) }),
        ),
      ),
    ),
  );
}

/**
 * props: id; result to show, or endpoint, model and request to ask for it; accepted := the request
 * once answered.
 *
 * @param {ShiftProps} props
 */
export function SteerShift(props) {
  const asked = useShift(props, (accepted) => props.setProps && props.setProps({ accepted }));
  const result = props.result || asked.answer;
  useEffect(() => {
    if (!asked.answer) return;
    // the sweep and the texts beside it begin from here
    channelOf("steer").set({ answer: asked.answer });
  }, [asked.answer]);
  if (asked.problem)
    return h(
      "div",
      { id: props.id, className: "fs-prompt-problem", role: "alert" },
      `${asked.problem.title}: ${asked.problem.detail}`,
      asked.problem.request_id ? h("small", null, ` (request ${asked.problem.request_id})`) : null,
    );
  if (!result)
    return h(
      "div",
      { id: props.id, className: "fs-quiet" },
      asked.busy || props.busy ? "Reading the prompt…" : "Type a prompt to see what comes next.",
    );
  return h(
    "div",
    {
      id: props.id,
      className: "fs-shift" + (asked.busy ? " is-busy" : ""),
      "aria-busy": asked.busy,
      "data-known": asked.ms === null,
    },
    h("p", { className: "fs-recipe", id: "steer-sentence" }, result.sentence),
    h(Headline, { result }),
    h(
      "div",
      { className: "fs-pair-legend" },
      h("span", { className: "is-baseline" }, "baseline"),
      h("span", { className: "is-steered" }, "steered"),
      asked.ms
        ? h(
            "small",
            { title: "from asking to the answer, in this browser" },
            `${Math.round(asked.ms)} ms`,
          )
        : null,
      h(
        "button",
        {
          type: "button",
          className: "fs-tool fs-tool-button fs-csv",
          onClick: () => saveTable("next-token", shiftTable(result)),
        },
        "CSV",
      ),
    ),
    h(Pairs, { result }),
  );
}
