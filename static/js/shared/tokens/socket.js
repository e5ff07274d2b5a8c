/* The socket under a token: where a feature is plugged in. */

import { h } from "../hooks/react.js";

/** @import { DragAt, PointerAt } from "../hooks/types.js" */
/** @import { Token } from "../types.js" */
/** @import { Plug } from "../../steering/types.js" */

/**
 * The socket under a token: empty ring, or one pill per feature plugged in.
 *
 * @param {Token} token
 * @param {Plug[]} plugged
 * @param {{ default_position?: number | null, onSocket?: (position: number, event: PointerAt) =>
 *   void, onDrop?: (position: number, event: DragAt) => void }} props
 */
export function socket(token, plugged, props) {
  /**
   * @param {DragAt} event
   * @param {boolean} on
   */
  const over = (event, on) => {
    event.preventDefault();
    event.currentTarget.classList.toggle("is-over", on);
  };
  return h(
    "button",
    {
      type: "button",
      className:
        "fs-socket" +
        (plugged.length ? " is-filled" : "") +
        (plugged.some((p) => p.on) ? " is-on" : "") +
        (token.position === props.default_position ? " is-default" : ""),
      "data-position": token.position,
      "aria-label":
        `socket at position ${token.position}, ${JSON.stringify(token.text)}: ` +
        (plugged.length ? plugged.map((p) => p.label).join(", ") : "empty"),
      title: plugged.length
        ? plugged.map((p) => p.title).join("\n")
        : "plug the selected feature in here",
      onClick: (event) => props.onSocket && props.onSocket(token.position, event),
      onDragOver: (event) => over(event, true),
      onDragLeave: (event) => over(event, false),
      onDrop: (event) => {
        over(event, false);
        if (props.onDrop) props.onDrop(token.position, event);
      },
    },
    plugged.map((p) =>
      h("span", { key: p.uid, className: "fs-plug" + (p.on ? " is-on" : "") }, p.label),
    ),
  );
}
