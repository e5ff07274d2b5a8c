/* The blocks on both sides of the graph: buttons, so that keys reach them. */

import { follow } from "../shared/dash.js";
import { h } from "../shared/react.js";
import * as graph from "./layout.js";

function Block(props) {
  const { place, side, index, view, label, detail, kind, href, focus, act } = props;
  const at = { [side]: index };
  return h(
    "li",
    {
      className: `fs-graph__block fs-graph__block--${kind}`,
      style: { top: place.y, height: place.h },
    },
    h(
      "button",
      {
        type: "button",
        tabIndex: focus ? 0 : -1,
        "data-side": side,
        "data-index": index,
        "aria-label": `${graph.words(view, at)} Press to split.`,
        onMouseEnter: () => act.point(at),
        onMouseLeave: () => act.point(null),
        onFocus: () => act.point(at),
        onBlur: () => act.point(null),
        onClick: () => act.split(at),
      },
      h("span", { className: "fs-graph__name" }, label),
      h("span", { className: "fs-graph__place" }, detail),
    ),
    href
      ? h(
          "a",
          {
            href,
            onClick: follow,
            className: "fs-graph__open",
            title: `open ${label}`,
            "aria-label": `open the page of ${label}`,
          },
          "open",
        )
      : null,
    h("span", { className: "fs-graph__bar", "aria-hidden": true }),
  );
}

export function sideOf(view, side, column, saeId, act) {
  const isToken = side === "token";
  return (isToken ? view.token_blocks : view.feature_blocks).map((block, index) => {
    const single = isToken ? graph.isToken(block) && block.tokens[0] : graph.isFeature(block);
    const href = !single
      ? null
      : isToken
        ? `/token/${block.tokens[0].token_id}`
        : `/feature/${encodeURIComponent(saeId)}/${block.feature_index}`;
    return h(Block, {
      key: `${side}${index}`,
      block,
      place: column[index],
      side,
      index,
      view,
      href,
      act,
      focus: isToken && index === 0,
      label: isToken ? graph.tokenName(block) : graph.featureName(block),
      detail: isToken ? graph.tokenPlace(block) : graph.featurePlace(block),
      kind: isToken ? graph.tokenClass(view, block) : graph.reachedBy(view, block),
    });
  });
}

/** Arrow keys among the blocks; null for other keys. */
export function neighbour(scene, button, key) {
  const [side, index] = [button.dataset.side, Number(button.dataset.index)];
  const column = side === "token" ? scene.left : scene.right;
  if (key === "ArrowDown") return [side, Math.min(column.length - 1, index + 1)];
  if (key === "ArrowUp") return [side, Math.max(0, index - 1)];
  if (key === "Home") return [side, 0];
  if (key === "End") return [side, column.length - 1];
  const other = key === "ArrowRight" ? "feature" : key === "ArrowLeft" ? "token" : null;
  if (!other || other === side) return null;
  return [
    other,
    graph.nearest(
      other === "token" ? scene.left : scene.right,
      column[index].y + column[index].h / 2,
    ),
  ];
}
