/* The sweep's heat maps: strength by position, filled as the cells come; a cell opens its texts. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const TARGETS = { "": "the steered top token", "token:": "a token …", "regex:": "a pattern …", "language:zh": "Chinese", "language:en": "English", none: "nothing" };
  const PLACES = { all: "all tokens", function: "function tokens", content: "content tokens", last_function: "last function token" };

  /** A cell's figure; a KL that is rounded away is not the 0 of an edit that reaches nothing. */
  const short = (live.cellFigure = (value, measure) => (measure === "kl" ? (value === 0 ? "0" : value < 0.005 ? "<.01" : value < 9.95 ? value.toFixed(value < 0.995 ? 2 : 1) : value.toFixed(0)) : value === 0 || value === 1 ? String(value) : value.toFixed(2)));

  function cellWords(cell, tokens, measureName) {
    const token = tokens[cell.position];
    return `strength ${live.number(cell.strength)} at ${token ? live.visible(token.text) : ""} ${cell.position}: KL ${live.nats(cell.kl)} nats` +
      (cell.target === null ? "" : `, ${measureName} ${live.number(cell.target)}`) + `, next ${live.visible(cell.next_token.text)}`;
  }

  /** Which ink is read on a shade: on deep ones the page's own colour, on dark pages from the middle on. */
  const inkOf = (shade) => (shade > 0.15 ? " is-tinted" : "") + (shade > 0.42 ? " is-half" : "") + (shade > 0.68 ? " is-deep" : "");

  function Cell({ cell, at, measure, most, chosen, current, tokens, measureName, open }) {
    if (!cell) return h("span", { className: "fs-cell is-waiting", role: "gridcell", "aria-label": "not run yet" });
    const shade = live.shadeOf(measure, cell[measure], most);
    return h("button", { type: "button", role: "gridcell", className: "fs-cell" + (chosen ? " is-chosen" : "") + inkOf(shade),
      style: { "--shade": (100 * shade).toFixed(1) + "%" }, "data-row": at[0], "data-column": at[1], tabIndex: current ? 0 : -1, "aria-selected": chosen,
      title: cellWords(cell, tokens, measureName), "aria-label": cellWords(cell, tokens, measureName), onClick: () => open(at) }, short(cell[measure], measure));
  }

  /** Moves the focus along the grid by the arrows; stops at its edges and over cells that are not there yet. */
  function onArrow(event, nRows, nColumns) {
    const [row, column] = [Number(event.target.dataset.row), Number(event.target.dataset.column)];
    const step = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || Number.isNaN(row)) return;
    event.preventDefault();
    event.stopPropagation();
    const [r, c] = [Math.max(0, Math.min(nRows - 1, row + step[0])), Math.max(0, Math.min(nColumns - 1, column + step[1]))];
    const next = event.currentTarget.querySelector(`[data-row="${r}"][data-column="${c}"]`);
    if (next) next.focus();
  }

  /** One map. Rows go from the strongest, at the top, down. */
  function HeatMap({ measure, title, targetName, unit, job, most, chosen, open, multiples }) {
    const { axes, byPlace } = job;
    const rows = axes.strengths.map((_, row) => row).reverse();
    return h("figure", { className: "fs-map fs-map--" + measure },
      h("figcaption", null, h("b", null, title), unit ? h("span", null, unit) : null),
      h("div", { className: "fs-map-scroll" },
        h("div", { className: "fs-map-grid", role: "grid", "aria-label": title, style: { "--columns": axes.positions.length }, onKeyDown: (event) => onArrow(event, axes.strengths.length, axes.positions.length) },
          rows.map((row) => h("div", { key: row, role: "row", className: "fs-map-row" },
            h("span", { className: "fs-map-strength", role: "rowheader" }, live.number(axes.strengths[row]), multiples ? h("small", null, `${live.number(axes.strengths[row] / multiples)}×`) : null),
            axes.positions.map((_, column) => h(Cell, { key: column, cell: byPlace.get(`${row}.${column}`), at: [row, column], measure, most, tokens: axes.tokens, measureName: targetName, open,
              chosen: chosen !== null && chosen[0] === row && chosen[1] === column,
              current: chosen === null ? row === rows[0] && column === axes.positions.length - 1 : chosen[0] === row && chosen[1] === column })))),
          h("div", { role: "row", className: "fs-map-row" }, h("span", { className: "fs-map-strength" }),
            axes.positions.map((position) => h("span", { key: position, className: "fs-map-token", role: "columnheader" }, axes.tokens[position] ? live.chip(axes.tokens[position], {}, true) : position))))),
      h("div", { className: "fs-map-legend", "aria-hidden": true }, h("span", null, "0"), h("i", null), h("span", null, measure === "kl" ? `${live.nats(most)} nats` : "1"), measure === "kl" ? h("span", null, "colour by √KL") : null));
  }

  function CellText({ name, text, ids, baseline, next }) {
    const parts = baseline ? live.firstDivergence(ids, baseline) : null;
    return h("div", { className: "fs-arm" },
      h("div", { className: "fs-arm-head" }, h("b", null, name), h("span", null, `next ${live.visible(next.text)} ${live.percent(next.probability)}`)),
      h("p", { className: "fs-text" }, text || h("i", { className: "fs-quiet" }, "(ended at once)"),
        baseline ? h("small", { className: "fs-quiet" }, parts === null ? "  the baseline's tokens" : `  parts at token ${parts + 1}`) : null));
  }

  function Opened({ job, chosen, put, measureName }) {
    const cell = chosen && job.byPlace.get(chosen.join("."));
    if (!cell) return h("p", { className: "fs-quiet fs-map-hint" }, "A cell opens its texts; arrows walk the map.");
    return h("div", { className: "fs-map-opened", id: "steer-sweep-opened" },
      h("p", { className: "fs-recipe" }, cellWords(cell, job.axes.tokens, measureName)),
      h(CellText, { name: "Baseline", text: job.axes.baseline.text, ids: job.axes.baseline.token_ids, next: job.axes.baseline.next_token }),
      h(CellText, { name: "This cell", text: cell.text, ids: cell.token_ids, baseline: job.axes.baseline.token_ids, next: cell.next_token }),
      h("button", { type: "button", className: "fs-button fs-map-put", onClick: () => put(cell) }, "Steer with this strength, there"));
  }

  function Controls({ settings, change, subject, props, planned, job, start, stop, running }) {
    const keyOf = (it) => `${it.sae_id}:${it.feature_index}`;
    const cells = planned.body ? planned.body.strengths.length * planned.body.positions.length : 0;
    return h("div", { className: "fs-sweep-controls" },
      props.interventions.length > 1 ? h("label", { className: "fs-field" }, "feature", h("select", { value: subject ? keyOf(subject) : "", onChange: (event) => change({ sweep: event.target.value }) },
        props.interventions.map((it) => h("option", { key: it.uid, value: keyOf(it) }, `${it.feature_index} · ${it.sae_id}`)))) : null,
      h("label", { className: "fs-field" }, "strengths", h("input", { id: "steer-sweep-strengths", className: "fs-wide", type: "text", value: settings.strengths, onChange: (event) => change({ strengths: event.target.value }),
        title: "2x = twice the 99.9th percentile, 40% = of the stream's norm, 12 = as it stands; spaces between" })),
      h("label", { className: "fs-field" }, "at", h("select", { id: "steer-sweep-at", value: PLACES[settings.at] ? settings.at : "chosen", onChange: (event) => change({ at: event.target.value }) },
        Object.entries(PLACES).map(([value, name]) => h("option", { key: value, value }, name)), PLACES[settings.at] ? null : h("option", { value: "chosen" }, settings.at))),
      h(live.TargetField, { id: "steer-sweep-target", label: "and measure", value: settings.target, choices: TARGETS, onChange: (target) => change({ target }) }),
      running ? h("button", { type: "button", className: "fs-go fs-stop", id: "steer-sweep-stop", onClick: stop }, "Stop ", h("kbd", null, "Esc"))
        : h("button", { type: "button", className: "fs-go", id: "steer-sweep-run", onClick: start, disabled: !planned.body }, cells ? `Sweep ${cells} cells` : "Sweep"),
      h("span", { className: planned.problem && !running ? "fs-warn" : "fs-quiet", role: "status" }, job && job.axes ? `${job.byPlace.size} of ${job.axes.n_cells} cells` + (job.status === "stopped" ? ", stopped" : "") : job && running ? (job.place > 0 ? `waiting behind ${job.place}` : "reading the prompt…") : "", planned.problem && !running ? " " + planned.problem : ""));
  }

  function applyFrame(job, event, data) {
    if (event === "sweep") job.axes = data;
    else if (event === "cells") data.cells.forEach((cell) => job.byPlace.set(`${cell.row}.${cell.column}`, cell));
  }

  /** Notes on what the map can and cannot show. */
  function notes(plan, props) {
    const layer = plan.subject && ((props.saes || []).find((sae) => sae.sae_id === plan.subject.sae_id) || {}).layer;
    const said = [];
    if (layer !== undefined && layer === props.last_layer && !(props.request && props.request.include_generated)) said.push(`Layer ${layer} is the last: at every token but the last the map is 0 by construction.`);
    if (props.request && props.request.freeze_attention) said.push("Attention is frozen: in every cell the prompt's positions attend as the baseline does.");
    return said;
  }

  function useSweep(props, planned, settings, ready) {
    const { useEffect, useState } = window.React;
    const [redraw, kept] = live.useKept({ job: null, asked: false });
    const [chosen, open] = useState(null);
    const stop = () => {
      live.stopJob(kept.current.job, props.cancel);
      redraw();
    };
    const start = () => {
      if (!planned.body) return;
      live.stopJob(kept.current.job, props.cancel);
      const job = Object.assign(live.newJob(), { axes: null, byPlace: new Map(), body: planned.body, multiples: planned.place.q999, top: live.channel("steer").get().answer });
      kept.current = { job, asked: true };
      open(null);
      redraw();
      props.setProps({ body: planned.body, settings: Object.assign({}, settings, { sweep: `${planned.subject.sae_id}:${planned.subject.feature_index}` }) });
      live.pumpFrames(job, props.endpoint, planned.body, (event, data) => applyFrame(job, event, data), redraw).then(() => {
        if (job.problem && window.fs) window.fs.problem(job.problem);
        redraw();
      });
    };
    useEffect(() => { // a link to a sweep shows it
      if (ready && settings.open_sweep && settings.sweep && planned.body && !kept.current.asked) start();
    });
    useEffect(() => () => live.stopJob(kept.current.job, props.cancel), []);
    live.useEscape(stop);
    return { job: kept.current.job, start, stop, chosen, open };
  }

  /** props: see app/components.py. */
  live.SteerSweep = function SteerSweep(props) {
    const settings = props.settings || { open_sweep: "", sweep: "", strengths: "", at: "all", target: "" };
    const answer = live.useChannel("steer", (state) => state.answer);
    const top = (answer && answer.steered.next_tokens[0]) || null;
    const change = (patch) => props.setProps({ settings: Object.assign({}, settings, patch) });
    const ready = props.interventions.every((it) => (props.strengths || {})[`${it.sae_id}:${it.feature_index}`]) && (settings.target !== "" || top);
    const planned = settings.open_sweep ? live.sweepPlan(settings, {
      request: props.request || null, interventions: props.interventions || [], tokens: props.tokens || [], lastFunction: props.last_function, strengths: props.strengths, top, mostCells: props.most_cells,
    }) : {};
    const { job, start, stop, chosen, open } = useSweep(props, planned, settings, ready);
    const running = job !== null && job.status === "streaming";
    const stale = job && planned.body && live.canonical(job.body) !== live.canonical(planned.body);
    const put = (cell) => {
      const positions = cell.position === props.last_function ? "last_function" : [cell.position];
      const subject = planned.subject || live.sweepSubject(settings.sweep, props.interventions);
      if (subject) live.tell(props.target_rack, { interventions: props.interventions.map((it) => (it.uid === subject.uid ? Object.assign({}, it, { value: cell.strength, positions, on: true }) : it)) });
    };
    const cells = job ? [...job.byPlace.values()] : [];
    const target = job ? job.body.target : null;
    const measureName = target ? live.targetWords(target, job.top && job.top.steered.next_tokens.find((n) => n.token_id === target.token_id)) : "";
    return h(live.Section, { id: props.id, title: "Sweep: how strong, and where?", open: settings.open_sweep, code: props.code, toggle: () => change({ open_sweep: settings.open_sweep ? "" : "1" }),
      lead: "One feature at every strength and every token: where does a push work, how hard must it be, and does it work anywhere else?",
      table: cells.length ? () => live.sweepTable(job.axes.tokens, cells) : null },
    h(Controls, { settings, change, subject: planned.subject, props, planned, job, start, stop, running }),
    notes(planned, props).map((note) => h("p", { key: note, className: "fs-quiet" }, note)),
    job && job.problem ? h("div", { className: "fs-prompt-problem", role: "alert" }, `${job.problem.title}: ${job.problem.detail}`) : null,
    job && job.axes ? h("div", { className: "fs-maps" + (stale && !running ? " is-stale" : "") },
      h(HeatMap, { measure: "kl", title: "KL of the next token", targetName: measureName, unit: "nats, KL(cell ‖ baseline)", job, most: Math.max(1e-9, ...cells.map((c) => c.kl)), chosen, open, multiples: job.multiples }),
      target ? h(HeatMap, { measure: "target", title: measureName, targetName: measureName, unit: `baseline ${live.number(job.axes.baseline.target)}`, job, most: 1, chosen, open, multiples: job.multiples }) : null) : null,
    stale && !running ? h("p", { className: "fs-quiet" }, "The recipe has changed since: this is the map of the earlier one.") : null,
    job && job.axes ? h(Opened, { job, chosen, put, measureName }) : null);
  };
})();
