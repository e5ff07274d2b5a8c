/* React as Dash ships it, by the names that are used here. */

const React = window.React;

export const h = React.createElement;
export const {
  Fragment,
  memo,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} = React;
