/* The blocks on both sides of the graph: buttons, so that keys reach them. */

import { at } from "../shared/base.js";
import { follow } from "../shared/dash.js";
import { h } from "../shared/hooks/react.js";
import * as graph from "./layout.js";
import * as said from "./words.js";

/** @import { FeatureBlock, GraphAct, GraphScene, GraphView, Lying } from "./types.js" */
/** @import { TokenBlock } from "./types.js" */

/**
 * @param {{ place: Lying, side: "token" | "feature", index: number, view: GraphView, label: string,
 *   detail: string, kind: string, href: string | null, focus: boolean, act: GraphAct }} props
 */
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
        "aria-label": `${said.words(view, at)} Press to split.`,
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

/** @typedef {{ href: string | null, label: string, detail: string, kind: string }} Words */

/**
 * @param {GraphView} view
 * @param {TokenBlock} block
 * @returns {Words}
 */
const tokenWords = (view, block) => ({
  href: said.isToken(block) && block.tokens[0] ? at(`/token/${block.tokens[0].token_id}`) : null,
  label: said.tokenName(block),
  detail: said.tokenPlace(block),
  kind: said.tokenClass(view, block),
});

/**
 * @param {GraphView} view
 * @param {FeatureBlock} block
 * @param {string} saeId
 * @returns {Words}
 */
const featureWords = (view, block, saeId) => ({
  href: said.isFeature(block)
    ? at(`/feature/${encodeURIComponent(saeId)}/${block.feature_index}`)
    : null,
  label: said.featureName(block),
  detail: said.featurePlace(block),
  kind: said.reachedBy(view, block),
});

/**
 * @param {GraphView} view
 * @param {"token" | "feature"} side
 * @param {Lying[]} column
 * @param {string} saeId
 * @param {GraphAct} act
 */
export function sideOf(view, side, column, saeId, act) {
  const words =
    side === "token"
      ? view.token_blocks.map((block) => tokenWords(view, block))
      : view.feature_blocks.map((block) => featureWords(view, block, saeId));
  return words.map((one, index) =>
    h(Block, {
      key: `${side}${index}`,
      place: column[index],
      side,
      index,
      view,
      act,
      focus: side === "token" && index === 0,
      ...one,
    }),
  );
}

/**
 * Arrow keys among the blocks; null for other keys.
 *
 * @param {GraphScene} scene
 * @param {HTMLElement} button
 * @param {string} key
 * @returns {[string | undefined, number] | null}
 */
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
