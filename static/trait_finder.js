/* The trait finder: contrast prompts in, then the layer, the smallest k and the feature, each with its rate and interval
 * as soon as it is known, beside the arms that it must beat. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const SUCCESS = { "language:zh": "the answer is Chinese", "language:en": "the answer is English", "regex:": "the answer matches …", "token:": "the next token is …" };
  const STAGES = { layers: "1 · the layer", features: "2 · the smallest k", strength: "3 · the feature alone", arms: "4 · on test prompts" };

  function Field({ id, label, value, onChange, rows, title }) {
    return h("label", { className: "fs-trait-field", title }, h("span", null, label),
      h("textarea", { id, rows, value, spellCheck: false, onChange: (event) => onChange(event.target.value) }));
  }

  function Form({ settings, change }) {
    const count = (text) => live.promptLines(text).length;
    const put = (name) => (value) => change({ [name]: value });
    return h("div", { className: "fs-trait-form" },
      h(Field, { id: "steer-traits-trait", label: "A prompt that shows the trait", rows: 1, value: settings.trait, onChange: put("trait") }),
      h("div", { className: "fs-trait-pair" },
        h(Field, { id: "steer-traits-contrast", label: `Contrast prompts, without it: one a line (${count(settings.contrast)})`, rows: 5, value: settings.contrast, onChange: put("contrast"),
          title: "The layer, the strength and k are chosen on these." }),
        h(Field, { id: "steer-traits-test", label: `Test prompts: success is counted on these alone (${count(settings.test)})`, rows: 5, value: settings.test, onChange: put("test") })),
      h("div", { className: "fs-sweep-controls" },
        h(live.TargetField, { id: "steer-traits-success", label: "it shows when", value: settings.success, choices: SUCCESS, onChange: put("success") }),
        h("label", { className: "fs-field", title: "For the arm that simply asks, and for the difference of means; empty = without them." }, "asked for as",
          h("input", { id: "steer-traits-ask", className: "fs-wide", type: "text", value: settings.ask, onChange: (event) => change({ ask: event.target.value }) })),
        h("label", { className: "fs-field", title: "Share of contrast prompts that must show the trait for it to count as induced." }, "induced from",
          h("input", { id: "steer-traits-induces", className: "fs-num-input", type: "text", inputMode: "decimal", value: settings.induces, onChange: (event) => change({ induces: event.target.value }) })),
        h("label", { className: "fs-field" }, "tokens per answer",
          h("input", { id: "steer-traits-length", className: "fs-num-input", type: "text", inputMode: "numeric", value: settings.length, onChange: (event) => change({ length: event.target.value }) }))));
  }

  /** A share with its Wilson 95 % interval as a bar with a whisker. */
  function RateBar({ label, rate, marked, title, line }) {
    const [low, high] = rate.interval;
    return h("li", { className: "fs-rate" + (marked ? " is-marked" : ""), title },
      h("span", { className: "fs-rate-label" }, label),
      h("span", { className: "fs-rate-track", "aria-hidden": true }, h("i", { style: { width: 100 * rate.share + "%" } }),
        h("em", { style: { left: 100 * low + "%", width: 100 * (high - low) + "%" } }), line === undefined ? null : h("s", { style: { left: 100 * line + "%" } })),
      h("span", { className: "fs-rate-words", title: "successes of prompts · share [Wilson 95 % interval]" }, live.rateWords(rate)));
  }

  function Part({ title, note, children }) {
    return h("section", { className: "fs-trait-part" }, h("h3", null, title, note ? h("span", null, note) : null), children);
  }

  function Arm({ arm, prompts, name }) {
    return h("details", { className: "fs-trait-answers" }, h("summary", null, name),
      h("p", { className: "fs-quiet" }, arm.sentence),
      h("ol", null, arm.texts.map((text, k) => h("li", { key: k }, h("span", { className: "fs-quiet" }, prompts[k] ? prompts[k].trim() : ""), " ", h("b", null, text || "(ended at once)")))));
  }

  function Found({ result, props }) {
    const [note, setNote] = window.React.useState(null);
    const usable = result.feature_index !== null && result.feature_alpha !== null;
    window.React.useEffect(() => {
      if (result.feature_index === null) return;
      fetch(`/api/features/${encodeURIComponent(result.sae_id)}/${result.feature_index}?limit=5`).then((r) => (r.ok ? r.json() : null)).then(setNote).catch(() => setNote(null));
    }, [result.sae_id, result.feature_index]);
    const words = (list) => live.inLine((list || []).slice(0, 5).map((token) => live.visible(token.text)));
    return h("div", { className: "fs-trait-found" },
      h("p", null, result.sentence),
      note ? h("p", { className: "fs-quiet" }, `Feature ${result.feature_index} fires most often on ${words(note.top_tokens)}; promotes ${words(note.promoted_tokens)}.`) : null,
      usable ? h("button", { type: "button", className: "fs-go", id: "steer-traits-put", onClick: () => {
        live.tell(props.target_rack, { interventions: live.withTraitFeature(props.interventions || [], result) });
        document.getElementById("steer-page").scrollIntoView({ block: "start" });
        if (window.fs) window.fs.notice(`Feature ${result.feature_index} is in the socket of the last function token; the others are switched off.`);
      } }, "Put it in the socket") : null);
  }

  function Results({ job, body, props }) {
    const { result } = job;
    return h("div", { className: "fs-trait-results" },
      result ? h(Found, { result, props }) : null,
      job.layers.length ? h(Part, { title: "Which layer", note: "contrast prompts that show the trait when the trait prompt's residual is added" },
        h("ul", { className: "fs-rates", id: "steer-traits-layers" }, job.layers.map((one) =>
          h(RateBar, { key: one.sae_id, label: `layer ${one.layer}`, rate: one.success, marked: result && one.sae_id === result.sae_id, title: `${one.sae_id}: ${one.n_active} features fire at the trait prompt's last function token` })))) : null,
      job.trials.length ? h(Part, { title: "How few features", note: `the sum of the k strongest, times α, on the contrast prompts; k 1 is the strongest, not the one found; the line is where it counts as induced (${body.induces})` },
        h("ul", { className: "fs-rates", id: "steer-traits-trials" }, job.trials.map((one, at) =>
          h(RateBar, { key: at, label: `k ${one.k} · α ${live.number(one.alpha)}`, rate: one.success, line: body.induces, marked: result && one.k === result.k && one.alpha === result.alpha })))) : null,
      job.strengths.length ? h(Part, { title: "The feature alone, how strong", note: "contrast prompts that show the trait; the best, the first of equals, goes on to the test" },
        h("ul", { className: "fs-rates", id: "steer-traits-strengths" }, job.strengths.map((one, at) =>
          h(RateBar, { key: at, label: `α ${live.number(one.alpha)}`, rate: one.success, marked: result && one.alpha === result.feature_alpha })))) : null,
      job.arms.length ? h(Part, { title: "On the test prompts", note: "none of them was used to choose anything" },
        h("ul", { className: "fs-rates", id: "steer-traits-arms" }, job.arms.map((one) =>
          h(RateBar, { key: one.name, label: live.traitArmWords(one.name, result), rate: one.success, marked: one.name === "feature", title: one.sentence }))),
        h("div", { className: "fs-trait-texts" }, job.arms.map((one) => h(Arm, { key: one.name, arm: one, name: live.traitArmWords(one.name, result), prompts: body.test_prompts })))) : null);
  }

  function Progress({ job }) {
    if (!job) return null;
    const share = job.most ? Math.min(1, job.done / job.most) : 0;
    const words = { streaming: job.place > 0 ? `waiting behind ${job.place}` : job.sentence || "reading the prompts…", done: "done", stopped: "stopped: a half-made search finds nothing; what it measured stands below", failed: "" }[job.status];
    return h("div", { className: "fs-trait-progress" },
      job.status === "streaming" ? h("progress", { max: 1, value: job.most ? share : undefined, "aria-label": "progress of the search" }) : null,
      h("span", { className: "fs-quiet", role: "status", id: "steer-traits-status" }, job.status === "streaming" && job.stage ? h("b", null, STAGES[job.stage], " ") : null, words));
  }

  function useSearch(props, planned) {
    const [redraw, kept] = live.useKept({ job: null });
    const stop = () => {
      live.stopJob(kept.current.job, props.cancel);
      redraw();
    };
    const start = () => {
      stop();
      const job = Object.assign(live.newJob(), { layers: [], trials: [], strengths: [], arms: [], result: null, body: planned.body, stage: null, done: 0, most: 0 });
      kept.current = { job };
      redraw();
      props.setProps({ body: planned.body });
      live.pumpFrames(job, props.endpoint, planned.body, (event, data) => live.applyTraitFrame(job, event, data), redraw).then(() => {
        if (job.problem && window.fs) window.fs.problem(job.problem);
        redraw();
      });
    };
    window.React.useEffect(() => () => live.stopJob(kept.current.job, props.cancel), []);
    live.useEscape(stop);
    return { job: kept.current.job, start, stop };
  }

  /** props: see app/components.py. */
  live.TraitFinder = function TraitFinder(props) {
    const settings = props.settings || Object.assign({}, props.defaults, { open_traits: "" });
    const change = (patch) => props.setProps({ settings: Object.assign({}, settings, patch) });
    const planned = live.traitPlan(settings, props.most_prompts);
    const { job, start, stop } = useSearch(props, planned);
    const running = job !== null && job.status === "streaming";
    return h(live.Section, { id: props.id, title: "Find a trait's feature", open: settings.open_traits, code: props.code, toggle: () => change({ open_traits: settings.open_traits ? "" : "1" }),
      lead: "The paper's procedure: from prompts with and without a trait to the layer, the fewest features and the one that carries it.",
      table: job && job.layers.length ? () => live.traitTable(job) : null },
    h(Form, { settings, change }),
    h("div", { className: "fs-stream-tools" },
      running ? h("button", { type: "button", className: "fs-go fs-stop", id: "steer-traits-stop", onClick: stop }, "Stop ", h("kbd", null, "Esc"))
        : h("button", { type: "button", className: "fs-go", id: "steer-traits-run", onClick: start, disabled: !planned.body }, "Find the feature"),
      h(Progress, { job }), planned.problem ? h("span", { className: "fs-warn" }, planned.problem) : null),
    job && job.problem ? h("div", { className: "fs-prompt-problem", role: "alert" }, `${job.problem.title}: ${job.problem.detail}`) : null,
    job ? h(Results, { job, body: job.body, props }) : null);
  };
})();
