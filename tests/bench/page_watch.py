"""What `page_clicks` runs in the browser: what a click brought, and when it stood there."""

from __future__ import annotations

# Numbers are text, drawn paths and table cells; a spinner's class is none of them. What is redrawn
# is looked up once a frame by the panel that holds it, so that watching costs the page little.
WATCH = """() => {
  window.bench = { at: null, seen: null, last: null, tasks: [], asked: 0 };
  const bench = window.bench;
  for (const kind of ['click', 'keydown']) document.addEventListener(kind, (event) => {
    if (event.isTrusted && bench.armed) Object.assign(bench, { at: event.timeStamp, armed: false });
  }, true);
  const changed = new Set();
  const inView = (one) => {
    const { top, bottom, width } = one.getBoundingClientRect();
    return width > 0 && bottom > 0 && top < innerHeight;
  };
  const painted = () => requestAnimationFrame(() => setTimeout(() => {
    bench.last = performance.now();
    if ([...changed].some(inView)) bench.seen = bench.last;
    changed.clear();
  }, 0));
  const holder = (node) => {
    const one = node instanceof Element ? node : node.parentElement;
    return one?.closest('.fs-panel') ?? one;
  };
  new MutationObserver((all) => {
    const own = all.filter((one) => one.type !== 'attributes' || one.attributeName === 'd');
    if (own.length && !changed.size) painted();
    for (const one of own) if (holder(one.target)) changed.add(holder(one.target));
  }).observe(document.querySelector('#frame-page'), {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['d'],
  });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) bench.tasks.push([one.startTime, one.duration]);
  }).observe({ type: 'longtask' });
  const plain = window.fetch;
  window.fetch = (...request) => {
    bench.asked += 1;
    return plain(...request).finally(() => { bench.asked -= 1; bench.heard = performance.now(); });
  };
}"""
ARM = """() => Object.assign(
  window.bench, { at: null, seen: null, last: null, tasks: [], armed: true })"""
# Dash knows whether a callback still runs, or waits for another one.
QUIET = """(ms) => {
  const { at, last, asked, heard } = window.bench;
  const since = performance.now() - Math.max(at ?? Infinity, last ?? 0, heard ?? 0);
  const waits = window.dash_stores.some((one) => one.getState().isLoading);
  return at !== null && asked === 0 && !waits && since > ms;
}"""
# To the last change within the window, to the last of all, the longest task; the first two null
# where nothing changed. What was changed before the click is not its own.
READ = """() => {
  const { at, seen, last, tasks } = window.bench;
  const own = tasks.filter(([start]) => start >= at - 50).map(([, duration]) => duration);
  const since = (when) => when === null || when < at ? null : when - at;
  return [since(seen), since(last), Math.max(0, ...own)];
}"""
READY = """() => !document.querySelector('#frame-page .fs-skeleton')
  && document.querySelector('#frame-page .fs-controls .fs-control') !== null"""

# [name, kind, selector] of every control that stands on the page.
CONTROLS = """() => {
  const page = document.querySelector('#frame-page');
  const kinds = { choice: 'input[type=radio]', chips: 'input[type=checkbox]',
    list: '[aria-haspopup=listbox]' };
  const found = [];
  for (const group of page.querySelectorAll('.fs-control[aria-labelledby]')) {
    const label = group.getAttribute('aria-labelledby');
    const kind = Object.keys(kinds).find((one) => group.querySelector(kinds[one]));
    if (!group.checkVisibility() || !kind) continue;
    const name = label.replace(/^[^-]*-|-label$/g, '');
    if (kind === 'choice' && group.querySelectorAll(kinds.choice).length < 2) continue;
    found.push([name, kind, `[aria-labelledby="${label}"]`]);
  }
  const alone = [['list', '[aria-haspopup=listbox]'], ['range', 'input[type=range]']];
  for (const [kind, selector] of alone)
    for (const one of page.querySelectorAll(selector))
      if (one.id && one.checkVisibility() && !one.closest('.fs-control[aria-labelledby]'))
        found.push([one.id.replace(/^[^-]*-/, ''), kind, `#${one.id}`]);
  const buttons = {
    pin: '#consolidation-pin',
    tick: '#coverage-table .ag-row[row-index="0"] .ag-checkbox-input',
    split: '#graph-crumbs button, .fs-graph__block > button', // down by a block, and up again
  };
  for (const [name, selector] of Object.entries(buttons))
    if (page.querySelector(selector)) found.push([name, 'button', selector]);
  return found;
}"""
