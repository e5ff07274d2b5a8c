/* Tokens as a person reads them: one chip each, class shown by underline as well as colour.
 * Hover, walking and locking answer here, in the browser; only a lock is told to Dash. */

import { chip } from "./chip.js";
import { useKeys } from "../hooks/keys.js";
import { h, useEffect, useRef, useState } from "../hooks/react.js";
import { FoldedPrefix } from "./folded_prefix.js";
import { afterPrefix, prefixOf } from "./prefix.js";
import { socket } from "./socket.js";
import { nextFunction } from "./words.js";

/** @import { DragAt, PointerAt } from "../hooks/types.js" */
/** @import { Token } from "../types.js" */
/** @import { Plug } from "../../steering/types.js" */

/**
 * How a keydown moves along `tokens` from index `at`; null when it is none of ours.
 *
 * @param {{ key: string }} event
 * @param {(Token | null | undefined)[]} tokens
 * @param {number} at
 */
export function walk(event, tokens, at) {
  const last = tokens.length - 1;
  if (event.key === "ArrowRight") return Math.min(last, at + 1);
  if (event.key === "ArrowLeft") return Math.max(0, at - 1);
  if (event.key === "Home" && at >= 0) return 0;
  if (event.key === "End" && at >= 0) return last;
  if (event.key === "f") return nextFunction(tokens, at, 1);
  if (event.key === "F") return nextFunction(tokens, at < 0 ? tokens.length : at, -1);
  return null;
}

/**
 * Long prompts scroll inside the strip: it begins where it matters, without moving the page.
 *
 * @param {HTMLElement} root
 */
function scrollToShown(root) {
  const shown = root.querySelector(".is-default") || root.querySelector(".is-locked");
  if (!shown) return;
  const cell = /** @type {HTMLElement} */ (shown.parentElement);
  root.scrollTop = cell.offsetTop - root.offsetTop - root.clientHeight + cell.offsetHeight + 8;
}

/**
 * A strip of token chips with a socket under each.
 * props: id, tokens, locked (position or null), sockets [{position, label, on, title}],
 * onSocket(position, event), onDrop(position, event): given by a parent component only.
 *
 * @param {{ id: string, setProps?: (props: { locked: number | null }) => void, tokens?: Token[],
 *   locked?: number | null, label?: string, sockets?: Plug[], default_position?: number | null,
 *   onSocket?: (position: number, event: PointerAt) => void, onDrop?: (position: number, event:
 *   DragAt) => void }} props
 */
export function TokenStrip(props) {
  /** @type {[number | null, (next: number | null) => void]} */
  const [hover, setHover] = useState(null);
  const root = useRef(null);
  const tokens = afterPrefix(props.tokens || []);
  const lockedAt = tokens.findIndex((token) => token.position === props.locked);
  /** @param {number | null} position */
  const lock = (position) => props.setProps && props.setProps({ locked: position });
  useEffect(() => scrollToShown(root.current), [props.tokens, props.default_position]);
  useKeys((event) => {
    const next = walk(event, tokens, hover === null ? lockedAt : hover);
    if (event.key === "Escape") {
      setHover(null);
      lock(null);
    } else if (next !== null) {
      event.preventDefault();
      setHover(next);
      const chips = root.current.querySelectorAll(".fs-token-strip-cell .fs-token");
      if (chips[next]) chips[next].focus();
    }
  });
  /** @param {number} position */
  const plugged = (position) => (props.sockets || []).filter((one) => one.position === position);
  return h(
    "div",
    {
      id: props.id,
      ref: root,
      className: "fs-token-strip",
      role: "group",
      "aria-label": props.label || "tokens",
    },
    h(FoldedPrefix, { tokens: prefixOf(props.tokens || []) }),
    tokens.map((token, index) =>
      h(
        "div",
        { key: token.position, className: "fs-token-strip-cell" },
        chip(token, {
          className:
            (token.position === props.locked ? "is-locked " : "") +
            (hover === index ? "is-hover" : ""),
          tabIndex: index === (hover === null ? Math.max(0, lockedAt) : hover) ? 0 : -1,
          "data-position": token.position,
          "aria-pressed": token.position === props.locked,
          onMouseEnter: () => setHover(index),
          onMouseLeave: () => setHover(null),
          onClick: () => lock(token.position === props.locked ? null : token.position),
        }),
        props.sockets ? socket(token, plugged(token.position), props) : null,
      ),
    ),
  );
}
