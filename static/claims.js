/* Claims page: the verdict chosen shows its cards, and goes into the address. */
(function () {
  "use strict";

  const noUpdate = () => window.dash_clientside.no_update;

  /* Marks the list with the chosen verdict (CSS hides the other cards) -> how many cards are hidden. */
  function show(verdict) {
    const list = document.getElementById("claims-list");
    if (!list || !verdict) return noUpdate();
    list.dataset.show = verdict;
    window.dash_clientside.fs.writeQuery({ verdict: verdict === "all" ? null : verdict });
    for (const group of list.querySelectorAll(".fs-claims__group")) {
      const cards = [...group.querySelectorAll(".fs-claim")];
      for (const card of cards) card.hidden = verdict !== "all" && card.dataset.verdict !== verdict;
      group.hidden = cards.every((card) => card.hidden);
    }
    return list.querySelectorAll(".fs-claim[hidden]").length;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { fsClaims: { show } });
})();
