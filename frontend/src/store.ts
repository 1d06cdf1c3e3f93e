import { useEffect, useState } from "preact/hooks";

/** A value that components can follow. */
export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The store's value now, and a new drawing whenever it changes. */
export function useStore<T>(source: Store<T>): T {
  const [, redraw] = useState(0);
  const value = source.get();
  useEffect(() => {
    const changed = () => redraw((count) => count + 1);
    if (!Object.is(source.get(), value)) changed(); // it changed between drawing and subscribing
    return source.subscribe(changed);
  }, [source]);
  return value;
}
