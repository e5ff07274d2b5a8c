/* One intervention: on or off, what it does, how strongly (in three linked units), where. */
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
  const VALUE_NAMES = { add: "α", clamp: "activation", scale: "× its activation" };
  const POSITION_NAMES = { last_function: "last function token", last: "last token", all: "every prompt token" };

  /** Bounds and step of the slider: multiples of the 99.9th percentile where it is known. */
  function sliderRange(mode, unit, value) {
    if (mode === "scale") return [-4, 4, 0.1];
    const most = Math.max((unit || 10) * 5, Math.abs(value) * 1.25);
    return [mode === "clamp" ? 0 : -most, most, most / 200];
  }

  const parsed = (text) => (text.trim() === "" ? NaN : Number(text.replace("−", "-")));

  /** A number that keeps what is being typed until it is a number within `most`. */
  function NumberField({ id, name, value, most, onValue, unit, title, digits }) {
    const { useState, useEffect } = window.React;
    const shown = value === null ? "" : String(Number(value.toPrecision(digits)));
    const [text, setText] = useState(shown);
    useEffect(() => setText((now) => (String(Number(parsed(now).toPrecision(digits))) === shown ? now : shown)), [shown]);
    const wrong = value !== null && !(Math.abs(parsed(text)) <= most);
    return h("label", { className: "fs-unit", title },
      h("input", { id, className: "fs-num-input", type: "text", inputMode: "decimal", value: text, disabled: value === null,
        "aria-label": name, "aria-invalid": wrong, placeholder: "–",
        onChange: (event) => {
          setText(event.target.value);
          const number = parsed(event.target.value);
          if (Math.abs(number) <= most) onValue(number);
        } }),
      h("span", null, unit));
  }

  /** What is said about the place: the feature's own activation there, and how it fires on that token in the corpus. */
  function placeWords(place, token) {
    const words = [];
    if (place.activation !== null) words.push(place.activation > 0 ? `fires here at ${live.number(place.activation)} by itself` : "silent here by itself");
    if (place.token_act_max) words.push(`on ${live.visible(token.text)} at most ${live.number(place.token_act_max)} in ${live.firings(place.token_firings)} of the corpus`);
    return words.join("; ");
  }

  function Strength({ it, place, token, limits, change, id }) {
    const most = (limits && limits.value) || Infinity;
    const [low, high, step] = sliderRange(it.mode, place.q999, it.value);
    const put = (value) => value !== null && Math.abs(value) <= most && change({ value: Number(value.toPrecision(4)) });
    const [multiple, share] = [live.units.multiple(it.mode, it.value, place), live.units.share(it.mode, it.value, place)];
    const dead = it.mode === "scale" && place.activation === 0;
    return h("div", { className: "fs-strength" },
      h("input", { className: "fs-slider", type: "range", min: low, max: high, step, value: Math.max(low, Math.min(high, it.value)),
        "aria-label": "strength slider", onChange: (event) => put(Number(Number(event.target.value).toPrecision(3))) }),
      h(NumberField, { id: `${id}-${it.uid}-value`, name: "strength", value: it.value, most, digits: 6, unit: VALUE_NAMES[it.mode],
        onValue: (value) => change({ value }), title: "the number that the request holds" }),
      h(NumberField, { id: `${id}-${it.uid}-multiple`, name: "multiples of the 99.9th percentile", value: dead ? null : multiple, most: Infinity, digits: 3,
        unit: "× p99.9", onValue: (value) => put(live.units.fromMultiple(it.mode, value, place)),
        title: place.q999 ? `the 99.9th percentile of its firings in the corpus is ${live.number(place.q999)}` : "no build says how strongly it fires" }),
      h(NumberField, { id: `${id}-${it.uid}-share`, name: "per cent of the residual norm", value: dead || share === null ? null : 100 * share, most: Infinity, digits: 3,
        unit: "% of the stream", onValue: (value) => put(live.units.fromShare(it.mode, value / 100, place)),
        title: place.residual_norm ? `L2 norm of the edit over that of the residual stream, ${live.number(place.residual_norm)}, at this position` : "known once the prompt has been read" }),
      dead ? h("span", { className: "fs-warn" }, "silent here: a multiple of nothing changes nothing") : h("span", { className: "fs-strength-place" }, token ? placeWords(place, token) : ""));
  }

  function Ablation({ place }) {
    if (place.activation === 0) return h("span", { className: "fs-warn" }, "silent here by itself: there is nothing to take away");
    const share = live.units.share("ablate", 0, place);
    return h("span", { className: "fs-quiet" }, "silenced; the rest of the stream stays",
      place.activation === null ? "" : `: takes away ${live.number(place.activation)}` + (share === null ? "" : `, ${live.number(Math.abs(100 * share))} % of the stream`));
  }

  function PositionPicker({ it, tokens, at, change, id }) {
    const rule = Array.isArray(it.positions) ? "chosen" : it.positions;
    const pick = (value) => change({ positions: value === "chosen" ? (at.length ? at : [0]) : value });
    const shown = at.slice(0, 6).map((p) => `${live.visible(tokens[p].text)} ${p}`).join(", ") + (at.length > 6 ? ", …" : "");
    return h("label", { className: "fs-field" }, "at",
      h("select", { id: `${id}-${it.uid}-positions`, value: rule, "aria-label": "position", onChange: (event) => pick(event.target.value) },
        Object.entries(POSITION_NAMES).map(([value, name]) => h("option", { key: value, value }, name)),
        h("option", { value: "chosen" }, "chosen sockets")),
      h("span", { className: "fs-positions" + (at.length ? "" : " is-empty") }, at.length ? shown : "nowhere in this prompt"));
  }

  /** After the last layer nothing mixes positions any more: an edit elsewhere cannot reach the next token. */
  function reachWarning(it, props, at) {
    const layer = ((props.saes || []).find((sae) => sae.sae_id === it.sae_id) || {}).layer;
    if (layer === undefined || layer !== props.lastLayer || !at.length || at.includes(props.tokens.length - 1)) return null;
    return `Layer ${layer} is the last: there, only the last token's stream reaches the next token.`;
  }

  /** What a switch to `mode` changes: a factor is no amount, so that one does not become the other. */
  function asMode(it, mode, place) {
    if (mode === it.mode) return {};
    if (mode === "scale") return { mode, value: 2 };
    return it.mode === "scale" ? { mode, value: place.q999 || 1 } : { mode };
  }

  live.InterventionCard = function InterventionCard(props) {
    const { it, info, change, id, tokens } = props;
    const words = live.describe({ top_tokens: info && info.words }, 4);
    const promoted = live.inLine(((info && info.promoted) || []).slice(0, 5).map(live.visible));
    const at = live.resolvePositions(it.positions, tokens, props.lastFunction);
    const main = at.length ? at[at.length - 1] : null;
    const place = live.units.placeAt(props.strength, main);
    if (place.q999 === null && info) place.q999 = info.act_q999 || null;
    const warning = reachWarning(it, props, at);
    const part = { it, place, token: main === null ? null : tokens[main], tokens, at, change, id, limits: props.limits };
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
        h("button", { key: mode, type: "button", role: "radio", "aria-checked": it.mode === mode, title, onClick: () => change(asMode(it, mode, place)) }, mode))),
      h(PositionPicker, part),
      it.mode === "ablate" ? h(Ablation, part) : h(Strength, part),
      warning ? h("span", { className: "fs-warn" }, warning) : null));
  };
})();
