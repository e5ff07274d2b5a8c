/* Cells of the tables: a token as everywhere else, and a share with its bar. */
(function () {
  "use strict";
  const make = window.React.createElement;
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

  cells.FsToken = (props) =>
    make(
      "span",
      { className: `fs-token fs-token--${props.data.token_class}`, title: `id ${props.data.token_id}` },
      props.value,
    );

  cells.FsShare = (props) =>
    make(
      "span",
      { className: "fs-share" },
      make("span", { className: "fs-share__bar", style: { width: `${100 * props.value}%` } }),
      make("span", { className: "fs-share__text" }, props.valueFormatted),
    );
})();
