/* The firing matrix: prompts as aligned token strips, their new / reactivated / carried split, and below
 * them one row a feature. Hovering, walking, locking, filtering and ordering happen here; Dash hears of
 * `locked`, `pins` and `view` only when a person changes them. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const LANES = ["A", "B"];
  const HINT = "Point at a mark. ← → walk the tokens, f and F the function tokens. A click on a token locks it, with Shift a range, with Ctrl one more; a click on a row pins the feature.";
  function useModel(props) {
    const { useMemo } = window.React;
    const prompts = props.prompts || [];
    return useMemo(() => {
      const columns = live.columns(prompts);
      const byFeature = live.rows(prompts, columns, props.info || {});
      const all = [...byFeature.values()];
      const differences = live.differences(all, columns.length);
      return { prompts, columns, byFeature, all, differences, info: props.info || {}, saeId: props.sae_id };
    }, [props.prompts, props.info, props.sae_id]);
  }

  /** A lock belongs to its tokens: other tokens, and it goes back to the last function token. */
  function useForget(props, model) {
    const { useRef, useEffect } = window.React;
    const before = useRef(null);
    useEffect(() => {
      const now = model.prompts.map((prompt) => prompt.tokens.map((token) => token.token_id).join()).join(";");
      if (before.current && now && before.current !== now && props.locked) props.setProps({ locked: null });
      before.current = now || before.current;
    }, [model]);
  }

  /** Everything that answers a pointer or a key without React: hover, painting, scrolling, readout. */
  function controller(refs, scene, channel) {
    let queued = false;
    const paint = () => {
      queued = false;
      const scroller = refs.scroller.current;
      if (!scroller || !scene.geometry) return;
      const w = scroller.clientWidth;
      const height = Math.max(40, scroller.clientHeight - refs.head.current.offsetHeight);
      scene.scrollLeft = scroller.scrollLeft;
      scene.scrollTop = scroller.scrollTop;
      live.paintMatrix(live.fitCanvas(refs.canvas.current, w, height), scene, w, height);
    };
    const request = () => {
      if (!queued) window.requestAnimationFrame(paint);
      queued = true;
    };
    const mark = (column, name, on) => {
      if (column === null || column === undefined) return;
      refs.head.current.querySelectorAll(`[data-column="${column}"]`).forEach((e) => e.classList.toggle(name, on));
    };
    const point = (column, row) => {
      if (column === scene.hoverColumn && row === scene.hoverRow) return;
      if (column !== scene.hoverColumn) {
        mark(scene.hoverColumn, "is-hover", false);
        mark(column, "is-hover", true);
      }
      scene.hoverColumn = column;
      scene.hoverRow = row;
      refs.readout.current.textContent = live.readout(scene, column, row);
      refs.readout.current.classList.toggle("is-idle", column === null && row === null);
      channel.set({ hover: column });
      request();
    };
    const reveal = (column, row) => {
      const scroller = refs.scroller.current;
      const { x, label, row: height } = scene.geometry;
      if (column !== null) {
        if (x[column] - scroller.scrollLeft < label) scroller.scrollLeft = x[column] - label;
        if (x[column + 1] - scroller.scrollLeft > scroller.clientWidth) scroller.scrollLeft = x[column + 1] - scroller.clientWidth + 12;
      }
      if (row !== null) {
        const space = scroller.clientHeight - refs.head.current.offsetHeight;
        if (row * height < scroller.scrollTop) scroller.scrollTop = row * height;
        if ((row + 1) * height > scroller.scrollTop + space) scroller.scrollTop = (row + 1) * height - space;
      }
    };
    const rowAt = (event) => {
      const row = Math.floor((event.nativeEvent.offsetY + refs.scroller.current.scrollTop) / scene.geometry.row);
      return row >= 0 && row < scene.rows.length ? row : null;
    };
    const columnAt = (event) =>
      event.nativeEvent.offsetX < scene.geometry.label
        ? null
        : live.columnAt(scene.geometry, event.nativeEvent.offsetX + refs.scroller.current.scrollLeft);
    return { request, point, reveal, rowAt, columnAt };
  }

  function shuffledWords(scene, lane, token) {
    const row = scene.baselines && scene.baselines[lane] ? scene.baselines[lane][token.position] : null;
    if (!row) return "";
    const [low, high] = row.reactivated.interval;
    return ` (shuffled: ${live.number(row.reactivated.mean)} reactivated, ${live.number(low)} to ${live.number(high)}${row.kept ? ", same token" : ""})`;
  }

  /** One sentence on what is under the pointer. */
  live.readout = function (scene, column, row) {
    const parts = [];
    if (column !== null) {
      scene.columns[column].tokens.forEach((token, lane) => {
        if (!token) return;
        const split = scene.prompts[lane].splits[token.position];
        const name = scene.prompts.length > 1 ? LANES[lane] + " " : "";
        parts.push(`${name}${live.visible(token.text)} (${token.generated ? "generated, " : ""}${token.token_class}, position ${token.position})` +
          (split ? `: ${split.new} new, ${split.reactivated} reactivated of which ${split.carried} carried` + shuffledWords(scene, lane, token) : ""));
      });
      if (scene.prompts.length > 1) {
        const { A, both, B } = scene.differences;
        parts.push(`${A[column]} only in A, ${both[column]} in both, ${B[column]} only in B`);
      }
    }
    if (row !== null && scene.rows[row]) {
      const it = scene.rows[row];
      parts.push(`feature ${it.feature}${it.words ? " " + it.words : ""}` +
        (it.density === null ? "" : `, density ${live.percent(it.density)}`));
      it.lanes.forEach((track, lane) => {
        const k = column === null ? -1 : track.columns.indexOf(column);
        if (k >= 0) parts.push(`${it.lanes.length > 1 ? LANES[lane] + " " : ""}${live.KIND_NAMES[track.kinds[k]]}, activation ${live.number(track.activations[k])}`);
      });
    }
    return parts.join("  ·  ") || HINT;
  };

  live.FiringMatrix = function FiringMatrix(props) {
    const { useRef, useMemo, useEffect, useLayoutEffect, useState } = window.React;
    const channel = live.channel(props.group);
    const refs = { scroller: useRef(null), head: useRef(null), canvas: useRef(null), readout: useRef(null) };
    const scene = useRef({ hoverColumn: null, hoverRow: null }).current;
    const model = useModel(props);
    const view = Object.assign({}, live.DEFAULT_VIEW, props.view);
    const locked = useMemo(() => live.lockedColumns(props.locked, model.columns, model.prompts), [props.locked, model]);
    const home = locked.length ? locked[locked.length - 1] : null;
    const anchor = useRef(null);
    const pins = useMemo(() => live.pinnedIn(props.pins || [], props.sae_id), [props.pins, props.sae_id]);
    const control = useMemo(() => controller(refs, scene, channel), [channel]);
    const [room, setRoom] = useState(0);
    const geometry = useMemo(
      () => live.geometry(model.columns, Math.max(1, model.prompts.length), room < 640 ? 168 : 212, room),
      [model, room]
    );
    const shown = useMemo(() => live.visibleRows(model.all, view, locked, pins), [model, props.view, locked, pins]);

    useLayoutEffect(() => {
      Object.assign(scene, model, { geometry, rows: shown.rows, locked: new Set(locked), baselines: props.baselines, pins: new Set(pins), colours: live.colours() });
      if (scene.hoverColumn !== null && scene.hoverColumn >= model.columns.length) scene.hoverColumn = null;
      control.request();
    });
    useEffect(() => {
      channel.set({ model, hover: null });
      scene.hoverColumn = null;
      scene.hoverRow = null;
    }, [model]);
    useEffect(() => channel.set({ locked: home, nLocked: locked.length, pins: props.pins || [] }), [home, locked.length, props.pins, model]);
    useEffect(() => {
      if (scene.hoverColumn !== null) refs.readout.current.textContent = live.readout(scene, scene.hoverColumn, scene.hoverRow);
    }, [props.baselines]);
    useEffect(() => {
      const repaint = () => {
        scene.colours = live.colours();
        control.request();
      };
      const sizes = new ResizeObserver(() => {
        setRoom(refs.scroller.current.clientWidth);
        repaint();
      });
      sizes.observe(refs.scroller.current);
      const scheme = new MutationObserver(repaint);
      scheme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
      if (document.fonts) document.fonts.ready.then(repaint);
      return () => {
        sizes.disconnect();
        scheme.disconnect();
        channel.set({ model: null, hover: null, locked: null });
      };
    }, []);

    const choose = (columns) => {
      const name = live.lockNames(columns, model.columns);
      const isDefault = name === live.lockNames(live.lockedColumns(null, model.columns, model.prompts), model.columns);
      const ranged = columns.length > 1 && locked.length < 2 ? { view: Object.assign({}, view, { locked: true }) } : {};
      props.setProps(Object.assign({ locked: isDefault && columns.length ? null : name }, ranged));
    };
    const lock = (column, event) => {
      const from = anchor.current === null ? home : anchor.current;
      if (!event.shiftKey) anchor.current = column;
      choose(live.clicked(column, locked, from, event));
    };
    useForget(props, model);
    const pin = (row) => {
      if (row === null || !shown.rows[row]) return;
      props.setProps({ pins: live.togglePin(props.pins || [], props.sae_id, shown.rows[row].feature) });
    };
    live.useKeys((event) => {
      if (!model.columns.length) return;
      const inside = refs.scroller.current.contains(document.activeElement);
      const at = scene.hoverColumn !== null ? scene.hoverColumn : home === null ? -1 : home;
      const isEdge = event.key === "Home" || event.key === "End";
      const anyToken = model.columns.map((c) => c.tokens.find((t) => t && t.token_class === "function") || c.tokens.find(Boolean));
      const next = isEdge && !inside ? null : live.walk(event, anyToken, at);
      if (event.key === "Escape") {
        control.point(null, null);
        anchor.current = null;
        choose([]);
      } else if (next !== null) {
        event.preventDefault();
        if (event.shiftKey && event.key.startsWith("Arrow")) {
          if (anchor.current === null || !locked.includes(anchor.current)) anchor.current = Math.max(0, at);
          choose(live.between(anchor.current, next));
        }
        control.point(next, scene.hoverRow);
        control.reveal(next, null);
        const chip = refs.head.current.querySelector(`button[data-column="${next}"]`);
        if (chip) chip.focus({ preventScroll: true });
      } else if (inside && (event.key === "ArrowDown" || event.key === "ArrowUp") && shown.rows.length) {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const row = Math.max(0, Math.min(shown.rows.length - 1, scene.hoverRow === null ? 0 : scene.hoverRow + step));
        control.point(scene.hoverColumn, row);
        control.reveal(null, row);
      } else if (event.key === "p" || (event.key === "Enter" && event.target === refs.scroller.current)) {
        pin(scene.hoverRow);
      }
    });

    const bodyHeight = shown.rows.length * geometry.row;
    const headHeight = live.headHeight(model.prompts.length);
    return h(
      "div",
      { id: props.id, className: "fs-fm" + (props.busy ? " is-busy" : ""), "aria-busy": Boolean(props.busy) },
      h(live.MatrixTools, { id: props.id, view, setView: (patch) => props.setProps({ view: Object.assign({}, view, patch) }),
        line: live.hiddenLine(shown.rows.length, model.all.length, shown.hidden), nLocked: locked.length, model }),
      h("div", { className: "fs-fm-readout is-idle", ref: refs.readout, id: props.id + "-readout", "aria-live": "polite" }, HINT),
      h(
        "div",
        {
          ref: refs.scroller, className: "fs-fm-scroll", tabIndex: 0, role: "application",
          "aria-label": `firings: ${shown.rows.length} features at ${model.columns.length} positions; arrow keys walk, p pins`,
          onScroll: control.request, hidden: !model.columns.length,
          style: { height: `min(${bodyHeight + 16 + headHeight}px, max(420px, 66vh))` },
        },
        h(
          "div",
          { className: "fs-fm-inner", style: { width: geometry.width, minHeight: bodyHeight + 8 + headHeight } },
          h(live.MatrixHead, { headRef: refs.head, model, geometry, locked, baselines: props.baselines, point: control.point, lock }),
          h("canvas", {
            ref: refs.canvas, className: "fs-fm-canvas", style: { top: headHeight },
            onMouseMove: (event) => control.point(control.columnAt(event), control.rowAt(event)),
            onMouseLeave: () => control.point(null, null),
            onClick: (event) => pin(control.rowAt(event)),
          })
        )
      ),
      model.columns.length ? null : h("div", { className: "fs-fm-empty" + (props.busy ? " is-waiting" : "") }, props.busy ? null : "Nothing has been run yet.")
    );
  };
})();
