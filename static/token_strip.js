/* Tokens as a person reads them: one chip each, class shown by underline as well as colour.
 * Hover, walking and locking answer here, in the browser; only a lock is told to Dash. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;

  /** One chip. `props` go on the element; it is a button unless `plain`. */
  live.chip = function (token, props, plain) {
    const classes = ["fs-token", "fs-token--" + token.token_class, (props && props.className) || ""];
    return h(
      plain ? "span" : "button",
      Object.assign({ title: live.tokenTitle(token), type: plain ? undefined : "button" }, props, {
        className: classes.join(" ").trim(),
      }),
      live.visible(token.text)
    );
  };

  /** Chips that are only read: the live tokenisation under a prompt box. */
  live.Chips = window.React.memo(function Chips({ tokens }) {
    return h(
      "div",
      { className: "fs-prompt-chips" },
      tokens.map((token) => live.chip(token, { key: token.position }, true))
    );
  });

  function countLine(tokens) {
    const counts = { function: 0, content: 0, special: 0 };
    tokens.forEach((token) => (counts[token.token_class] += 1));
    const parts = ["function", "content", "special"].filter((name) => counts[name]);
    return `${tokens.length} positions: ` + parts.map((name) => `${counts[name]} ${name}`).join(", ");
  }

  /** Textarea with its tokens live underneath.
   *  props: id, label, value, placeholder, tokens [{position, token_id, text, token_class}],
   *  problem (sentence or null), n_submit (counts Ctrl/Cmd+Enter), wait_ms. */
  live.PromptBox = function PromptBox(props) {
    const { useState, useEffect, useRef } = window.React;
    const [text, setText] = useState(props.value || "");
    const sent = useRef(props.value || "");
    const timer = useRef(null);
    const area = useRef(null);
    useEffect(() => {
      if ((props.value || "") !== sent.current) {
        sent.current = props.value || "";
        setText(sent.current);
      }
    }, [props.value]);
    useEffect(() => () => clearTimeout(timer.current), []);
    useEffect(() => {
      const element = area.current;
      element.style.height = "auto";
      element.style.height = Math.min(element.scrollHeight + 2, 220) + "px";
    }, [text]);
    const send = (value, extra) => {
      clearTimeout(timer.current);
      if (value === sent.current && !extra) return;
      sent.current = value;
      props.setProps(Object.assign({ value }, extra));
    };
    const onChange = (event) => {
      const value = event.target.value;
      setText(value);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => send(value), props.wait_ms || 150);
    };
    const onKeyDown = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      send(text, { n_submit: (props.n_submit || 0) + 1 });
    };
    const tokens = text ? props.tokens || [] : [];
    return h(
      "div",
      { id: props.id, className: "fs-prompt" },
      h("label", { className: "fs-prompt-label", htmlFor: props.id + "-area" }, props.label),
      h("textarea", {
        id: props.id + "-area",
        ref: area,
        className: "fs-prompt-area",
        rows: 2,
        spellCheck: false,
        value: text,
        placeholder: props.placeholder,
        "aria-describedby": props.id + "-count",
        onChange,
        onKeyDown,
        onBlur: () => send(text),
      }),
      h(live.Chips, { tokens }),
      props.problem
        ? h("div", { className: "fs-prompt-problem", role: "alert" }, props.problem)
        : h("div", { className: "fs-prompt-count", id: props.id + "-count" }, tokens.length ? countLine(tokens) : "\u00a0")
    );
  };

  /** How a keydown moves along `tokens` from index `at`; null when it is none of ours. */
  live.walk = function (event, tokens, at) {
    const last = tokens.length - 1;
    if (event.key === "ArrowRight") return Math.min(last, at + 1);
    if (event.key === "ArrowLeft") return Math.max(0, at - 1);
    if (event.key === "Home" && at >= 0) return 0;
    if (event.key === "End" && at >= 0) return last;
    if (event.key === "f") return live.nextFunction(tokens, at, 1);
    if (event.key === "F") return live.nextFunction(tokens, at < 0 ? tokens.length : at, -1);
    return null;
  };

  /** A strip of token chips with a socket under each.
   *  props: id, tokens, locked (position or null), sockets [{position, label, on, title}],
   *  onSocket(position, event), onDrop(position, event): given by a parent component only. */
  live.TokenStrip = function TokenStrip(props) {
    const { useState, useRef, useEffect } = window.React;
    const [hover, setHover] = useState(null);
    const root = useRef(null);
    const tokens = props.tokens || [];
    const lock = (position) => props.setProps && props.setProps({ locked: position });
    useEffect(() => {
      const shown = root.current.querySelector(".is-default") || root.current.querySelector(".is-locked");
      if (!shown) return; // long prompts scroll inside the strip: begin where it matters, without moving the page
      const cell = shown.parentElement;
      root.current.scrollTop = cell.offsetTop - root.current.offsetTop - root.current.clientHeight + cell.offsetHeight + 8;
    }, [props.tokens, props.default_position]);
    live.useKeys((event) => {
      const at = hover === null ? (props.locked === null || props.locked === undefined ? -1 : props.locked) : hover;
      const next = live.walk(event, tokens, at);
      if (event.key === "Escape") {
        setHover(null);
        lock(null);
      } else if (next !== null) {
        event.preventDefault();
        setHover(next);
        const chips = root.current.querySelectorAll(".fs-token");
        if (chips[next]) chips[next].focus();
      }
    });
    const bySocket = new Map();
    (props.sockets || []).forEach((socket) => {
      if (!bySocket.has(socket.position)) bySocket.set(socket.position, []);
      bySocket.get(socket.position).push(socket);
    });
    return h(
      "div",
      { id: props.id, ref: root, className: "fs-token-strip", role: "group", "aria-label": props.label || "tokens" },
      tokens.map((token, index) =>
        h(
          "div",
          { key: token.position, className: "fs-token-strip-cell" },
          live.chip(token, {
            className: (token.position === props.locked ? "is-locked " : "") + (hover === index ? "is-hover" : ""),
            tabIndex: index === (hover === null ? Math.max(0, props.locked || 0) : hover) ? 0 : -1,
            "data-position": token.position,
            "aria-pressed": token.position === props.locked,
            onMouseEnter: () => setHover(index),
            onMouseLeave: () => setHover(null),
            onClick: () => lock(token.position === props.locked ? null : token.position),
          }),
          props.sockets ? live.socket(token, bySocket.get(token.position) || [], props) : null
        )
      )
    );
  };

  /** The socket under a token: empty ring, or one pill per feature plugged in. */
  live.socket = function (token, plugged, props) {
    const over = (event, on) => {
      event.preventDefault();
      event.currentTarget.classList.toggle("is-over", on);
    };
    return h(
      "button",
      {
        type: "button",
        className:
          "fs-socket" + (plugged.length ? " is-filled" : "") + (plugged.some((p) => p.on) ? " is-on" : "") +
          (token.position === props.default_position ? " is-default" : ""),
        "data-position": token.position,
        "aria-label": `socket at position ${token.position}, ${JSON.stringify(token.text)}: ` +
          (plugged.length ? plugged.map((p) => p.label).join(", ") : "empty"),
        title: plugged.length ? plugged.map((p) => p.title).join("\n") : "plug the selected feature in here",
        onClick: (event) => props.onSocket && props.onSocket(token.position, event),
        onDragOver: (event) => over(event, true),
        onDragLeave: (event) => over(event, false),
        onDrop: (event) => {
          over(event, false);
          if (props.onDrop) props.onDrop(token.position, event);
        },
      },
      plugged.map((p) => h("span", { key: p.uid, className: "fs-plug" + (p.on ? " is-on" : "") }, p.label))
    );
  };
})();
