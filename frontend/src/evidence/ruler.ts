/** What the horizontal axis of a run's charts counts: steps, epochs, or the time that passed. */

import { createContext } from "preact";
import { t } from "../language";
import { digits, duration, numeric } from "../text";
import type { Clock } from "../wire";

export type Axis = "step" | "epoch" | "time";

export interface Ruler {
  readonly axis: Axis;
  /** Differs where a chart must be drawn anew. */
  readonly key: string;
  /** Where a step lies on the axis. */
  at(step: number): number;
  /** The step at a place on the axis. */
  step(place: number): number;
  /** A tick of the axis. */
  tick(place: number): string;
  /** All that is known of when a step was. */
  when(step: number): string;
}

const same = (value: number) => value;

function ofSteps(step: number): string {
  if (!Number.isInteger(step)) return "";
  return Math.abs(step) >= 10_000 && step % 1000 === 0 ? `${digits(step / 1000)}k` : digits(step);
}

export const STEPS: Ruler = {
  axis: "step",
  key: "step",
  at: same,
  step: same,
  tick: ofSteps,
  when: (step) => t("step {at}", { at: digits(step) }),
};

/** The ruler that the charts of a run share. */
export const RulerContext = createContext<Ruler>(STEPS);

/** The axes that a run's clock allows. */
export function axes(clock: Clock | null): readonly Axis[] {
  return [
    "step",
    ...(clock?.steps_per_epoch ? (["epoch"] as const) : []),
    ...((clock?.steps.length ?? 0) > 1 ? (["time"] as const) : []),
  ];
}

export function ruler(clock: Clock | null, wanted: string | null): Ruler {
  if (!clock) return STEPS;
  const epoch = clock.steps_per_epoch === null ? 0 : numeric(clock.steps_per_epoch);
  const { steps } = clock;
  const seconds = clock.seconds.map(numeric);
  const timed = steps.length > 1;
  const when = (step: number) =>
    [
      t("step {at}", { at: digits(step) }),
      ...(epoch > 0 ? [t("epoch {at}", { at: digits(Number((step / epoch).toFixed(1))) })] : []),
      ...(timed ? [duration(between(steps, seconds, step))] : []),
    ].join(" · ");
  if (wanted === "epoch" && epoch > 0) {
    const tick = (place: number) => digits(Number(place.toPrecision(6)));
    return {
      axis: "epoch",
      key: `epoch ${epoch}`,
      at: (step) => step / epoch,
      step: (place) => place * epoch,
      tick,
      when,
    };
  }
  if (wanted === "time" && timed) {
    return {
      axis: "time",
      key: `time ${steps.at(-1)}`,
      at: (step) => between(steps, seconds, step),
      step: (place) => between(seconds, steps, place),
      tick: duration,
      when,
    };
  }
  return { ...STEPS, when };
}

/** The value of `to` where `from`, which rises, has this value: on straight lines between what is known, and beyond it. */
function between(from: readonly number[], to: readonly number[], value: number): number {
  let low = 0;
  let high = from.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((from[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [from[low], from[high], to[low], to[high]];
  return x1 > x0 ? y0 + ((value - x0) / (x1 - x0)) * (y1 - y0) : y0;
}
