/* Consolidation: one checkpoint cursor over every panel; nothing here asks the server.
 *
 * data: {steps, axis, group, runs: [{title, model, seed, last, tokens_per_step}], stages: [{step: {stage, words}}],
 *        loss: [{transition: {step: [loss, low, high, n, share of loss, excess]}}],
 *        prompts: [{text, continuations: {"run:step": text}}]}
 */
(function () {
  "use strict";

  const TRANSITIONS = { fc: "f→c", cc: "c→c", all: "all", ff: "f→f", cf: "c→f" };
  const live = (window.functionscope = window.functionscope || {});
  const GRAPHS = ["loss", "features", "degree"];
  const ZERO = 0.5; // where step 0 stands on a logarithmic axis: app/figures/consolidation.py
  const PLAY_MS = 700;
  const noUpdate = () => window.dash_clientside.no_update;
  const byId = (name) => document.getElementById(`consolidation-${name}`);
  const plotOf = (name) => byId(name) && byId(name).querySelector(".js-plotly-plot");
  let timer = null;
  const page = (live.consolidation = { GRAPHS, plotOf, brushed: null }); // static/consolidation_brush.js
  let begun = null; // the cursor that stands where the address asked: another visit of the page has another
  let written = null; // what the address was last written from
  let shown = null; // the last data, step and comparison drawn: a plot that is redrawn gets its cursor back

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  /** The controls' values, the defaults and the state so far -> {name: value}; transitions joined in the page's order.
   *  The last transition cannot be taken away: a plot without lines shows nothing, and its link would show all. */
  function state(...values) {
    const before = values.pop();
    const defaults = values.pop();
    if (!defaults || values.some((value) => value === undefined || value === null)) return noUpdate();
    const named = Object.fromEntries(Object.keys(defaults).map((name, i) => [name, values[i]]));
    named.lines = Object.keys(TRANSITIONS).filter((name) => named.lines.includes(name)).join(",");
    if (!named.lines) {
      window.dash_clientside.set_props("consolidation-lines", { value: ((before && before.lines) || defaults.lines).split(",") });
      window.fs.notice("At least one transition stays.");
      return noUpdate();
    }
    return named;
  }

  /** Index of the checkpoint nearest to a step. */
  function nearest(steps, step) {
    let best = steps.length - 1;
    steps.forEach((one, i) => { if (Math.abs(one - step) < Math.abs(steps[best] - step)) best = i; });
    return best;
  }

  function begin(data, value, asked) {
    if (!data) return [noUpdate(), noUpdate()];
    const last = data.steps.length - 1;
    drawStages(data);
    if (begun === byId("cursor")) return [last, Math.min(value, last)];
    begun = byId("cursor");
    const wanted = asked && asked.step !== undefined && asked.step !== "" ? Number(asked.step) : NaN;
    return [last, Number.isFinite(wanted) ? nearest(data.steps, wanted) : last];
  }

  /** One strip of stages per run, a cell per checkpoint. */
  function drawStages(data) {
    const box = byId("stages");
    if (!box) return;
    box.replaceChildren(...data.runs.map((run, place) => {
      const cells = data.steps.map((step) => {
        const stage = data.stages[place][step];
        const words = stage ? `${run.title}, step ${step.toLocaleString("en")}: ${stage.words}` : "";
        return element("span", { class: `fs-stage fs-stage--${stage ? stage.stage : "none"}`, title: words });
      });
      return element("div", { class: "fs-stages__run" }, ...cells);
    }));
  }

  function compare(clicks, held, index, data) {
    if (!clicks) return [noUpdate(), held ? "stop comparing" : "compare with this"];
    if (held !== null && held !== undefined && held !== "") return [null, "compare with this"];
    return [String(data.steps[Number(index)]), "stop comparing"];
  }

  function play() {
    if (timer) return stop();
    const last = () => Number(byId("cursor").max);
    if (Number(byId("cursor").value) >= last()) window.dash_clientside.set_props("consolidation-cursor", { value: 0 });
    byId("play").textContent = "❚❚";
    timer = window.setInterval(() => {
      const input = byId("cursor");
      if (!input || Number(input.value) >= last()) return stop();
      window.dash_clientside.set_props("consolidation-cursor", { value: Number(input.value) + 1 });
    }, PLAY_MS);
    return "playing";
  }

  function stop() {
    window.clearInterval(timer);
    timer = null;
    if (byId("play")) byId("play").textContent = "▶";
    return "stopped";
  }

  /** Where a step stands in a figure's own coordinates. */
  function placeOf(step, data) {
    if (data.axis === "share") return step / Math.max(...data.runs.map((run) => run.last));
    return data.axis === "log" ? Math.max(step, ZERO) : step;
  }

  /** A line over each linked plot at a step; kind: cursor or held. */
  function drawLines(data, step, held) {
    for (const name of GRAPHS) {
      const plot = plotOf(name);
      const box = plot && plot.closest(".fs-cursored");
      if (!box || !plot._fullLayout || !plot._fullLayout.xaxis) continue;
      for (const [kind, at] of [["cursor", step], ["held", held]]) {
        let line = box.querySelector(`.fs-cursor--${kind}`);
        if (!line) box.append((line = element("span", { class: `fs-cursor fs-cursor--${kind}` })));
        const axis = plot._fullLayout.xaxis;
        const pixel = at === null ? NaN : axis.d2p(placeOf(at, data));
        const inside = pixel >= -1 && pixel <= axis._length + 1;
        line.hidden = !inside;
        if (inside) line.style.transform = `translateX(${axis._offset + pixel}px)`;
      }
    }
  }

  function number(value, digits) {
    return value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");
  }

  /** Rows of transitions, columns of runs: loss, its interval on hover, share; the difference to the held step. */
  function drawTable(data, step, held) {
    const names = (title) => [`${title}: nats`, `${title}: share of loss`, ...(held === null ? [] : [`${title}: nats less step ${held}`])];
    const head = element("tr", {}, element("th", { scope: "col" }, "transition"),
      ...data.runs.map((run) => element("th", { scope: "col", colspan: held === null ? 2 : 3, "data-values": JSON.stringify(names(run.title)) }, run.title)));
    const rows = Object.entries(TRANSITIONS).map(([name, words]) => {
      const cells = data.runs.flatMap((_, place) => {
        const line = data.loss[place][name] || {};
        const [loss, low, high, n, share] = line[step] || [];
        const interval = low === null || low === undefined ? "no interval stored" : `95 % ${low.toFixed(3)} to ${high.toFixed(3)}`;
        const made = [
          element("td", { "data-value": loss === undefined ? "" : loss, title: loss === undefined ? "no such checkpoint" : `${interval}; n = ${n.toLocaleString("en")} targets` }, number(loss, 2)),
          element("td", { "data-value": share === undefined ? "" : share, class: "fs-muted", title: "share of the total loss" }, share === undefined ? "–" : `${(100 * share).toFixed(1)} %`),
        ];
        if (held !== null) {
          const before = (line[held] || [])[0];
          const known = loss !== undefined && before !== undefined;
          made.push(element("td", { "data-value": known ? loss - before : "", title: `less step ${held.toLocaleString("en")}` }, known ? `${loss > before ? "+" : ""}${number(loss - before, 2)}` : "–"));
        }
        return made;
      });
      return element("tr", {}, element("th", { scope: "row" }, words), ...cells);
    });
    const table = element("table", { class: "fs-table" }, element("thead", {}, head), element("tbody", {}, ...rows));
    const stages = data.runs.map((run, place) => {
      const stage = data.stages[place][step];
      return stage ? element("p", { class: "fs-small" }, element("b", {}, `${run.title}: `), stage.words) : null;
    });
    byId("here").replaceChildren(element("div", { class: "fs-scroll-x" }, table), ...stages.filter(Boolean));
  }

  function drawReadout(data, step, held) {
    const run = data.runs[0];
    const tokens = run && run.tokens_per_step ? ` · ${((step * run.tokens_per_step) / 1e6).toFixed(1)}M tokens` : "";
    const beside = held === null ? "" : ` · against step ${held.toLocaleString("en")}`;
    byId("readout").textContent = `step ${step.toLocaleString("en")}${tokens}${beside}`;
    byId("cursor").setAttribute("aria-valuetext", byId("readout").textContent);
  }

  function drawSentences(data, step, run) {
    const box = byId("predictions");
    let here = null;
    for (const row of box ? box.querySelectorAll("tr[data-step]") : []) {
      const is = Number(row.dataset.step) === step;
      row.classList.toggle("is-here", is);
      if (is) here = row;
    }
    if (here) box.scrollTop = Math.max(0, here.offsetTop - box.clientHeight / 2);
    const list = byId("continuations");
    if (!list) return;
    list.replaceChildren(...data.prompts.map((prompt) => {
      const text = prompt.continuations[`${run || 0}:${step}`];
      return element("p", {}, element("span", { class: "fs-muted" }, prompt.text), text === undefined ? " –" : ` ${text.replaceAll("\n", " ↵ ")}`);
    }));
  }

  /** The coverage curve of the SAE nearest to the cursor strong, the others faint. */
  function drawCoverage(step) {
    const plot = plotOf("coverage");
    if (!plot || !plot.data || !window.Plotly) return;
    const steps = plot.data.map((trace) => trace.meta).filter((meta) => meta !== undefined);
    if (!steps.length) return;
    const at = steps[nearest(steps, step)];
    window.Plotly.restyle(plot, {
      opacity: plot.data.map((trace) => (trace.meta === at ? 1 : 0.25)),
      "line.width": plot.data.map((trace) => (trace.meta === at ? 2.6 : 1)),
    });
    byId("coverage-step").textContent = `Features of the SAE trained on step ${at.toLocaleString("en")}, the checkpoint nearest to the cursor; faint: the others, darker later.`;
  }

  function writeAddress(...from) {
    written = from;
    const [data, step, held, run, sentence, state, defaults] = from;
    const [first, until] = page.brushed || [null, null];
    const chosen = Object.entries(state || {}).filter(([name, value]) => value !== defaults[name]);
    const last = data.steps[data.steps.length - 1];
    window.dash_clientside.fs.writeQuery({
      ...Object.fromEntries(chosen), step: step === last ? null : step, compare: held, group: data.group, from: first, to: until,
      run: run === "0" ? null : run, sentence: sentence === "0" ? null : sentence,
    });
  }

  function draw(index, held, data, run, sentence, state, defaults) {
    if (!data || index === undefined || index === null) return noUpdate();
    const began = performance.now();
    const step = data.steps[Math.min(Number(index), data.steps.length - 1)];
    const against = data.steps.includes(Number(held)) && held !== null && held !== "" ? Number(held) : null;
    shown = { data, step, held: against };
    drawLines(data, step, against);
    drawTable(data, step, against);
    drawReadout(data, step, against);
    drawSentences(data, step, run);
    drawCoverage(step);
    writeAddress(data, step, against, run, sentence, state, defaults);
    return { step, held: against, ms: performance.now() - began };
  }

  /** The table of predictions or the coverage figure is there, or another sentence or run was chosen. */
  function mark(_table, run, sentence, _figure, state, defaults) {
    if (shown && byId("cursor")) {
      window.requestAnimationFrame(() => drawSentences(shown.data, shown.step, run));
      window.setTimeout(() => { drawCoverage(shown.step); redraw(); }, 150); // once Plotly has drawn it
      writeAddress(shown.data, shown.step, shown.held, run, sentence, state, defaults);
    }
    return noUpdate();
  }

  function redraw() {
    if (shown) window.requestAnimationFrame(() => drawLines(shown.data, shown.step, shown.held));
  }

  /* A row of the predictions moves the cursor; plots that are drawn anew or resized get their lines back. */
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".fs-predictions tr[data-step]");
    if (row && shown) {
      window.dash_clientside.set_props("consolidation-cursor", { value: nearest(shown.data.steps, Number(row.dataset.step)) });
    }
  });
  window.addEventListener("resize", () => window.setTimeout(redraw, 250));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && timer) stop(); });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    fsConsolidation: { state, begin, compare, play, draw, mark, nearest },
  });
  page.data = () => (shown && begun === byId("cursor") ? shown.data : null);
  page.redraw = redraw;
  page.writeAgain = () => written && writeAddress(...written);
})();
