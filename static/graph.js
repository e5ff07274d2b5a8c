/* The picture of the bipartite graph: ribbons on canvas, blocks as buttons on both sides. Hovering never asks
 * the server and never renders: the base is painted once a view, what is pointed at on a canvas above it. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const graph = (live.graph = live.graph || {});
  const h = window.React.createElement;
  const HINT = "Point at a ribbon or a block. A click splits it; arrow keys move, Enter splits, Esc goes back.";

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue("--fs-" + name).trim();
    return { function: read("function"), content: read("content"), line: read("line") };
  }

  function band(ctx, width, left, right) {
    const middle = width / 2;
    ctx.beginPath();
    ctx.moveTo(0, left[0]);
    ctx.bezierCurveTo(middle, left[0], middle, right[0], width, right[0]);
    ctx.lineTo(width, right[1]);
    ctx.bezierCurveTo(middle, right[1], middle, left[1], 0, left[1]);
    ctx.closePath();
    ctx.fill();
  }

  /** First edges strong above, the rest of the ribbon faint below; hairs are kept visible. */
  function paintRibbon(ctx, it, scene, strength) {
    const part = (pair, from, to) => {
      const [a, b] = [pair[0] + (pair[1] - pair[0]) * from, pair[0] + (pair[1] - pair[0]) * to];
      const least = 0.35 - (b - a);
      return least > 0 ? [a - least / 2, b + least / 2] : [a, b];
    };
    ctx.fillStyle = scene.colours[graph.tokenClass(scene.view, scene.view.token_blocks[it.token])];
    if (it.first < 1) {
      ctx.globalAlpha = 0.17 * strength;
      band(ctx, scene.width, part(it.left, it.first, 1), part(it.right, it.first, 1));
    }
    if (it.first > 0) {
      ctx.globalAlpha = Math.min(1, 0.78 * strength);
      band(ctx, scene.width, part(it.left, 0, it.first), part(it.right, 0, it.first));
    }
    ctx.globalAlpha = 1;
  }

  function paint(canvas, scene, ribbons, strength) {
    const ctx = live.fitCanvas(canvas, scene.width, scene.height);
    ctx.clearRect(0, 0, scene.width, scene.height);
    ribbons.forEach((it) => paintRibbon(ctx, it, scene, strength));
  }

  const meets = (at) => (it) =>
    at.ribbon ? it === at.ribbon : at.token !== undefined ? it.token === at.token : it.feature === at.feature;

  const same = (a, b) =>
    a === b || (a && b && a.ribbon === b.ribbon && a.token === b.token && a.feature === b.feature);

  /** Everything that answers the pointer without React. */
  function controller(refs, scene) {
    let queued = false;
    const overlay = () => {
      queued = false;
      if (!refs.over.current || !scene.view) return;
      const at = scene.at;
      refs.base.current.classList.toggle("is-dim", Boolean(at));
      paint(refs.over.current, scene, at ? scene.ribbons.filter(meets(at)) : [], 1.7);
    };
    const point = (at) => {
      if (same(at, scene.at)) return;
      scene.at = at;
      refs.readout.current.textContent = scene.view && at ? graph.words(scene.view, at) : HINT;
      refs.readout.current.classList.toggle("is-idle", !at);
      if (!queued) window.requestAnimationFrame(overlay);
      queued = true;
    };
    const ribbonAt = (event) => {
      const box = refs.over.current.getBoundingClientRect();
      const ribbon = graph.ribbonAt(scene.ribbons, (event.clientX - box.left) / box.width, event.clientY - box.top);
      return ribbon ? { ribbon } : null;
    };
    const base = () => {
      if (!refs.base.current || !scene.view) return;
      scene.colours = colours();
      scene.width = refs.base.current.parentElement.clientWidth;
      paint(refs.base.current, scene, scene.ribbons, 1);
      overlay();
    };
    return { point, ribbonAt, base };
  }

  function Block(props) {
    const { block, place, side, index, view, label, detail, kind, href, focus, act } = props;
    const at = { [side]: index };
    return h(
      "li",
      { className: `fs-graph__block fs-graph__block--${kind}`, style: { top: place.y, height: place.h } },
      h(
        "button",
        {
          type: "button", tabIndex: focus ? 0 : -1, "data-side": side, "data-index": index,
          "aria-label": `${graph.words(view, at)} Press to split.`,
          onMouseEnter: () => act.point(at), onMouseLeave: () => act.point(null),
          onFocus: () => act.point(at), onBlur: () => act.point(null), onClick: () => act.split(at),
        },
        h("span", { className: "fs-graph__name" }, label),
        h("span", { className: "fs-graph__place" }, detail)
      ),
      href ? h("a", { href, onClick: live.follow, className: "fs-graph__open", title: `open ${label}`, "aria-label": `open the page of ${label}` }, "open") : null,
      h("span", { className: "fs-graph__bar", "aria-hidden": true })
    );
  }

  function sideOf(view, side, column, saeId, act) {
    const isToken = side === "token";
    return (isToken ? view.token_blocks : view.feature_blocks).map((block, index) => {
      const single = isToken ? graph.isToken(block) && block.tokens[0] : graph.isFeature(block);
      const href = !single ? null : isToken ? `/token/${block.tokens[0].token_id}` : `/feature/${encodeURIComponent(saeId)}/${block.feature_index}`;
      return h(Block, {
        key: `${side}${index}`, block, place: column[index], side, index, view, href, act, focus: isToken && index === 0,
        label: isToken ? graph.tokenName(block) : graph.featureName(block),
        detail: isToken ? graph.tokenPlace(block) : graph.featurePlace(block),
        kind: isToken ? graph.tokenClass(view, block) : graph.reachedBy(view, block),
      });
    });
  }

  /** Arrow keys among the blocks; null for other keys. */
  function neighbour(scene, button, key) {
    const [side, index] = [button.dataset.side, Number(button.dataset.index)];
    const column = side === "token" ? scene.left : scene.right;
    if (key === "ArrowDown") return [side, Math.min(column.length - 1, index + 1)];
    if (key === "ArrowUp") return [side, Math.max(0, index - 1)];
    if (key === "Home") return [side, 0];
    if (key === "End") return [side, column.length - 1];
    const other = key === "ArrowRight" ? "feature" : key === "ArrowLeft" ? "token" : null;
    if (!other || other === side) return null;
    return [other, graph.nearest(other === "token" ? scene.left : scene.right, column[index].y + column[index].h / 2)];
  }

  /** props: view (GET /api/graph), path {key, steps}, pathKey (what path belongs to), sae_id, busy. */
  live.BipartiteGraph = function BipartiteGraph(props) {
    const { useRef, useMemo, useEffect, useLayoutEffect } = window.React;
    const refs = { root: useRef(null), base: useRef(null), over: useRef(null), readout: useRef(null) };
    const scene = useRef({ at: null, ribbons: [] }).current;
    const control = useMemo(() => controller(refs, scene), []);
    const view = props.view;
    const placed = useMemo(() => {
      if (!view) return null;
      const height = graph.height(view);
      const [left, right] = [graph.column(view.token_blocks, height, graph.tokenWeight), graph.column(view.feature_blocks, height, graph.featureWeight)];
      return { view, height, left, right, ribbons: graph.ribbons(view, left, right) };
    }, [view]);
    const steps = props.path && props.path.key === props.pathKey ? props.path.steps : [];
    const go = (next) => props.setProps({ path: { key: props.pathKey, steps: next } });
    const split = (at) => {
      const step = view ? graph.split(view, at) : null;
      if (!step || props.busy) return;
      scene.entered = at.feature !== undefined ? "feature" : "token";
      go([...steps, step]);
    };
    const act = { point: control.point, split };
    live.useEscape(() => steps.length && go(steps.slice(0, -1))); // wherever the focus is: a split block takes it along

    useLayoutEffect(() => {
      if (!placed) return;
      Object.assign(scene, placed);
      control.point(null);
      control.base();
      if (scene.entered && refs.root.current.contains(document.activeElement)) {
        const first = refs.root.current.querySelector(`button[data-side="${scene.entered}"]`);
        if (first) first.focus({ preventScroll: true });
      }
    }, [placed]);
    useEffect(() => {
      const sizes = new ResizeObserver(control.base);
      sizes.observe(refs.root.current);
      const scheme = new MutationObserver(control.base);
      scheme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
      return () => {
        sizes.disconnect();
        scheme.disconnect();
      };
    }, []);

    const onKeyDown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const button = event.target.closest("button[data-side]");
      const next = button ? neighbour(scene, button, event.key) : null;
      if (!next) return;
      event.preventDefault();
      refs.root.current.querySelector(`button[data-side="${next[0]}"][data-index="${next[1]}"]`).focus();
    };
    const side = (name, label) =>
      h("ul", { className: `fs-graph__side fs-graph__side--${name}`, "aria-label": label },
        placed ? sideOf(view, name, name === "token" ? placed.left : placed.right, props.sae_id, act) : null);
    return h(
      "div",
      { id: props.id, className: "fs-graph" + (props.busy ? " is-busy" : ""), onKeyDown, "aria-busy": Boolean(props.busy) },
      h("p", { ref: refs.readout, className: "fs-graph__readout is-idle", id: `${props.id}-readout`, role: "status" }, HINT),
      h("div", { className: "fs-graph__heads", "aria-hidden": true },
        h("span", null, "tokens, by frequency rank"), h("span", null, "features, by the first rank that reaches them")),
      h("div", { ref: refs.root, className: "fs-graph__picture", style: { height: placed ? placed.height : 560 } },
        side("token", "Blocks of tokens, by frequency rank"),
        h("div", { className: "fs-graph__ribbons" },
          h("canvas", { ref: refs.base, className: "fs-graph__base", "aria-hidden": true }),
          h("canvas", {
            ref: refs.over, className: "fs-graph__over", "aria-hidden": true,
            onMouseMove: (event) => control.point(control.ribbonAt(event)),
            onMouseLeave: () => control.point(null),
            onClick: (event) => {
              const at = control.ribbonAt(event);
              if (at) split(at);
            },
          })),
        side("feature", "Blocks of features, by the first rank that reaches them"))
    );
  };

  /** The address: what differs from the defaults, and the way down where it belongs to these filters. */
  function writeState(state, path, defaults) {
    const clientside = window.dash_clientside;
    if (!state || !defaults || window.location.pathname.replace(/\/$/, "") !== "/graph") return clientside.no_update;
    const chosen = Object.entries(state).filter(([name, value]) => value !== defaults[name]);
    const steps = path && path.key === `${state.sae}|${state.class}` ? path.steps : [];
    clientside.fs.writeQuery({ ...Object.fromEntries(chosen), path: steps.join(";") });
    return clientside.no_update;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { fsGraph: { writeState } });
})();
