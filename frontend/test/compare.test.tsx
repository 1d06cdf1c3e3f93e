import { expect, test, vi } from "vitest";
import { place } from "../src/address";
import type { Source } from "../src/api";
import { App } from "../src/app";
import { better } from "../src/compare/better";
import { difference, evenRange } from "../src/evidence/difference";
import type { ComparisonDocument, Heatmap, LayersDocument, Num } from "../src/wire";
import { button, click, fixture, parsed, shown, source, texts } from "./helpers";

const RUNS = ["lr-too-high", "healthy"] as const;
const DOCUMENT = parsed<ComparisonDocument>("compare");

function open(runs: readonly string[] = RUNS, changes: Partial<Source> = {}) {
  place.set({ view: { name: "compare", runs }, cause: null });
  return shown(<App source={source(changes)} />);
}

/** The comparison with one more run, like the second. */
function three(): string {
  const { comparison } = DOCUMENT;
  const twice = <T,>(values: readonly T[]) => [...values, ...values.slice(-1)];
  const rows = <T extends { values: readonly unknown[] }>(found: readonly T[]) =>
    found.map((row) => ({ ...row, values: twice(row.values) }));
  return JSON.stringify({
    ...DOCUMENT,
    comparison: {
      ...comparison,
      runs: [...comparison.runs, "third"],
      verdicts: twice(comparison.verdicts),
      headlines: twice(comparison.headlines),
      differences: rows(comparison.differences),
      figures: rows(comparison.figures).map((row) => ({ ...row, change: twice(row.change) })),
    },
  });
}

test("a comparison opens with its sentence and shows what differs, not what is the same", async () => {
  const root = await open();
  expect(texts(root, "h1")).toEqual(["healthy fixed the learning rate: validation loss 0.31 instead of 2.21."]);
  expect(texts(root, ".differs th")).toEqual(["learning rate", "weight decay"]);
  expect(root.textContent).not.toContain("momentum");
  await click(root.querySelector(".cells-beside .switch input"));
  expect(root.textContent).toContain("momentum");
});

test("the tags that were chosen for a report are asked for in the comparison, and stay chosen on the way back", async () => {
  const compare = vi.fn(async () => JSON.stringify(DOCUMENT));
  place.set({ view: { name: "compare", runs: RUNS }, cause: null, kept: { train_loss: "my/loss" } });
  const root = await shown(<App source={source({ compare })} />);
  expect(compare).toHaveBeenCalledWith(RUNS, { train_loss: "my/loss" });
  await click(root.querySelector(".sides a"));
  expect(place.get()).toMatchObject({ view: { name: "run", run: "lr-too-high" }, kept: { train_loss: "my/loss" } });
});

test("each run says what was changed about it and what came of that", async () => {
  const root = await open();
  expect(texts(root, ".changed > div")).toEqual([
    "learning rate0.3 → 0.025",
    "weight decay– → 0.01",
    "val loss2.21 → 0.3142 −1.9 better",
  ]);
});

test("a cause that the baseline had and a run has not is gone", async () => {
  const root = await open();
  expect(texts(root, ".gone")).toHaveLength(4);
});

test("figures carry their difference to the baseline, where there is one, and whether it is better", async () => {
  const root = await open();
  expect(texts(root, ".cells .change")).toEqual(["−1.9 better", " better".trim()]);
});

test("a comparison of runs that are still being read waits for them", async () => {
  const list = JSON.stringify({ ...JSON.parse(fixture("runs")), loading: true });
  const root = await open(RUNS, {
    runs: async () => list,
    compare: () => Promise.reject(new Error("The run has not been read yet.")),
  });
  expect(root.querySelector("[role=alert]")).toBeNull();
  expect(root.textContent).toContain("These runs are still being read");
});

test("evidence that one run lacks leaves its side saying so", async () => {
  const root = await open();
  expect(root.textContent).toContain("Not seen in this run");
});

test("another run becomes the baseline, and the address says so", async () => {
  const root = await open();
  await click(button(root, "Make baseline"));
  expect(place.get().view).toEqual({ name: "compare", runs: ["healthy", "lr-too-high"] });
});

test("a run can be taken out while two remain", async () => {
  const root = await open([...RUNS, "third"], { compare: async () => three() });
  await click(button(root, "Remove lr-too-high"));
  expect(place.get().view).toEqual({ name: "compare", runs: ["healthy", "third"] });
});

