/** What time it is, for "3 minutes ago" and for whether a run is still being written. */
import { useEffect } from "preact/hooks";
import { visible } from "../host";
import { store, useStore } from "../store";

const TICK = 15_000; // milliseconds
/** Seconds without news after which a run no longer counts as live: torch's writer flushes every two minutes. */
export const LIVE = 180;

const now = store(Date.now() / 1000);
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Seconds since the epoch, a few times a minute while somebody looks. */
export function useNow(): number {
  useEffect(() => {
    const tick = () => visible.get() && now.set(Date.now() / 1000);
    if (watchers++ === 0) {
      tick();
      timer = setInterval(tick, TICK);
    }
    return () => {
      if (--watchers === 0) clearInterval(timer);
    };
  }, []);
  return useStore(now);
}

/** Whether something was written of late, by a writer that was not closed since. */
export function isLive(updated: number, at: number, closed: boolean | null = null): boolean {
  return closed !== true && at - updated < LIVE;
}
