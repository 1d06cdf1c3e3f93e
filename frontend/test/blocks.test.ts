import { expect, test } from "vitest";
import { blocks, layerOf, short, within } from "../src/evidence/blocks";

const names = (rows: readonly string[], most?: number) => blocks(rows, most).map(({ name }) => name);

test("neighbours with one beginning form a block, as finely as there is room", () => {
  const rows = Array.from({ length: 10 }, (_, n) => [`blocks.${n}.attn.q.weight`, `blocks.${n}.attn.k.weight`]).flat();
  expect(names(["stem.weight", ...rows, "head.weight"])).toContain("blocks.1.attn");
  expect(names(["stem.weight", "head.weight", ...rows], 14)).toEqual([
    "stem",
    "head",
    ...rows.filter((_, n) => n % 2).map((row) => row.slice(0, -9)),
  ]);
});

test("a hundred like blocks are taken in stretches", () => {
  const rows = Array.from({ length: 100 }, (_, n) => [`blocks.${n}.up.weight`, `blocks.${n}.down.weight`]).flat();
  expect(names(rows, 20)).toContain("blocks.5 – blocks.9");
  expect(
    within(
      ["stem", "blocks.4.act", "blocks.5", "blocks.5.act", "blocks.9.act", "blocks.10.act"],
      "blocks.5 – blocks.9",
    ),
  ).toEqual([false, false, true, true, true, false]);
});

test("many layers that are each the only one of their block have stretches, too", () => {
  const rows = Array.from({ length: 166 }, (_, n) => `blocks.${n}.act`);
  const found = names(rows);
  expect(found[1]).toBe("blocks.5 – blocks.9");
  expect(found.map(short)[1]).toBe("blocks.5 – 9");
  expect(["stem – blocks.3", "stem", "0 – 4"].map(short)).toEqual(["stem – blocks.3", "stem", "0 – 4"]);
});

test("a block that other rows do not hold leaves none of them", () => {
  expect(within(["a.0", "b"], "c")).toEqual([false, false]);
});

test("the blocks hold every row exactly once, in the network's order", () => {
  const rows = Array.from({ length: 500 }, (_, n) => `layers.${Math.floor(n / 5)}.part${n % 5}.weight`);
  const found = blocks(rows);
  expect(found.length).toBeLessThanOrEqual(40);
  expect(found[0]?.from).toBe(0);
  expect(found.at(-1)?.to).toBe(500);
  expect(found.slice(1).map(({ from }) => from)).toEqual(found.slice(0, -1).map(({ to }) => to));
});

test("a few names without structure need no blocks, and no names no block at all", () => {
  expect(names(["a", "b", "c"])).toEqual([]);
  expect(names([])).toEqual([]);
});

test("a parameter belongs to its layer", () => {
  expect(["fc1.weight", "fc1.bias", "fc1", "rnn.weight_ih_l0", "0"].map(layerOf)).toEqual([
    "fc1",
    "fc1",
    "fc1",
    "rnn",
    "0",
  ]);
});
