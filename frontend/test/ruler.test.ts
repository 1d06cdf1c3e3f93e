import { expect, test } from "vitest";
import { axes, ruler, STEPS } from "../src/evidence/ruler";

const CLOCK = { steps: [0, 100, 200], seconds: [0, 60, 600], steps_per_epoch: 50 };

test("time runs on straight lines between what is known, and beyond it", () => {
  const time = ruler(CLOCK, "time");
  expect([0, 50, 100, 150, 250].map(time.at)).toEqual([0, 30, 60, 330, 870]);
  expect([0, 30, 60, 330, 870].map(time.step)).toEqual([0, 50, 100, 150, 250]);
});

test("epochs are counted by the loader's length", () => {
  const epochs = ruler(CLOCK, "epoch");
  expect([epochs.at(125), epochs.step(2.5), epochs.tick(2.5)]).toEqual([2.5, 125, "2.5"]);
});

test("an axis that the run's clock does not know is not offered, and asking for it gives steps", () => {
  const timed = { ...CLOCK, steps_per_epoch: null };
  expect(axes(CLOCK)).toEqual(["step", "epoch", "time"]);
  expect(axes(timed)).toEqual(["step", "time"]);
  expect(axes(null)).toEqual(["step"]);
  expect(ruler(timed, "epoch").axis).toBe("step");
  expect(ruler(null, "time")).toBe(STEPS);
});

test("a moment is told in all units that are known", () => {
  expect(ruler(CLOCK, null).when(150)).toBe("step 150 · epoch 3 · 5\u00a0min 30\u00a0s");
  expect(STEPS.when(12_000)).toBe("step 12,000");
});

test("two steps of one moment do not divide by zero", () => {
  const still = ruler({ steps: [0, 10, 20], seconds: [0, 5, 5], steps_per_epoch: null }, "time");
  expect([still.at(15), still.step(5), still.at(99)]).toEqual([5, 10, 5]);
});
