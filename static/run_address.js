/* A recorded prompt's address: order, filters, lock and pins of each SAE's matrix, where they differ from the default. */
(function () {
  "use strict";
  const live = (window.functionscope = window.functionscope || {});

  /** Only this matrix's names change; all the others stay as the address has them. */
  function address(view, locked, pins, id) {
    const place = Number(id.split("-").pop());
    const own = live.viewQuery(view, locked, pins);
    const query = Object.fromEntries(new URLSearchParams(window.location.search));
    for (const [name, value] of Object.entries(own)) query[place ? `${name}.${place}` : name] = value;
    if (window.location.pathname.startsWith("/r/")) window.dash_clientside.fs.writeQuery(query);
    return window.dash_clientside.no_update;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { run_address: { address } });
})();
