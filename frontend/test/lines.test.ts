import { expect, test } from "vitest";
import {
  brokenText,
  canBeLog,
  described,
  logTicks,
  padded,
  plotted,
  smoothed,
  valueRange,
  withSteps,
} from "../src/evidence/lines";
import type { Curve, Line } from "../src/wire";

function line(steps: number[], values: Line["series"]["values"], name = "train"): Line {
  return { name, role: "observed", series: { steps, values } };
}

function curve(lines: Line[], marks: Curve["marks"] = []): Curve {
  return { kind: "Curve", title: "Loss", lines, unit: "loss", marks, scale: "linear" };
}

test("lines come to common steps; where one has no point the other goes on", () => {
  const { steps, lines } = plotted([line([0, 2], [1, 3]), line([0, 1, 2], [4, 5, 6], "val")], "linear");
  expect(steps).toEqual([0, 1, 2]);
  expect(lines.map((each) => each.values)).toEqual([
    [1, undefined, 3],
    [4, 5, 6],
  ]);
});

test("steps that go back after a resume are put in order, and the last value counts", () => {
  const { steps, lines } = plotted([line([0, 1, 2, 1], [4, 3, 2, 9])], "linear");
  expect(steps).toEqual([0, 1, 2]);
  expect(lines[0]?.values).toEqual([4, 9, 2]);
});

test("NaN and infinities are gaps in the line and signs beside it", () => {
  const [drawn] = plotted([line([0, 1, 2], [1, "NaN", "-Infinity"])], "linear").lines;
  expect(drawn?.values).toEqual([1, null, null]);
  expect(drawn?.broken).toEqual([
    { step: 1, value: Number.NaN },
    { step: 2, value: Number.NEGATIVE_INFINITY },
  ]);
});

test("a logarithmic axis leaves out what it cannot show", () => {
  expect(plotted([line([0, 1, 2], [1, 0, -1])], "log").lines[0]?.values).toEqual([1, null, null]);
  expect(canBeLog([line([0], [-1])])).toBe(false);
});

test("smoothing starts at the first value and passes over gaps", () => {
  expect(smoothed([2, 2, undefined, 2], 0.9)).toEqual([2, 2, undefined, 2].map((v) => v && expect.closeTo(v)));
  expect(smoothed([0, 1], 0.5)[1]).toBeCloseTo(2 / 3);
});

test("the axis holds the levels that a line is judged against", () => {
  const marks = [{ kind: "level", label: "limit", at: 9, to: null }] as const;
  expect(valueRange(curve([line([0, 1], [1, 2])], [...marks]), "linear")).toEqual([1, 9]);
});

test("a flat line still gets an axis", () => {
  expect(padded([2, 2], "linear")).toEqual([1.8, 2.2]);
  expect(padded([0, 0], "linear")).toEqual([-1, 1]);
  expect(padded([2, 2], "log")).toEqual([1, 4]);
});

test("a line without a finite value is described as such", () => {
  expect(described(line([0, 1], ["NaN", "NaN"]), "loss")).toBe("train: no finite value at 2 steps");
});

test("what is not finite is told with its first step", () => {
  expect(
    brokenText([
      { step: 280, value: Number.POSITIVE_INFINITY },
      { step: 284, value: Number.NaN },
      { step: 288, value: Number.NaN },
    ]),
  ).toBe("infinite at step 280, NaN at 2 points from step 284");
});

test("onsets at one step share a label", () => {
  const marks = withSteps(
    [],
    [
      { at: 40, label: "one" },
      { at: 40, label: "other" },
      { at: 10, label: "early" },
    ],
  );
  expect(marks.map((mark) => [mark.at, mark.label])).toEqual([
    [10, "early"],
    [40, "one, other"],
  ]);
});

test.each([
  [
    [0.001, 100],
    [0.001, 0.01, 0.1, 1, 10, 100],
  ],
  [
    [0.09, 3],
    [0.1, 0.2, 0.5, 1, 2],
  ],
  [
    [2.2, 2.4],
    [2.2, 2.25, 2.3, 2.35, 2.4],
  ],
  [
    [1e-3, 1e24],
    [1, 1e4, 1e8, 1e12, 1e16, 1e20, 1e24],
  ],
] as const)("a logarithmic axis over %j has few and round ticks", ([low, high], ticks) =>
  expect(logTicks([low, high])).toEqual(ticks),
);

test("a few evaluations are not smoothed, many steps are", () => {
  const long = line(
    Array.from({ length: 200 }, (_, i) => i),
    Array.from({ length: 200 }, (_, i) => i % 2),
    "train",
  );
  const [train, val] = plotted([long, line([0, 100], [0, 1], "val")], "linear", 0.9).lines;
  expect(train?.values[199]).toBeCloseTo(0.5, 1);
  expect(val?.values[100]).toBe(1);
});
