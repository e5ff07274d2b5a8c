/* The part of React that is used here; of HTML elements only the handlers are typed. */

export type Drawn = object | string | number | boolean | null | undefined | Drawn[];
export type Component<P> = (props: P) => Drawn;
export interface Ref<T> {
  current: T;
}

/** An event: `target` is where it happened, `currentTarget` where it is listened to. */
export interface At<E = HTMLElement> {
  target: E;
  currentTarget: HTMLElement;
  preventDefault(): void;
  stopPropagation(): void;
}
export type PointerAt = At & MouseEvent & { nativeEvent: MouseEvent };
export type KeyAt = At & KeyboardEvent;
export type DragAt = At & DragEvent & { dataTransfer: DataTransfer };

/** Props of an HTML or SVG element. */
export interface Attributes {
  [name: string]: unknown;
  onBlur?: () => void;
  onChange?: (event: At<HTMLInputElement>) => void;
  onClick?: (event: PointerAt) => void;
  onDragLeave?: (event: DragAt) => void;
  onDragOver?: (event: DragAt) => void;
  onDragStart?: (event: DragAt) => void;
  onDrop?: (event: DragAt) => void;
  onFocus?: (event: At) => void;
  onKeyDown?: (event: KeyAt) => void;
  onMouseEnter?: (event: PointerAt) => void;
  onMouseLeave?: (event: PointerAt) => void;
  onMouseMove?: (event: PointerAt) => void;
  onMouseOver?: (event: PointerAt) => void;
  onScroll?: () => void;
}

export interface ReactApi {
  createElement(tag: string | symbol, props: Attributes | null, ...children: Drawn[]): Drawn;
  createElement<P>(
    component: Component<P>,
    props: Omit<P, "children"> & { key?: string | number },
    ...children: Drawn[]
  ): Drawn;
  Fragment: symbol;
  memo<P>(component: Component<P>, same?: (before: P, after: P) => boolean): Component<P>;
  useEffect(effect: () => void | (() => void), deps?: unknown[]): void;
  useLayoutEffect(effect: () => void | (() => void), deps?: unknown[]): void;
  useMemo<T>(make: () => T, deps: unknown[]): T;
  // what begins as null is said where it is kept: an element, a timer, a choice
  useRef(first: null): Ref<any>;
  useRef<T>(first: T): Ref<T>;
  useState(first: null): [any, (next: any) => void];
  useState<T>(first: T): [T, (next: T | ((now: T) => T)) => void];
  useSyncExternalStore<T>(subscribe: (listener: () => void) => () => void, get: () => T): T;
}