test("a further run can be added to a pair, of which none can be taken out", async () => {
  const pair = await open();
  expect(button(pair, "Remove")).toBeUndefined();
  const picker = pair.querySelector<HTMLSelectElement>("select[aria-label='Compare with a further run']");
  if (!picker) throw new Error("no further run can be added");
  picker.value = picker.options[1]?.value ?? "";
  picker.dispatchEvent(new Event("change", { bubbles: true }));
  expect(place.get().view).toEqual({ name: "compare", runs: [...RUNS, picker.options[1]?.value] });
});

test("layers are shown as the difference to the baseline, and as measured on request", async () => {
  const layers = vi.fn(async () => fixture("layers"));
  const root = await open(RUNS, { layers });
  expect(layers.mock.calls).toEqual([["lr-too-high"], ["healthy"]]);
  const canvases = () =>
    [...root.querySelectorAll(".beside .heat-map canvas")].map((each) => each.getAttribute("aria-label") ?? "");
  expect(root.textContent).toContain("no change in the middle");
  const different = canvases();
  for (const box of root.querySelectorAll(".card .switch input")) await click(box);
  expect(root.textContent).not.toContain("no change in the middle");
  expect(canvases()).toHaveLength(different.length);
});

test("runs without figures by layer say which line logs them", async () => {
  const bare = JSON.stringify({ ...parsed<LayersDocument>("layers"), layers: [] });
  const root = await open(RUNS, { layers: async () => bare });
  expect(root.textContent).toContain("None of these runs logged figures by layer.");
});

function heat(
  values: readonly (readonly Num[])[],
  steps: readonly number[],
  rows: readonly string[],
  scale: Heatmap["scale"] = "log",
): Heatmap {
  return { kind: "Heatmap", title: "Gradient", rows, steps, values, unit: "norm", scale };
}

test("a difference is a factor at the baseline's steps, in the layers that both have", () => {
  const one = heat(
    [
      [1, 2, 4],
      [1, 1, 1],
    ],
    [0, 10, 20],
    ["a", "b"],
  );
  const other = heat(
    [
      [2, 2],
      [9, 9],
    ],
    [5, 15],
    ["a", "c"],
  );
  const found = difference(one, other);
  expect(found?.rows).toEqual(["a"]);
  expect(found?.steps).toEqual([10]);
  expect(found?.values).toEqual([[1]]);
  expect(found?.unit).toBe("ratio");
});

test("of shares a difference is what was added", () => {
  const found = difference(heat([[0.1, 0.5]], [0, 1], ["a"], "linear"), heat([[0.4, 0.5]], [0, 1], ["a"], "linear"));
  expect(found?.values[0]?.map(Number)).toEqual([expect.closeTo(0.3), 0]);
  expect(found?.unit).toBe("norm");
});

test("what is zero, infinite or unknown keeps its meaning in a difference", () => {
  const found = difference(
    heat([[0, 0, 1, "NaN", 1]], [0, 1, 2, 3, 4], ["a"]),
    heat([[0, 2, 0, 1, "Infinity"]], [0, 1, 2, 3, 4], ["a"]),
  );
  expect(found?.values).toEqual([[1, "Infinity", 0, "NaN", "Infinity"]]);
});

test("maps with no layer or no step in common have no difference", () => {
  expect(difference(heat([[1]], [0], ["a"]), heat([[1]], [0], ["b"]))).toBeNull();
  expect(difference(heat([[1]], [0], ["a"]), heat([[1]], [9], ["a"]))).toBeNull();
  expect(difference(heat([], [], []), heat([], [], []))).toBeNull();
});

test("the colours of differences reach as far down as up, and no outlier stretches them", () => {
  const values = Array.from({ length: 100 }, (_, index) => (index < 99 ? 2 : 1e9));
  const range = evenRange([
    heat(
      [values],
      values.map((_, index) => index),
      ["a"],
    ),
  ]);
  expect(range?.map(Number)).toEqual([expect.closeTo(0.5), expect.closeTo(2)]);
  expect(evenRange([heat([["NaN", 1]], [0, 1], ["a"])])).toBeNull();
  expect(evenRange([])).toBeNull();
});

test("a loss is better when it falls, an accuracy when it rises, a step neither", () => {
  expect(better("val loss", 0.3, 2.2)).toBe("better");
  expect(better("val loss", 2.2, 2.21)).toBeNull();
  expect(better("val loss", "NaN", 2.2)).toBe("worse");
  expect(better("val loss", 0.3, "Infinity")).toBe("better");
  expect(better("val accuracy", 0.3, 0.9)).toBe("worse");
  expect(better("step of best val loss", 10, 900)).toBeNull();
  expect(better("val loss", null, 1)).toBeNull();
});
