/** Whether a figure got better or worse against the baseline's. */
import { numeric } from "../text";
import type { Num } from "../wire";

const NOTABLE = 0.02; // as in the comparison's sentence: repeating a training moves its losses as much

/** Losses should be small and accuracies large; of other figures nobody can say. */
export function better(figure: string, value: Num | null, baseline: Num | null): "better" | "worse" | null {
  const sign = /^step/.test(figure) ? 0 : /loss/.test(figure) ? -1 : /accuracy/.test(figure) ? 1 : 0;
  if (sign === 0 || value === null || baseline === null) return null;
  const [now, then] = [numeric(value), numeric(baseline)];
  if (!Number.isFinite(now) && !Number.isFinite(then)) return null;
  if (!Number.isFinite(now)) return "worse";
  if (!Number.isFinite(then)) return "better";
  const gain = (sign * (now - then)) / Math.max(Math.abs(now), Math.abs(then));
  return gain > NOTABLE ? "better" : gain < -NOTABLE ? "worse" : null;
}
