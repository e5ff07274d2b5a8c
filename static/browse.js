/* Token, Feature and Features pages in the browser: the address follows the controls, arrows walk to neighbours. */
(function () {
  "use strict";
  // looked up at each call: frame.js puts another object in its place after this file has run
  const dash = () => window.dash_clientside;
  const none = () => dash().no_update;

  /** Leaves the address alone when the person has already gone to another page. */
  function write(prefix, values) {
    if (window.location.pathname.startsWith(prefix)) dash().fs.writeQuery(values);
    return none();
  }

  function writeToken(sae, byDefault) {
    return sae && byDefault ? write("/token/", { sae: sae === byDefault ? null : sae }) : none();
  }

  function writeFeature(band, token) {
    if (!band) return none();
    return write("/feature/", { quantile: band === "all" ? null : band, token: token === "any" ? null : token });
  }

  /** All settings of the search by name. Another setting than the page begins at the first page again. */
  function searchState(...values) {
    const before = values.pop();
    const defaults = values.pop();
    const page = values.pop();
    if (!defaults || !page || values.some((value) => value === undefined)) return none();
    const names = Object.keys(defaults).filter((name) => name !== "page");
    const state = Object.fromEntries(names.map((name, i) => [name, values[i] === null ? "" : String(values[i])]));
    const same = !before || names.every((name) => before[name] === state[name]);
    state.page = same ? String(page) : "1";
    const chosen = Object.entries(state).filter(([name, value]) => value !== defaults[name]);
    write("/features", Object.fromEntries(chosen));
    return state;
  }

  function turnPage(before, after, state) {
    const asked = dash().callback_context.triggered[0];
    if (!asked || !asked.value || !state) return none();
    return Number(state.page) + (asked.prop_id.startsWith("features-after") ? 1 : -1);
  }

  /** ← and → follow the links to the neighbours, where a page has them. */
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const way = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
    if (!way || event.target.closest?.("input, textarea, select, [role='radiogroup'], [contenteditable='true'], .fs-rows-box")) return;
    const link = document.querySelector(`#frame-page .fs-browse-page [data-fs-walk="${way}"] a`);
    if (!link) return;
    event.preventDefault();
    link.click();
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.browse = { writeToken, writeFeature, searchState, turnPage };
})();
