/* Beside and under the firing matrix: what comes next at the locked (or pointed-at) position, which
 * features fire there in which prompt, and the pinned features. All from what the browser already has. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const LANES = ["A", "B"];

  live.pinnedIn = (pins, saeId) =>
    pins.filter((pin) => pin.startsWith(saeId + ":")).map((pin) => Number(pin.slice(saeId.length + 1)));

  live.togglePin = function (pins, saeId, feature) {
    const pin = `${saeId}:${feature}`;
    return pins.includes(pin) ? pins.filter((other) => other !== pin) : pins.concat([pin]);
  };

  /** Asks Dash to change another component's prop, exactly as if it had called setProps. */
  live.tell = (id, props) => window.dash_clientside.set_props(id, props);

  /** Follows an address inside the dashboard without a reload; lets the browser open new tabs itself. */
  live.follow = function (event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.history.pushState({}, "", event.currentTarget.getAttribute("href"));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  };

  function useGroup(group) {
    return {
      model: live.useChannel(group, (s) => s.model),
      locked: live.useChannel(group, (s) => (s.locked === undefined ? null : s.locked)),
      nLocked: live.useChannel(group, (s) => s.nLocked || 0),
      hover: live.useChannel(group, (s) => (s.hover === undefined ? null : s.hover)),
      pins: live.useChannel(group, (s) => s.pins) || [],
    };
  }

  function Distribution({ prompt, lane, position, nLanes }) {
    if (position === null || position === undefined) {
      return h("div", { className: "fs-next-lane" }, h("div", { className: "fs-quiet" }, `No token of ${LANES[lane]} stands here.`));
    }
    const next = prompt.next[position] || [];
    const most = Math.max(...next.map((n) => n.probability), 1e-9);
    return h("div", { className: "fs-next-lane", "data-lane": LANES[lane] },
      h("div", { className: "fs-next-head" }, nLanes > 1 ? h("b", null, LANES[lane]) : null, "after ", live.chip(prompt.tokens[position], {}, true)),
      h("ol", { className: "fs-next" }, next.map((n) =>
        h("li", { key: n.token_id, title: `${JSON.stringify(n.text)} · token ${n.token_id} · probability ${n.probability}` },
          h("span", { className: "fs-next-token" }, live.visible(n.text)),
          h("span", { className: "fs-next-track" }, h("i", { style: { width: (100 * n.probability) / most + "%" } })),
          h("span", { className: "fs-next-p" }, live.percent(n.probability))))));
  }

  /** Next-token distribution at the pointed-at position, else at the locked one. props: id, group. */
  live.NextTokens = function NextTokens(props) {
    const { model, locked, nLocked, hover } = useGroup(props.group);
    const column = hover !== null ? hover : locked;
    const ready = model && model.columns.length && column !== null && model.columns[column];
    return h("div", { id: props.id, className: "fs-next-panel", "data-column": ready ? column : "" },
      ready && hover === null && nLocked > 1 ? h("div", { className: "fs-quiet" }, `At the last of the ${nLocked} locked positions.`) : null,
      ready
        ? model.prompts.map((prompt, lane) =>
            h(Distribution, { key: lane, prompt, lane, position: model.columns[column].at[lane], nLanes: model.prompts.length }))
        : h("div", { className: "fs-quiet" }, "Point at a token, or click one to lock it."));
  };

  /** Column per lane at which the prompts are compared: the locked one; where A's last function token is
   *  locked or nothing is, each prompt's own last function token. */
  live.comparedColumns = function (model, locked) {
    const ends = model.prompts.map((prompt, lane) => {
      const position = live.lastPromptFunction(prompt.tokens);
      return model.columns.findIndex((column) => column.at[lane] === position);
    });
    if (locked === null || locked === ends[0]) return { atEnd: true, columns: ends };
    return { atEnd: false, columns: model.prompts.map(() => locked) };
  };

  function activationAt(row, lane, column) {
    const k = row.lanes[lane].columns.indexOf(column);
    return k < 0 ? null : row.lanes[lane].activations[k];
  }

  function compared(model, locked) {
    const { atEnd, columns } = live.comparedColumns(model, locked);
    const groups = model.prompts.length > 1 ? { A: [], both: [], B: [] } : { A: [] };
    model.all.forEach((row) => {
      const found = columns.map((column, lane) => activationAt(row, lane, column));
      const [a, b] = [found[0] !== null, found.length > 1 && found[1] !== null];
      if (a && b) groups.both.push([row, found]);
      else if (a) groups.A.push([row, found]);
      else if (b) groups.B.push([row, found]);
    });
    const strength = (entry) => Math.max(...entry[1].filter((value) => value !== null));
    Object.values(groups).forEach((list) => list.sort((x, y) => strength(y) - strength(x)));
    return { atEnd, columns, groups };
  }

  function CompareItem({ row, found, most, pinned, onPin }) {
    return h("li", null,
      h("button", { type: "button", className: "fs-cmp-item" + (pinned ? " is-pinned" : ""), "aria-pressed": pinned,
        onClick: onPin, title: pinned ? "unpin" : "pin", "data-feature": row.feature },
        h("span", { className: "fs-cmp-index" }, row.feature),
        h("span", { className: "fs-cmp-words" }, row.words || "\u00a0"),
        h("span", { className: "fs-cmp-bars" }, found.map((value, lane) =>
          value === null ? null : h("i", { key: lane, className: "fs-lane-" + LANES[lane], style: { width: (100 * value) / most + "%" } }))),
        h("span", { className: "fs-cmp-value" }, found.filter((v) => v !== null).map(live.number).join(" / "))));
  }

  /** Features at the compared position: only in A, in both, only in B. props: id, group, target. */
  live.FiringCompare = function FiringCompare(props) {
    const { useMemo } = window.React;
    const { model, locked, nLocked, pins } = useGroup(props.group);
    const result = useMemo(() => (model && model.columns.length ? compared(model, locked) : null), [model, locked]);
    if (!result) return h("div", { id: props.id, className: "fs-quiet" }, "Nothing has been run yet.");
    const most = Math.max(1e-9, ...Object.values(result.groups).flat().flatMap((entry) => entry[1].map((v) => v || 0)));
    const pinned = new Set(live.pinnedIn(pins, model.saeId));
    const titles = model.prompts.length > 1 ? { A: "only in A", both: "in both", B: "only in B" } : { A: "firing here" };
    const where = result.columns.map((column, lane) => {
      const token = column >= 0 && model.columns[column] ? model.columns[column].tokens[lane] : null;
      return token ? live.chip(token, { key: lane }, true) : h("span", { key: lane, className: "fs-quiet" }, "no token");
    });
    return h("div", { id: props.id, className: "fs-cmp" },
      h("div", { className: "fs-cmp-where" }, result.atEnd ? "At the last function token " : nLocked > 1 ? `At the last of the ${nLocked} locked positions, ` : "At the locked position ",
        where.length > 1 ? ["A ", where[0], " and B ", where[1]] : where,
        result.atEnd ? null : h("button", { type: "button", className: "fs-link", onClick: () => live.tell(props.target, { locked: null }) }, "back to the last function token")),
      model.prompts.length > 1 ? h("p", { className: "fs-cmp-origin", id: props.id + "-origin" }, live.originSentence(model, result.groups, result.columns)) : null,
      h("div", { className: "fs-cmp-groups" }, Object.entries(result.groups).map(([name, list]) =>
        h("section", { key: name, "data-group": name },
          h("h3", null, titles[name], h("span", null, list.length)),
          h("ul", null, list.map(([row, found]) =>
            h(CompareItem, { key: row.feature, row, found, most, pinned: pinned.has(row.feature),
              onPin: () => live.tell(props.target, { pins: live.togglePin(pins, model.saeId, row.feature) }) })))))));
  };

  function PinCard({ pin, model, column, onRemove, steerHref }) {
    const feature = Number(pin.slice(pin.lastIndexOf(":") + 1));
    const saeId = pin.slice(0, pin.lastIndexOf(":"));
    const here = model && saeId === model.saeId;
    const row = here ? model.byFeature.get(feature) : null;
    const info = here ? model.info[feature] : null;
    const values = row && column !== null
      ? row.lanes.map((_, lane) => activationAt(row, lane, column)).map((v, lane) => `${row.lanes.length > 1 ? LANES[lane] + " " : ""}${v === null ? "silent" : live.number(v)}`).join(", ")
      : null;
    return h("li", { className: "fs-pin", "data-pin": pin },
      h("div", { className: "fs-pin-head" },
        h("b", null, feature), h("span", { className: "fs-pin-sae", title: saeId }, saeId),
        h("button", { type: "button", className: "fs-icon-button", "aria-label": `unpin feature ${feature}`, onClick: onRemove }, "×")),
      h("div", { className: "fs-pin-words" }, row && row.words ? row.words : here && !row ? "does not fire in these prompts" : "\u00a0"),
      info && info.promoted_tokens && info.promoted_tokens.length
        ? h("div", { className: "fs-pin-promotes" }, "promotes ", live.inLine(info.promoted_tokens.slice(0, 4).map(live.visible))) : null,
      h("div", { className: "fs-pin-foot" },
        h("span", null, values ? "here: " + values : ""),
        h("a", { className: "fs-link", href: steerHref, onClick: live.follow }, "steer with this")));
  }

  /** The pinned features, with the way to Steering. props: id, group, target. */
  live.FeaturePins = function FeaturePins(props) {
    const { model, locked, hover, pins } = useGroup(props.group);
    const column = hover !== null ? hover : locked;
    const prompt = model && model.prompts.length ? model.prompts[0].prompt : "";
    const href = (list) => "/steer?" + new URLSearchParams({ prompt, f: list.join(",") }).toString();
    const remove = (pin) => live.tell(props.target, { pins: pins.filter((other) => other !== pin) });
    if (!pins.length) {
      return h("div", { id: props.id, className: "fs-quiet" }, "Click a row of the matrix, or a feature of the comparison, to pin it here. Pins travel to Steering and with the link.");
    }
    return h("div", { id: props.id },
      h("ul", { className: "fs-pins" }, pins.map((pin) =>
        h(PinCard, { key: pin, pin, model, column, onRemove: () => remove(pin), steerHref: href([pin]) }))),
      pins.length > 1 ? h("a", { className: "fs-button fs-steer-all", href: href(pins), onClick: live.follow }, `steer with all ${pins.length}`) : null);
  };
})();
