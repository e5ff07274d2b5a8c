/* Addresses of the live pages: only what differs from the defaults, so that a link says what was chosen. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const none = () => clientside.no_update;

  /** Leaves the address alone when the person has already gone to another page. */
  function write(path, values) {
    if (window.location.pathname.replace(/\/$/, "") === path) clientside.fs.writeQuery(values);
    return none();
  }

  /** Present and empty in an address, where an empty string would be left out. */
  live.EMPTY = { toString: () => "" };

  function promptsIn(a, b, defaults) {
    return a === defaults.prompt && b === defaults.second ? {} : { prompt: a, second: b || null };
  }

  /** What a firing matrix shows, under the names that addresses have for it. */
  live.viewQuery = function (view, locked, pins) {
    const shown = view || {};
    return {
      at: locked,
      pins: (pins || []).join(","),
      order: shown.order === "first" ? null : shown.order,
      locked: shown.locked ? 1 : null,
      function_only: shown.only_function ? 1 : null,
      pinned: shown.pinned ? 1 : null,
      class: shown.at_class,
      least: shown.least,
      density_from: shown.density_from,
      density: shown.density,
      find: shown.find,
    };
  };

  function reactivationAddress(prompts, saeId, locked, pins, view, shuffled, measured, asked, defaults) {
    if (!prompts || !prompts.length || !defaults) return none();
    return write("/reactivation", Object.assign(
      promptsIn(prompts[0].prompt, prompts[1] ? prompts[1].prompt : "", defaults),
      { sae: saeId === defaults.sae ? null : saeId },
      live.viewQuery(view, locked, pins),
      {
        generate: (asked && asked.generate) || null,
        shuffled: shuffled === false ? 0 : null,
        set: measured ? 1 : null,
      }
    ));
  }

  /** [a sentence, the page's class] while the boxes hold other prompts than what the page shows is of. */
  function staleRun(a, b, prompts) {
    const shown = (prompts || []).map((prompt) => prompt.prompt);
    const stale = shown.length > 0 && [a, b].filter(Boolean).join("\u0000") !== shown.join("\u0000");
    return [stale ? "Edited since the last run: all below is of the earlier prompt." : "", "fs-live-page" + (stale ? " is-stale" : "")];
  }

  function builtInPair(clicks, defaults) {
    if (!clicks || !defaults) return [none(), none(), none()];
    return [defaults.prompt, defaults.second, { pair: clicks }];
  }

  clientside.functionscope = Object.assign({}, clientside.functionscope, {
    sameProp: (value) => value, reactivationAddress, builtInPair, staleRun,
  });
  live.writeAddress = write;
})();
