/** A document that a view shows: fetched when needed, kept while it is being fetched again, the same object while unchanged. */
import { useEffect, useState } from "preact/hooks";
import { Unreachable } from "./api";
import { reloads, seen, visible } from "./host";
import { language } from "./language";
import { useStore } from "./store";

export interface Resource<T> {
  readonly data: T | null;
  readonly error: string | null;
  /** Whether an answer is awaited and there is nothing to show yet. */
  readonly loading: boolean;
  retry(): void;
}

interface Kept {
  readonly text: string;
  readonly data: unknown;
  /** Which of TensorBoard's reloads it was asked for after. */
  readonly reload: number;
}

const COME_BACK = 4000; // milliseconds before a server that is gone is looked for again
const KEEP = 12; // documents remembered for going back and forth
const kept = new Map<string, Kept>();

function remember(key: string, text: string): Kept {
  const before = kept.get(key);
  const data = before?.text === text ? before.data : (JSON.parse(text) as unknown);
  const now = { text, data, reload: reloads.get() };
  kept.delete(key);
  kept.set(key, now);
  for (const old of [...kept.keys()].slice(0, -KEEP)) kept.delete(old);
  return now;
}

/** Forget every document, as if the page had just been opened. */
export function forget(): void {
  kept.clear();
}

/**
 * The document called `name`, in the present language. `again` says after how many milliseconds to ask anew on our own, or null to wait
 * for a reload. A view that shows little of it is content with what was fetched since the last reload: `content`.
 */
export function useDocument<T>(
  name: string,
  load: () => Promise<string>,
  again: (data: T) => number | null = () => null,
  content = false,
): Resource<T> {
  const key = `${useStore(language)} ${name}`;
  const reload = useStore(reloads);
  const shown = useStore(visible);
  const [attempt, setAttempt] = useState(0);
  const [failure, setFailure] = useState<{ key: string; message: string } | null>(null);
  const [, redraw] = useState(0);
  const data = (kept.get(key)?.data as T | undefined) ?? null;

  useEffect(() => {
    if (!shown) return;
    const known = kept.get(key);
    if (content && known?.reload === reload && again(known.data as T) === null) return;
    let current = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const retry = () => seen() && setAttempt((count) => count + 1);
    load().then(
      (text) => {
        if (!current) return;
        const before = kept.get(key);
        const now = remember(key, text);
        setFailure(null);
        if (now.data !== before?.data) redraw((count) => count + 1);
        const pause = again(now.data as T);
        if (pause !== null) timer = setTimeout(retry, pause);
      },
      (error: unknown) => {
        if (!current) return;
        setFailure({ key, message: error instanceof Error ? error.message : String(error) });
        if (error instanceof Unreachable) timer = setTimeout(retry, COME_BACK);
      },
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key, reload, shown, attempt]);

  const error = failure?.key === key ? failure.message : null;
  return { data, error, loading: data === null && error === null, retry: () => setAttempt((count) => count + 1) };
}
