/* The prefix of a prompt, folded as one chip until somebody asks for its tokens. */

import { h, useState } from "../hooks/react.js";
import { chip } from "./chip.js";

/** @import { Token } from "../types.js" */

const TITLE =
  "Examples before the prompt: run once, never edited, and no earlier positions of the prompt. " +
  "Press to read them.";

/**
 * "41 tokens before", one chip that opens to them.
 *
 * @param {{ tokens: Token[] }} props tokens: of the prefix
 */
export function FoldedPrefix({ tokens }) {
  const [open, setOpen] = useState(false);
  if (!tokens.length) return null;
  return h(
    "div",
    { className: "fs-prefix" + (open ? " is-open" : "") },
    h(
      "button",
      {
        type: "button",
        className: "fs-token fs-prefix-chip",
        "aria-expanded": open,
        title: TITLE,
        onClick: () => setOpen(!open),
      },
      `${open ? "▾" : "▸"} ${tokens.length} ${tokens.length === 1 ? "token" : "tokens"} before`,
    ),
    open
      ? h(
          "div",
          { className: "fs-prefix-tokens" },
          tokens.map((token) => chip(token, { key: token.position }, true)),
        )
      : null,
  );
}
