/* What the interventions do to the very next token: paired bars, baseline against steered. Asked for by the browser
 * itself, newest recipe first; what was asked for before is known and answers at once. */

import { channelOf } from "../shared/channel.js";
import { reportProblem } from "../shared/notices.js";
import { nats, percent } from "../shared/number.js";
import { h, useEffect, useState } from "../shared/react.js";
import { refusal } from "../shared/stream.js";
import { saveTable } from "../shared/csv.js";
import { visible } from "../shared/tokens/words.js";
import { baselineKey, knownOf, requestKey, shiftRequest, steerKnown, unsteered } from "./known.js";
import { pairNextTokens, shiftTable } from "./shift_pairs.js";

const SETTLE_MS = 40; // a dragged slider asks for its last value only

/** The answer to `request`, and so also to the same prompt without interventions. */
function remember(request, answer) {
  steerKnown.shifts.put(requestKey(request), answer);
  steerKnown.shifts.put(baselineKey(request), unsteered(answer));
}

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

/** React hook: {answer, busy, problem, ms} of the settings' next-token request; ms null = it was known. */
function useShift({ request: settings, endpoint, model }, onAnswer) {
  const [state, setState] = useState({ answer: null, busy: false, problem: null, ms: null });
  const request = settings ? shiftRequest(settings) : null;
  const asked = settings ? JSON.stringify(settings) : null;
  useEffect(() => {
    if (!request || !endpoint) {
      setState({ answer: null, busy: false, problem: null, ms: null });
      return undefined;
    }
    const known = knownOf(model).shifts.get(requestKey(request));
    if (known) {
      setState({ answer: known, busy: false, problem: null, ms: null });
      onAnswer(settings);
      return undefined;
    }
    const abort = new AbortController();
    setState((now) => Object.assign({}, now, { busy: true }));
    const timer = setTimeout(async () => {
      const began = performance.now();
      try {
        const answer = await ask(endpoint, request, abort.signal);
        remember(request, answer);
        setState({ answer, busy: false, problem: null, ms: performance.now() - began });
        onAnswer(settings);
      } catch (problem) {
        if (abort.signal.aborted) return;
        const told = problem.title
          ? problem
          : { title: "The server cannot be reached", detail: String(problem.message || problem) };
        setState({ answer: null, busy: false, problem: told, ms: null });
        reportProblem(told);
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

const least = (list) => (list.length ? list[list.length - 1].probability : 0);

function Bar({ arm, p, bound, most }) {
  const known = p !== undefined;
  return h(
    "span",
    { className: "fs-pair-bar is-" + arm },
    h(
      "span",
      { className: "fs-pair-track" },
      h("i", { style: { width: known ? (100 * p) / most + "%" : 0 } }),
    ),
    h(
      "span",
      { className: "fs-pair-p" },
      known ? percent(p) : percent(bound).replace(/^(?!<)/, "< "),
    ),
  );
}

function Headline({ result }) {
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
            "KL divergence of the steered from the baseline distribution over the whole vocabulary, after the prompt",
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

function Pairs({ result }) {
  const [base, steered] = [result.baseline.next_tokens, result.steered.next_tokens];
  const rows = pairNextTokens(base, steered);
  const most = Math.max(1e-9, ...rows.map((r) => Math.max(r.baseline || 0, r.steered || 0)));
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
          h(Bar, { arm: "baseline", p: row.baseline, bound: least(base), most }),
          h(Bar, { arm: "steered", p: row.steered, bound: least(steered), most }),
        ),
      ),
    ),
  );
}

/** props: id; result to show, or endpoint, model and request to ask for it; accepted := the request once answered. */
export function SteerShift(props) {
  const asked = useShift(props, (accepted) => props.setProps && props.setProps({ accepted }));
  const result = props.result || asked.answer;
  useEffect(() => {
    if (!asked.answer) return;
    channelOf("steer").set({ answer: asked.answer }); // the sweep and the texts beside it begin from here
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
      asked.busy ? "Reading the prompt…" : "Type a prompt to see what comes next.",
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
