/* The texts, written as they come: the greedy pass first, then the samples; what was written before is known. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});
  const h = window.React.createElement;
  const SETTLE_MS = 350;
  let nextRun = 1;

  const emptyArm = () => ({ sentence: "", kl: null, positions: [], texts: [] });

  /** Beside the arms, and with them wherever they are kept, but none of them: {arm: why it could not be run}. */
  const keepLeftOut = (arms, leftOut) => leftOut && Object.defineProperty(arms, "leftOut", { value: leftOut, configurable: true });

  /** Puts one frame into the pass's arms; the texts are lists of {text, token_id, probability}. */
  live.applyFrame = function (pass, event, data) {
    if (event === "final" && data.result) keepLeftOut(pass.arms, data.result.effective.controls_left_out);
    if (event !== "arm" && event !== "token") return;
    const arm = (pass.arms[data.arm] = pass.arms[data.arm] || emptyArm());
    if (event === "arm") Object.assign(arm, { sentence: data.sentence, kl: data.kl, positions: data.positions || [] });
    else (arm.texts[data.sample] = arm.texts[data.sample] || []).push(data);
  };

  /** A run of what the settings ask for: its passes, those that are known already done. */
  live.newRun = function (settings, known, model) {
    const passes = live.steerPasses(settings).map((request) => {
      const arms = known ? live.knownOf(model).texts.get(live.requestKey(request)) : null;
      return Object.assign(live.newJob(), { request, arms: arms || {}, status: arms ? "done" : "waiting" });
    });
    return { id: nextRun++, passes, key: JSON.stringify(settings), status: "streaming" };
  };

  function remember(pass) {
    const texts = live.steerKnown.texts;
    texts.put(live.requestKey(pass.request), pass.arms);
    const steered = Object.assign({}, pass.arms.baseline, { kl: 0 });
    if (pass.arms.baseline) texts.put(live.baselineKey(pass.request), { baseline: pass.arms.baseline, steered });
  }

  /** Writes the passes one after the other; ends early when one is stopped or fails. Sets run.status. */
  async function write(run, endpoint, changed) {
    for (const pass of run.passes) {
      if (pass.status === "done") continue;
      if (run.status !== "streaming") return;
      pass.status = "streaming";
      await live.pumpFrames(pass, endpoint, pass.request, (event, data) => live.applyFrame(pass, event, data), changed);
      if (pass.status === "done") remember(pass);
      else run.status = pass.status;
    }
    if (run.status === "streaming") run.status = "done";
  }

  const hasBegun = (run) => run !== null && run.passes.some((pass) => Object.keys(pass.arms).length);

  /** The sentence for a control that cannot do anything: an edit after the last layer, not at the last position. */
  function unreachableIn(props) {
    const layers = Object.fromEntries((props.saes || []).map((sae) => [sae.sae_id, sae.layer]));
    return (pass, name) => {
      const edits = pass.request.interventions;
      const atEnd = edits.length && edits.every((edit) => layers[edit.sae_id] === props.last_layer);
      return name === "content_position" && atEnd && pass.arms[name].kl === 0
        ? "0 by construction: after the last layer, only the last position reaches the next token." : null;
    };
  }

  const WORDS = { idle: "", streaming: "writing…", done: "done", stopped: "stopped; the text so far is kept", failed: "" };

  function statusWords(run, shown, stale) {
    if (run === null) return "";
    const waiting = run.passes.find((pass) => pass.status === "streaming" && pass.place > 0);
    if (waiting) return `waiting behind ${waiting.place}`;
    const words = run.status === "stopped" && shown !== run ? "stopped before the first token; below are the texts of the run before" : WORDS[run.status];
    return words + (stale ? " · of earlier settings" : "");
  }

  /** start, stop and the run that is on screen. */
  function useRun(props) {
    const { useRef, useEffect } = window.React;
    const [changed, kept] = live.useKept({ run: null, shown: null });
    const [ended, gone] = [useRef(0), useRef(false)];
    const stop = () => {
      const run = kept.current.run;
      if (!run || run.status !== "streaming") return;
      run.status = "stopped";
      run.passes.forEach((pass) => live.stopJob(pass, props.cancel));
      changed();
    };
    const start = (again) => {
      stop();
      if (!props.request) return;
      const run = live.newRun(props.request, !again, props.model);
      kept.current.run = run;
      changed();
      write(run, props.endpoint, changed).then(() => {
        if (kept.current.run !== run || gone.current) return;
        const failed = run.passes.find((pass) => pass.problem);
        if (failed && window.fs) window.fs.problem(failed.problem);
        props.setProps({ status: run.status, n_ended: (ended.current += 1) });
        changed();
      });
    };
    const key = props.request ? JSON.stringify(props.request) : null;
    useEffect(() => {
      if (!key || !props.auto || (kept.current.run && kept.current.run.key === key)) return undefined;
      const isKnown = live.newRun(props.request, true, props.model).passes.every((pass) => pass.status === "done");
      const timer = setTimeout(() => start(false), isKnown ? 0 : SETTLE_MS);
      return () => clearTimeout(timer);
    }, [key, props.auto]);
    useEffect(() => () => {
      gone.current = true;
      stop();
    }, []);
    live.useEscape(stop);
    const newest = JSON.stringify(props.newest || props.request || null);
    if (hasBegun(kept.current.run)) kept.current.shown = kept.current.run;
    return { run: kept.current.run, shown: kept.current.shown, stale: kept.current.run !== null && kept.current.run.key !== newest, start, stop };
  }

  /** props: id, newest and request (live.steerPasses' settings), auto, endpoint, cancel, model, tokens, saes, last_layer;
   *  tells {status, n_ended} when a run ends. */
  live.SteerStream = function SteerStream(props) {
    const { run, shown, stale, start, stop } = useRun(props);
    const running = run !== null && run.status === "streaming";
    const failed = run && run.passes.find((pass) => pass.problem);
    const where = live.placeWords(props.tokens);
    return h("div", { id: props.id, className: "fs-stream", "data-status": run ? run.status : "idle", "data-run": run ? run.id : "", "data-stale": stale },
      h("div", { className: "fs-stream-tools" },
        running
          ? h("button", { type: "button", className: "fs-go fs-stop", id: props.id + "-stop", onClick: stop }, "Stop ", h("kbd", null, "Esc"))
          : h("button", { type: "button", className: run === null ? "fs-go" : "fs-button fs-again", id: props.id + "-run", onClick: () => start(true), disabled: !props.request }, run === null ? "Write the texts" : "Write again"),
        h("span", { className: "fs-quiet", role: "status" }, statusWords(run, shown, stale)),
        shown && !running ? h("button", { type: "button", className: "fs-tool fs-tool-button fs-csv", title: "every token of every arm, with its probability", onClick: () => live.saveFile("texts", live.csv(live.textsTable(shown)), "text/csv") }, "CSV") : null),
      failed ? h("div", { className: "fs-prompt-problem", role: "alert" }, `${failed.problem.title}: ${failed.problem.detail}`,
        failed.problem.request_id ? h("small", null, ` (request ${failed.problem.request_id})`) : null) : null,
      shown ? h(live.SteerTexts, { run: shown, running: running && shown === run, stale: stale && !running || shown !== run, where, unreachable: unreachableIn(props) }) : null);
  };
})();
