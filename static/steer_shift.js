/* What the interventions do to the very next token: paired bars, baseline against steered. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const SHOWN = 20;

  /** The tokens of both lists, most probable in either first; an arm that does not list one knows only
   *  that it is below its least listed probability. */
  live.pairNextTokens = function (baseline, steered) {
    const pairs = new Map();
    const put = (list, arm) => list.forEach((n) => {
      if (!pairs.has(n.token_id)) pairs.set(n.token_id, { token_id: n.token_id, text: n.text });
      pairs.get(n.token_id)[arm] = n.probability;
    });
    put(baseline, "baseline");
    put(steered, "steered");
    const most = (pair) => Math.max(pair.baseline || 0, pair.steered || 0);
    return [...pairs.values()].sort((a, b) => most(b) - most(a)).slice(0, SHOWN);
  };

  function least(list) {
    return list.length ? list[list.length - 1].probability : 0;
  }

  function Bar({ arm, p, bound, most }) {
    const known = p !== undefined;
    return h("span", { className: "fs-pair-bar is-" + arm },
      h("span", { className: "fs-pair-track" }, h("i", { style: { width: known ? (100 * p) / most + "%" : 0 } })),
      h("span", { className: "fs-pair-p" }, known ? live.percent(p) : live.percent(bound).replace(/^(?!<)/, "< ")));
  }

  function Headline({ result }) {
    const first = (arm) => result[arm].next_tokens[0];
    const [a, b] = [first("baseline"), first("steered")];
    return h("div", { className: "fs-shift-head" },
      h("div", { className: "fs-shift-kl" }, h("b", { id: "steer-kl" }, live.nats(result.kl)), " nats",
        h("span", null, "KL(steered ‖ baseline) of the next token")),
      a && b ? h("div", { className: "fs-shift-top" },
        h("span", null, "most probable"), h("code", null, live.visible(a.text)), h("em", null, live.percent(a.probability)),
        h("span", null, a.token_id === b.token_id ? "stays" : "→"), h("code", { className: "is-steered" }, live.visible(b.text)), h("em", null, live.percent(b.probability))) : null);
  }

  /** props: id, result, busy, problem. */
  live.SteerShift = function SteerShift(props) {
    const { result } = props;
    if (props.problem) return h("div", { id: props.id, className: "fs-prompt-problem", role: "alert" }, props.problem);
    if (!result) return h("div", { id: props.id, className: "fs-quiet" }, "Type a prompt to see what comes next.");
    const [base, steered] = [result.baseline.next_tokens, result.steered.next_tokens];
    const rows = live.pairNextTokens(base, steered);
    const most = Math.max(1e-9, ...rows.map((r) => Math.max(r.baseline || 0, r.steered || 0)));
    return h("div", { id: props.id, className: "fs-shift" + (props.busy ? " is-busy" : ""), "aria-busy": Boolean(props.busy) },
      h("p", { className: "fs-recipe", id: "steer-sentence" }, result.sentence),
      h(Headline, { result }),
      h("div", { className: "fs-pair-legend" }, h("span", { className: "is-baseline" }, "baseline"), h("span", { className: "is-steered" }, "steered")),
      h("ol", { className: "fs-pairs" }, rows.map((row) =>
        h("li", { key: row.token_id, title: `${JSON.stringify(row.text)} · token ${row.token_id}` },
          h("span", { className: "fs-next-token" }, live.visible(row.text)),
          h("span", { className: "fs-pair-bars" },
            h(Bar, { arm: "baseline", p: row.baseline, bound: least(base), most }),
            h(Bar, { arm: "steered", p: row.steered, bound: least(steered), most }))))));
  };
})();
