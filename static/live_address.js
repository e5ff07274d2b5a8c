/* Addresses of the live pages: only what differs from the defaults, so that a link says what was chosen. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const none = () => clientside.no_update;

  /** Leaves the address alone when the person has already gone to another page. */
  function write(path, values) {
    if (window.location.pathname.replace(/\/$/, "") === path) clientside.fs.replaceQuery(values);
    return none();
  }

  function promptsIn(a, b, defaults) {
    return a === defaults.prompt && b === defaults.second ? {} : { prompt: a, second: b || null };
  }

  function reactivationAddress(prompts, saeId, locked, pins, view, defaults) {
    if (!prompts || !prompts.length || !defaults) return none();
    const shown = view || {};
    return write("/reactivation", Object.assign(
      promptsIn(prompts[0].prompt, prompts[1] ? prompts[1].prompt : "", defaults),
      {
        sae: saeId === defaults.sae ? null : saeId,
        at: locked,
        pins: (pins || []).join(","),
        order: shown.order === "first" ? null : shown.order,
        locked: shown.locked ? 1 : null,
        function_only: shown.only_function ? 1 : null,
        density: shown.density,
        find: shown.find,
      }
    ));
  }

  function builtInPair(clicks, defaults) {
    if (!clicks || !defaults) return [none(), none(), none()];
    return [defaults.prompt, defaults.second, { pair: clicks }];
  }

  clientside.functionscope = Object.assign({}, clientside.functionscope, { reactivationAddress, builtInPair });
  live.writeAddress = write;
})();
