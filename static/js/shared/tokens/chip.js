/* Tokens as a person reads them: one chip each, class shown by underline as well as colour. */

import { h, memo } from "../hooks/react.js";
import { tokenTitle, visible } from "./words.js";

/** @import { Attributes, Component } from "../hooks/types.js" */
/** @import { Token } from "../types.js" */

/**
 * One chip. `props` go on the element; it is a button unless `plain`.
 *
 * @param {Omit<Token, "position"> & { position?: number }} token
 * @param {Attributes | null} [props]
 * @param {boolean} [plain]
 */
export function chip(token, props, plain) {
  const classes = ["fs-token", "fs-token--" + token.token_class, (props && props.className) || ""];
  if (token.template) classes.splice(2, 0, "fs-token--template");
  return h(
    plain ? "span" : "button",
    Object.assign({ title: tokenTitle(token), type: plain ? undefined : "button" }, props, {
      className: classes.join(" ").trim(),
    }),
    visible(token.text),
  );
}

/**
 * Chips that are only read: the live tokenisation under a prompt box.
 *
 * @type {Component<{ tokens: Token[] }>}
 */
export const Chips = memo(function Chips({ tokens }) {
  return h(
    "div",
    { className: "fs-prompt-chips" },
    tokens.map((token) => chip(token, { key: token.position }, true)),
  );
});
