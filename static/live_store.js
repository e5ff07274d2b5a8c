/* What the live components share: an in-browser channel per page
 * (hover, lock and pins never travel to the server to be shown), and how tokens and numbers read. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const channels = new Map();

  /** A named piece of shared state: get(), set(patch), subscribe(listener) -> unsubscribe. */
  live.channel = function (name) {
    if (channels.has(name)) return channels.get(name);
    let state = {};
    const listeners = new Set();
    const channel = {
      get: () => state,
      set(patch) {
        const changed = Object.keys(patch).some((key) => state[key] !== patch[key]);
        if (!changed) return;
        state = Object.assign({}, state, patch);
        listeners.forEach((listener) => listener(state));
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    channels.set(name, channel);
    return channel;
  };

  /** React hook: the part of a channel that `select` returns; it must be a stable reference. */
  live.useChannel = function (name, select) {
    const channel = live.channel(name);
    return window.React.useSyncExternalStore(channel.subscribe, () => select(channel.get()));
  };

  const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

  /** How a token reads anywhere in the product: ↵ newline, · leading space, ⇥ tab, no invisible text. */
  live.visible = function (text) {
    if (text === "") return "∅";
    return text
      .replace(/\r/g, "␍")
      .replace(/\n/g, "↵")
      .replace(/\t/g, "⇥")
      .replace(/^ +/, (spaces) => "·".repeat(spaces.length))
      .replace(/ /g, "\u00a0")
      .replace(CONTROL, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  };

  /** Hover text of a token: escaped text, id, class. */
  live.tokenTitle = (token) =>
    `${JSON.stringify(token.text)} · token ${token.token_id} · ${token.token_class}` +
    (token.position === undefined ? "" : ` · position ${token.position}`);

  /** A probability as per cent; never in exponents. */
  live.percent = function (p) {
    const value = 100 * p;
    if (value === 0) return "0 %";
    if (value >= 9.95) return value.toFixed(1) + " %";
    if (value >= 0.095) return value.toFixed(2) + " %";
    return value >= 0.0001 ? Number(value.toPrecision(2)) + " %" : "< 0.0001 %";
  };

  /** Three significant digits, a true minus, without exponents where a person would not write one. */
  live.number = function (x) {
    const size = Math.abs(x);
    if (size === 0) return "0";
    const rounded = x.toPrecision(3);
    return (size >= 1000 || size < 0.001 ? rounded : String(Number(rounded))).replace("-", "−");
  };

  /** "1 firing", "2,345 firings". */
  live.firings = (n) => `${n.toLocaleString("en")} firing${n === 1 ? "" : "s"}`;

  /** A divergence in nats: three digits, at most six decimals; 0 only where it is 0. */
  live.nats = (kl) => (kl >= 0.001 ? live.number(kl) : kl > 0 && kl < 5e-7 ? "< 0.000001" : String(Number(kl.toFixed(6))));

  /** Tokens in a line; a wide space between them, since a comma is a token. */
  live.inLine = (words) => words.join("\u2003");

  /** "Russia Moscow": what a feature is known by, from the build's top tokens. */
  live.describe = function (info, count) {
    const words = ((info && info.top_tokens) || []).map((text) => live.visible(text).replace(/^·(?=.)/, ""));
    return live.inLine([...new Set(words)].slice(0, count || 3));
  };

  /** True while the person is typing or choosing: page-wide keys must leave them alone. */
  live.isTyping = function (event) {
    const at = event.target;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
    return Boolean(at && at.closest && at.closest("input, textarea, select, [contenteditable=true], [role=combobox], [role=dialog], [role=listbox]"));
  };

  /** React hook: page-wide keydown, as long as the component is mounted. */
  live.useKeys = function (handler) {
    const latest = window.React.useRef(handler);
    latest.current = handler;
    window.React.useEffect(() => {
      const listen = (event) => {
        if (!live.isTyping(event)) latest.current(event);
      };
      document.addEventListener("keydown", listen);
      return () => document.removeEventListener("keydown", listen);
    }, []);
  };

  /** The next (step 1) or previous (step -1) index after `from` whose token is of class function. */
  live.nextFunction = function (tokens, from, step) {
    for (let i = from + step; i >= 0 && i < tokens.length; i += step) {
      if (tokens[i] && tokens[i].token_class === "function") return i;
    }
    return from;
  };

  live.lastFunction = (tokens) => live.nextFunction(tokens, tokens.length, -1) % tokens.length;
})();
