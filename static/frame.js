/* The frame's behaviour in the browser: theme, keyboard, address bar, status line, copying and exporting.
 *
 * For page scripts:        window.fs.problem({title, detail, request_id})   show a failure until it is dismissed
 *                          window.fs.notice("text")                         say something for four seconds
 *                          window.fs.scheme()                               "light" | "dark"
 *                          "fs:scheme" event on window                      after a change, detail = the scheme
 * For clientside callbacks: dash_clientside.fs.writeQuery({name: value})  static/address.js
 *
 * Marks in the page:       data-fs-copy="text"     a click copies the text
 *                          data-fs-copy-of="id"    a click copies that element's text
 *                          data-fs-export="png|svg" data-fs-target="graph id"   a click saves the figure
 *                          data-fs-export="csv"     data-fs-target="grid id"    a click saves the table
 *                          data-fs-search          what "/" focuses
 */
(function () {
  "use strict";

  const SCHEME_KEY = "mantine-color-scheme-value"; // Mantine reads the same key, so both agree on first paint
  const NOTICE_MS = 4000;
  const CHORD_MS = 1500;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  // ---- theme -----------------------------------------------------------------------------------------------

  function storedScheme() {
    try {
      const value = window.localStorage.getItem(SCHEME_KEY);
      return value === "light" || value === "dark" ? value : null;
    } catch {
      return null; // storage can be forbidden; the system's scheme still holds
    }
  }

  function scheme() {
    return storedScheme() ?? (system.matches ? "dark" : "light");
  }

  function applyScheme() {
    const value = scheme();
    document.documentElement.setAttribute("data-mantine-color-scheme", value);
    setProps("frame-scheme", { data: value });
    window.dispatchEvent(new CustomEvent("fs:scheme", { detail: value }));
  }

  function toggleScheme() {
    const next = scheme() === "dark" ? "light" : "dark";
    try {
      window.localStorage.setItem(SCHEME_KEY, next);
    } catch {
      notice("This browser forbids storage: the theme lasts until the page is reloaded.");
    }
    applyScheme();
  }

  system.addEventListener("change", () => storedScheme() ?? applyScheme());
  window.addEventListener("storage", (event) => event.key === SCHEME_KEY && applyScheme());

  // ---- status line -----------------------------------------------------------------------------------------

  function setProps(id, props) {
    if (document.getElementById("frame-main") && window.dash_clientside?.set_props) {
      window.dash_clientside.set_props(id, props);
    }
  }

  function problem(data) {
    setProps("frame-problem", { data: { ...data, at: Date.now() } });
  }

  let noticeTimer = 0;
  function notice(text) {
    window.clearTimeout(noticeTimer);
    setProps("frame-notice", { children: text });
    noticeTimer = window.setTimeout(() => setProps("frame-notice", { children: "" }), NOTICE_MS);
  }

  // ---- keyboard --------------------------------------------------------------------------------------------

  let chordUntil = 0;

  function isTyping(target) {
    return target.closest?.("input, textarea, select, [contenteditable='true'], .ag-cell-inline-editing") !== null;
  }

  function toggleHelp() {
    const help = document.getElementById("frame-help");
    help.open ? help.close() : help.showModal();
  }

  function focusSearch() {
    const field = document.querySelector("#frame-page [data-fs-search], #frame-page textarea, #frame-page input[type='search']");
    if (!field) {
      notice("This page has nothing to search.");
      return;
    }
    (field.matches("input, textarea") ? field : field.querySelector("input, textarea") ?? field).focus();
  }

  async function copy(text, said) {
    try {
      await navigator.clipboard.writeText(text);
      notice(said);
    } catch {
      notice("The browser refused the clipboard: select the text and copy it by hand.");
    }
  }

  /* A copied link says on which build it was made (app/link_note.py reads it); the address bar does not. */
  function markedLink() {
    const link = new URL(window.location.href);
    const build = document.querySelector("[data-fs-build]")?.dataset.fsBuild;
    link.searchParams.delete("b");
    if (build) link.searchParams.set("b", `1-${build}`);
    return link.href;
  }

  const copyLink = () => copy(markedLink(), "Link copied: it reopens exactly this.");

  const KEYS = { "?": toggleHelp, "/": focusSearch, y: copyLink, t: toggleScheme };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (Date.now() < chordUntil) {
      chordUntil = 0;
      const link = document.querySelector(`.fs-rail [data-key="${CSS.escape(event.key)}"] a`);
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    if (event.key === "g") {
      chordUntil = Date.now() + CHORD_MS;
    } else if (Object.hasOwn(KEYS, event.key)) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });

  // ---- clicks on marked elements ---------------------------------------------------------------------------

  function stamp(target) {
    return `functionscope-${target}-${new Date().toISOString().slice(0, 10)}`;
  }

  async function exportFrom(format, target) {
    if (format === "csv") {
      const grid = await window.dash_ag_grid.getApiAsync(target);
      // the numbers as they are, not as the cells write them
      grid.exportDataAsCsv({ fileName: `${stamp(target)}.csv`, processCellCallback: ({ value }) => value });
      return;
    }
    const figure = document.querySelector(`#${CSS.escape(target)} .js-plotly-plot`);
    if (!figure) {
      notice("The figure is not drawn yet.");
      return;
    }
    const { width, height } = figure.getBoundingClientRect();
    await window.Plotly.downloadImage(figure, { format, width, height, scale: 2, filename: stamp(target) });
  }

  const ACTIONS = { help: toggleHelp, scheme: toggleScheme, link: copyLink };

  document.addEventListener("click", (event) => {
    const at = (name) => event.target.closest?.(`[data-fs-${name}]`);
    const action = at("action");
    if (action) ACTIONS[action.dataset.fsAction]();
    const copied = at("copy");
    if (copied) copy(copied.dataset.fsCopy, "Copied.");
    const source = at("copy-of");
    if (source) copy(document.getElementById(source.dataset.fsCopyOf).innerText, "Copied.");
    const exported = at("export");
    if (exported) exportFrom(exported.dataset.fsExport, exported.dataset.fsTarget);
    // A popover (details.fs-pop) closes on a click elsewhere.
    for (const open of document.querySelectorAll("details.fs-pop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.fs-pop[open]")) {
      open.open = false;
      if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    }
  });

  // ---- what clientside callbacks call ----------------------------------------------------------------------

  const writeQuery = window.fsAddress.write;

  /* The controls' values and, last, the defaults -> {name: value}; the defaults give the names, in order. */
  function named(...values) {
    const defaults = values.pop();
    if (!defaults || values.includes(undefined)) return window.dash_clientside.no_update;
    return Object.fromEntries(Object.keys(defaults).map((name, i) => [name, values[i]]));
  }

  /* Address bar := the state's values that differ from the default, and the open token. */
  function writeState(state, token, defaults) {
    if (state && defaults) {
      const chosen = Object.entries(state).filter(([name, value]) => value !== defaults[name]);
      writeQuery({ ...Object.fromEntries(chosen), token });
    }
    return window.dash_clientside.no_update;
  }

  /* The page that the rail marks as current: the deepest link that the path begins with. */
  function markCurrent(pathname) {
    for (const item of document.querySelectorAll(".fs-rail [data-path]")) {
      const path = item.dataset.path;
      const here = path === "/" ? pathname === "/" : pathname === path || pathname.startsWith(`${path}/`);
      const link = item.querySelector("a");
      here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    }
  }

  function onRoute(title, pathname) {
    document.title = title;
    markCurrent(pathname);
    return title;
  }

  /* Problem -> the status line's class, sentence and request id. */
  function showProblem(data) {
    if (!data) return ["fs-status", "", ""];
    const sentence = [data.title, data.detail].filter(Boolean).join(": ");
    return ["fs-status fs-status--problem", sentence, data.request_id ?? ""];
  }

  window.fs = { problem, notice, scheme };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    fs: { writeQuery, named, writeState, onRoute, showProblem, currentScheme: () => scheme(), dismiss: () => null },
  });
})();
