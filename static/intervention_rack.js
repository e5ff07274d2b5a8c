/* The prompt's tokens with a socket under each, the features plugged into them, and the search that finds
 * more. A socket takes a feature by a click (the selected one), or by dragging. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  let nextUid = 1;

  /** Positions that a rule means in this prompt. "all" is every position, as the server takes it. */
  live.resolvePositions = function (positions, tokens, lastFunction) {
    if (Array.isArray(positions)) return positions.filter((p) => p < tokens.length);
    if (positions === "all") return tokens.map((token) => token.position);
    if (positions === "last") return tokens.length ? [tokens.length - 1] : [];
    return lastFunction === null || lastFunction === undefined ? [] : [lastFunction];
  };

  /** A new intervention on `feature` {sae_id, feature_index, act_q999}: add, once its 99.9th percentile. */
  live.newIntervention = function (feature, positions) {
    const strength = feature.act_q999 ? Number(feature.act_q999.toPrecision(3)) : 10;
    return {
      uid: "i" + nextUid++, sae_id: feature.sae_id, feature_index: feature.feature_index, mode: "add",
      value: feature.value === undefined ? strength : feature.value, positions, on: true,
    };
  };

  function moved(intervention, position, extend, lastFunction, tokens) {
    const now = live.resolvePositions(intervention.positions, tokens, lastFunction);
    if (!extend) return position === lastFunction ? "last_function" : [position];
    const without = now.filter((p) => p !== position);
    const next = without.length < now.length && without.length ? without : now.concat(now.includes(position) ? [] : [position]);
    return next.sort((a, b) => a - b);
  }

  const PARSE = /^(?:(.+):)?(\d+)$/;

  function Results({ results, add }) {
    return h("ul", { className: "fs-results", role: "listbox", "aria-label": "features found" },
      results.map((feature, index) =>
        h("li", { key: feature.sae_id + feature.feature_index, role: "option", "aria-selected": index === 0 },
          h("button", {
            type: "button", className: "fs-result", draggable: true, "data-feature": feature.feature_index,
            onClick: () => add(feature), title: "add; or drag onto a socket",
            onDragStart: (event) => event.dataTransfer.setData("text/plain", "feature " + JSON.stringify(feature)),
          },
          h("b", null, feature.feature_index),
          h("span", null, (feature.words || []).slice(0, 4).map(live.visible).join(", ") || "\u00a0"),
          h("i", null, feature.promoted && feature.promoted.length ? "promotes " + feature.promoted.slice(0, 3).map(live.visible).join(", ") : "")))));
  }

  /** Search for a feature by index or by a token that fires it; Enter adds. */
  function FeatureSearch({ props, add }) {
    const { useState, useRef, useEffect } = window.React;
    const saes = props.saes || [];
    const [text, setText] = useState("");
    const [saeId, setSaeId] = useState(null);
    const chosen = saeId || (props.interventions || []).map((it) => it.sae_id)[0] || props.default_sae || (saes[0] && saes[0].sae_id) || "";
    const timer = useRef(null);
    useEffect(() => () => clearTimeout(timer.current), []);
    const ask = (value, sae) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => props.setProps({ query: { text: value.trim(), sae_id: sae } }), 180);
    };
    const fresh = props.query && props.results_for === props.query.sae_id + ":" + text.trim();
    const results = text.trim() && fresh ? props.results || [] : [];
    const take = (feature) => {
      add(feature);
      setText("");
      ask("", chosen);
    };
    const onKeyDown = (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const typed = PARSE.exec(text.trim());
      const known = typed && saes.some((sae) => sae.sae_id === (typed[1] || chosen));
      if (known) {
        const index = Number(typed[2]);
        take(results.find((f) => f.feature_index === index) || { sae_id: typed[1] || chosen, feature_index: index, act_q999: null });
      } else if (results.length) take(results[0]);
    };
    return h("div", { className: "fs-search" },
      h("label", { className: "fs-field" }, "add a feature of",
        h("select", { id: props.id + "-search-sae", value: chosen, onChange: (event) => { setSaeId(event.target.value); ask(text, event.target.value); } },
          saes.map((sae) => h("option", { key: sae.sae_id, value: sae.sae_id }, `layer ${sae.layer} · ${sae.sae_id}`)))),
      h("input", {
        id: props.id + "-search", type: "search", className: "fs-search-input", "data-fs-search": "", value: text, autoComplete: "off",
        placeholder: "index, sae_id:index, or a word that it fires on or promotes",
        onChange: (event) => { setText(event.target.value); ask(event.target.value, chosen); }, onKeyDown,
      }),
      text.trim() && fresh && !results.length ? h("div", { className: "fs-quiet" }, props.search_note || "No feature found; an index typed with Enter is added all the same.") : null,
      results.length ? h(Results, { results, add: take }) : null);
  }

  function plugs(interventions, tokens, lastFunction) {
    return interventions.flatMap((it) =>
      live.resolvePositions(it.positions, tokens, lastFunction).map((position) => ({
        uid: it.uid, position, on: it.on, label: String(it.feature_index),
        title: `${it.mode}${it.mode === "ablate" ? "" : " " + live.number(it.value)} · feature ${it.feature_index} of ${it.sae_id}${it.on ? "" : " · off"}`,
      })));
  }

  /** props: see app/components.py. */
  live.InterventionRack = function InterventionRack(props) {
    const { useState } = window.React;
    const [selected, setSelected] = useState(null);
    const [target, setTarget] = useState(null);
    const tokens = props.tokens || [];
    const list = props.interventions || [];
    const lastFunction = props.last_function === undefined ? null : props.last_function;
    const socket = target !== null && target < tokens.length ? target : lastFunction;
    const limit = (props.limits && props.limits.interventions) || 8;
    const active = list.find((it) => it.uid === selected) || null;
    const set = (interventions) => props.setProps({ interventions });
    const change = (uid, patch) => set(list.map((it) => (it.uid === uid ? Object.assign({}, it, patch) : it)));
    const add = (feature, at) => {
      if (list.length >= limit) {
        window.fs && window.fs.notice(`This server takes at most ${limit} interventions: remove one first.`);
        return;
      }
      const place = at === undefined ? socket : at;
      const made = live.newIntervention(feature, place === null || place === lastFunction ? "last_function" : [place]);
      set(list.concat([made]));
      setSelected(made.uid);
    };
    const onSocket = (position, event) => {
      if (!active) setTarget(position);
      else change(active.uid, { positions: moved(active, position, event.shiftKey || event.ctrlKey || event.metaKey, lastFunction, tokens) });
    };
    const onDrop = (position, event) => {
      const data = event.dataTransfer.getData("text/plain");
      if (data.startsWith("feature ")) add(JSON.parse(data.slice(8)), position);
      else if (list.some((it) => it.uid === data)) change(data, { positions: position === lastFunction ? "last_function" : [position] });
    };
    return h("div", { id: props.id, className: "fs-rack" },
      h(live.TokenStrip, { id: props.id + "-strip", label: "prompt with sockets", tokens, locked: active ? null : socket,
        sockets: plugs(list, tokens, lastFunction), default_position: socket, onSocket, onDrop,
        setProps: ({ locked }) => { if (locked !== null) setTarget(locked); } }),
      h("p", { className: "fs-quiet fs-rack-hint" },
        active ? `A click on a socket moves feature ${active.feature_index} there; with Shift it is plugged in there as well.`
          : "New features go into the marked socket. It starts at the last function token."),
      h("div", { className: "fs-cards" }, list.map((it) =>
        h(live.InterventionCard, { key: it.uid, it, info: (props.info || {})[`${it.sae_id}:${it.feature_index}`], tokens, lastFunction,
          limits: props.limits, selected: it.uid === selected, id: props.id,
          select: () => setSelected(it.uid === selected ? null : it.uid),
          change: (patch) => change(it.uid, patch),
          remove: () => { setSelected(null); set(list.filter((other) => other.uid !== it.uid)); } }))),
      h(FeatureSearch, { props, add }),
      h("label", { className: "fs-check fs-rack-generated" },
        h("input", { id: props.id + "-generated", type: "checkbox", checked: Boolean(props.include_generated),
          onChange: (event) => props.setProps({ include_generated: event.target.checked }) }),
        "edit the generated tokens too (the paper edits the prompt only)"));
  };
})();
