/* Cells of the rank table: a token that is a link to its page, a share with its bar, the excess. */

import { follow } from "../shared/dash.js";
import { h } from "../shared/hooks/react.js";

/** @import { CellProps } from "./types.js" */
/** @import { PointerAt } from "../shared/hooks/types.js" */

/** @param {CellProps} props */
export const FsShare = (props) =>
  h(
    "span",
    { className: "fs-share" },
    h("span", { className: "fs-share__bar", style: { width: `${100 * props.value}%` } }),
    h("span", { className: "fs-share__text" }, props.valueFormatted),
  );

/** @param {PointerAt} event */
function onClick(event) {
  follow(event);
  if (event.defaultPrevented) event.stopPropagation();
}

/** @param {CellProps} props */
export const FsTokenLink = (props) =>
  h(
    "a",
    {
      className: "fs-token-link",
      href: props.data.href,
      onClick,
      "aria-label": `token ${props.value}, its page`,
    },
    h(
      "span",
      {
        className: `fs-token fs-token--${props.data.token_class}`,
        title: `id ${props.data.token_id}`,
      },
      props.value,
    ),
  );

/** @param {CellProps} props */
export const FsExcess = (props) =>
  h(
    "span",
    {
      className:
        (props.value === null || props.value === undefined
          ? ""
          : props.value > 0
            ? "fs-excess--more"
            : "fs-excess--less") + (props.data.extrapolated ? " fs-excess--extrapolated" : ""),
      title: props.data.excess_title,
    },
    props.valueFormatted,
  );
