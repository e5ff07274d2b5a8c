/* One intervention: on or off, what it does, how strongly, where. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const MODES = {
    add: "add value × the feature's direction",
    clamp: "set the feature's activation to the value",
    scale: "multiply the feature's activation by the value",
    ablate: "set the feature's activation to 0",
  };
  const POSITION_NAMES = { last_function: "last function token", last: "last token", all: "every prompt token" };

  /** Bounds and step of the slider: multiples of the 99.9th percentile where it is known. */
  function sliderRange(mode, unit, value) {
    if (mode === "scale") return [-4, 4, 0.1];
    const most = Math.max((unit || 10) * 5, Math.abs(value) * 1.25);
    return [mode === "clamp" ? 0 : -most, most, most / 200];
  }

  function Strength({ it, info, limits, change, id }) {
    const { useState, useEffect } = window.React;
    const [text, setText] = useState(String(it.value));
    useEffect(() => setText((now) => (Number(now) === it.value ? now : String(it.value))), [it.value]);
    const unit = info && info.act_q999;
    const [low, high, step] = sliderRange(it.mode, unit, it.value);
    const most = (limits && limits.value) || Infinity;
    const number = text.trim() === "" ? NaN : Number(text);
    const wrong = !Number.isFinite(number) || Math.abs(number) > most;
    const type = (value) => {
      setText(value);
      const parsed = value.trim() === "" ? NaN : Number(value);
      if (Number.isFinite(parsed) && Math.abs(parsed) <= most) change({ value: parsed });
    };
    return h("div", { className: "fs-strength" },
      h("input", { id: `${id}-${it.uid}-value`, className: "fs-num-input", type: "text", inputMode: "decimal", value: text,
        "aria-label": "strength", "aria-invalid": wrong, onChange: (event) => type(event.target.value),
        title: wrong ? `a number between ${-most} and ${most}` : "activation units" }),
      h("input", { className: "fs-slider", type: "range", min: low, max: high, step, value: Math.max(low, Math.min(high, it.value)),
        "aria-label": "strength", onChange: (event) => type(String(Number(Number(event.target.value).toPrecision(3)))) }),
      h("span", { className: "fs-strength-unit", title: unit ? `the 99.9th percentile of its firings in the corpus is ${live.number(unit)}` : undefined },
        it.mode === "scale" ? "× its own activation" : unit ? `= ${live.number(it.value / unit)} × its 99.9th percentile` : "activation units"));
  }

  function PositionPicker({ it, tokens, lastFunction, change, id }) {
    const rule = Array.isArray(it.positions) ? "chosen" : it.positions;
    const at = live.resolvePositions(it.positions, tokens, lastFunction);
    const pick = (value) => change({ positions: value === "chosen" ? (at.length ? at : [0]) : value });
    const shown = at.slice(0, 6).map((p) => `${live.visible(tokens[p].text)} ${p}`).join(", ") + (at.length > 6 ? ", …" : "");
    return h("label", { className: "fs-field" }, "at",
      h("select", { id: `${id}-${it.uid}-positions`, value: rule, onChange: (event) => pick(event.target.value) },
        Object.entries(POSITION_NAMES).map(([value, name]) => h("option", { key: value, value }, name)),
        h("option", { value: "chosen" }, "chosen sockets")),
      h("span", { className: "fs-positions" + (at.length ? "" : " is-empty") }, at.length ? shown : "nowhere in this prompt"));
  }

  live.InterventionCard = function InterventionCard(props) {
    const { it, info, change, id } = props;
    const words = live.describe({ top_tokens: info && info.words }, 4);
    const promoted = ((info && info.promoted) || []).slice(0, 5).map(live.visible).join(", ");
    return h("div", {
      className: "fs-card" + (it.on ? "" : " is-off") + (props.selected ? " is-selected" : ""), "data-uid": it.uid, draggable: true,
      onDragStart: (event) => {
        if (event.target.closest && event.target !== event.currentTarget) return;
        event.dataTransfer.setData("text/plain", it.uid);
      },
    },
    h("div", { className: "fs-card-head" },
      h("button", { type: "button", role: "switch", className: "fs-switch", "aria-checked": it.on, id: `${id}-${it.uid}-on`,
        "aria-label": `feature ${it.feature_index} ${it.on ? "on" : "off"}`, onClick: () => change({ on: !it.on }) }, h("i", null)),
      h("button", { type: "button", className: "fs-card-name", "aria-pressed": props.selected, onClick: props.select, title: "select, then click a socket to move it" },
        h("b", null, it.feature_index), h("span", null, it.sae_id)),
      h("span", { className: "fs-card-words", title: words }, words || (info && info.problem) || "\u00a0"),
      promoted ? h("span", { className: "fs-card-promotes" }, "promotes ", promoted) : null,
      h("button", { type: "button", className: "fs-icon-button", "aria-label": `remove feature ${it.feature_index}`, onClick: props.remove }, "×")),
    h("div", { className: "fs-card-body" },
      h("div", { className: "fs-modes", role: "radiogroup", "aria-label": "mode" }, Object.entries(MODES).map(([mode, title]) =>
        h("button", { key: mode, type: "button", role: "radio", "aria-checked": it.mode === mode, title, onClick: () => change({ mode }) }, mode))),
      it.mode === "ablate" ? h("span", { className: "fs-quiet" }, "the feature is silenced; the rest of the stream stays") : h(Strength, props),
      h(PositionPicker, props)));
  };
})();
