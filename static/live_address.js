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

  // ---- steering --------------------------------------------------------------------------------------------

  /** One intervention in an address: sae_id:index:mode:value:positions[:off], positions as last_function | 3.5.7 */
  function written(it) {
    const positions = Array.isArray(it.positions) ? it.positions.join(".") : it.positions;
    return [it.sae_id, it.feature_index, it.mode, it.value, positions].join(":") + (it.on ? "" : ":off");
  }

  /** The body of POST /api/steer from what the page holds; null while there is nothing to steer. */
  function steerRequest(prompt, interventions, generated, tokens, temperature, samples, seed, controls) {
    const numbers = [tokens, temperature, samples, seed];
    if (numbers.some((n) => typeof n !== "number")) return none();
    if (!prompt) return null;
    return {
      prompt, chat: false,
      interventions: (interventions || []).filter((it) => it.on).map((it) => ({
        sae_id: it.sae_id, feature_index: it.feature_index, mode: it.mode, value: it.mode === "ablate" ? 0 : it.value, positions: it.positions,
      })),
      include_generated: Boolean(generated), max_new_tokens: tokens, temperature, samples: temperature > 0 ? samples : 1, seed, controls: Boolean(controls),
    };
  }

  function steerAddress(request, interventions, defaults) {
    if (!defaults || !interventions) return none();
    const now = request || { prompt: "" };
    const features = interventions.map(written).join(",");
    const start = defaults.settings;
    const same = now.prompt === defaults.prompt && features === defaults.features;
    return write("/steer", Object.assign(
      same ? {} : { prompt: now.prompt, f: features },
      request
        ? {
            generated: request.include_generated ? 1 : null,
            tokens: request.max_new_tokens === start.tokens ? null : request.max_new_tokens,
            temperature: request.temperature || null,
            samples: request.samples === 1 ? null : request.samples,
            seed: request.seed || null,
            controls: request.controls === start.controls ? null : Number(request.controls),
          }
        : {}
    ));
  }

  /** A demonstration's prompt and interventions, by the button that was pressed. */
  function steerDemonstration(clicks, defaults) {
    const pressed = clientside.callback_context.triggered_id;
    if (!defaults || !pressed || !clicks.some(Boolean)) return [none(), none(), none()];
    const demo = defaults.demonstrations[pressed.index];
    return [demo.prompt, [Object.assign({}, demo.intervention)], false];
  }

  clientside.functionscope = Object.assign({}, clientside.functionscope, {
    sameProp: (value) => value, needsTemperature: (temperature) => !(temperature > 0), reactivationAddress, builtInPair, steerRequest, steerAddress, steerDemonstration,
  });
  live.writeAddress = write;
})();
