/* Finding features to plug in: by index, by a token that fires or is promoted by them, or from the pins of Reactivation. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const SETTLE_MS = 180;
  const WRITTEN = /^(?:(.+):)?(\d+)$/;
  const dragged = (feature) => (event) => event.dataTransfer.setData("text/plain", "feature " + JSON.stringify(feature));

  /** Pins as Reactivation writes them -> features; those of an SAE that cannot be steered are left out. */
  live.pinnedFeatures = function (pins, saes, taken) {
    return (pins || []).map((pin) => ({ sae_id: pin.slice(0, pin.lastIndexOf(":")), feature_index: Number(pin.slice(pin.lastIndexOf(":") + 1)) }))
      .filter((feature) => saes.some((sae) => sae.sae_id === feature.sae_id))
      .filter((feature) => !taken.some((it) => it.sae_id === feature.sae_id && it.feature_index === feature.feature_index));
  };

  function Results({ results, add }) {
    return h("ul", { className: "fs-results", role: "listbox", "aria-label": "features found" },
      results.map((feature, index) =>
        h("li", { key: feature.sae_id + feature.feature_index, role: "option", "aria-selected": index === 0 },
          h("button", { type: "button", className: "fs-result", draggable: true, "data-feature": feature.feature_index,
            onClick: () => add(feature), title: "add; or drag onto a socket", onDragStart: dragged(feature) },
          h("b", null, feature.feature_index),
          h("span", null, live.inLine((feature.words || []).slice(0, 4).map(live.visible)) || "\u00a0"),
          h("i", null, feature.promoted && feature.promoted.length ? "promotes " + live.inLine(feature.promoted.slice(0, 3).map(live.visible)) : "")))));
  }

  function Pins({ pins, add }) {
    if (!pins.length) return null;
    return h("div", { className: "fs-rack-pins" }, h("span", { className: "fs-quiet" }, "pinned on Reactivation"),
      pins.map((pin) => h("button", { key: pin.sae_id + pin.feature_index, type: "button", className: "fs-button fs-rack-pin", draggable: true,
        onClick: () => add(pin), onDragStart: dragged(pin), title: `feature ${pin.feature_index} of ${pin.sae_id}: plug it in, or drag it onto a socket` },
      pin.feature_index, h("small", null, pin.sae_id))));
  }

  /** Search for a feature; Enter adds. props: those of the rack; add(feature). */
  live.FeatureSearch = function FeatureSearch({ props, add }) {
    const { useState, useRef, useEffect } = window.React;
    const saes = props.saes || [];
    const taken = props.interventions || [];
    const [text, setText] = useState("");
    const [saeId, setSaeId] = useState(null);
    const pins = live.useChannel("reactivation", (state) => state.pins);
    const chosen = saeId || taken.map((it) => it.sae_id)[0] || props.default_sae || (saes[0] && saes[0].sae_id) || "";
    const timer = useRef(null);
    useEffect(() => () => clearTimeout(timer.current), []);
    const ask = (value, sae) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => props.setProps({ query: { text: value.trim(), sae_id: sae } }), SETTLE_MS);
    };
    const fresh = props.query && props.results_for === props.query.sae_id + ":" + text.trim();
    const results = text.trim() && fresh ? props.results || [] : [];
    const take = (feature) => {
      add(feature);
      setText("");
      ask("", chosen);
    };
    const onKeyDown = (event) => {
      if (event.key === "Escape" && text) {
        event.stopPropagation();
        setText("");
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      const typed = WRITTEN.exec(text.trim());
      if (typed && saes.some((sae) => sae.sae_id === (typed[1] || chosen))) {
        const index = Number(typed[2]);
        take(results.find((f) => f.feature_index === index) || { sae_id: typed[1] || chosen, feature_index: index });
      } else if (results.length) take(results[0]);
    };
    return h("div", { className: "fs-search" },
      h("label", { className: "fs-field" }, "add a feature of",
        h("select", { id: props.id + "-search-sae", value: chosen, onChange: (event) => { setSaeId(event.target.value); ask(text, event.target.value); } },
          saes.map((sae) => h("option", { key: sae.sae_id, value: sae.sae_id }, `layer ${sae.layer} · ${sae.sae_id}`)))),
      h("input", {
        id: props.id + "-search", type: "search", className: "fs-search-input", "data-fs-search": "", value: text, autoComplete: "off",
        "aria-label": "find a feature", placeholder: "index, sae_id:index, or a word that it fires on or promotes",
        onChange: (event) => { setText(event.target.value); ask(event.target.value, chosen); }, onKeyDown,
      }),
      text.trim() && fresh && !results.length ? h("div", { className: "fs-quiet" }, props.search_note || "No feature found; an index typed with Enter is added all the same.") : null,
      results.length ? h(Results, { results, add: take }) : null,
      h(Pins, { pins: live.pinnedFeatures(pins, saes, taken), add }));
  };
})();
