/* Parts of a page that no callback listens to: app/still.py.
 *
 * tree: a string or number, or [tag, attributes, ...children]; "" draws the children alone, "Link" stays in the page.
 */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const { createElement, Fragment, memo } = window.React;

  function drawn(node) {
    if (!Array.isArray(node)) return node;
    const [tag, attributes, ...children] = node;
    const props = tag === "Link" ? { ...attributes, onClick: live.follow } : attributes;
    return createElement({ "": Fragment, Link: "a" }[tag] || tag, props, ...children.map(drawn));
  }

  live.Still = memo(({ tree }) => drawn(tree));
})();
