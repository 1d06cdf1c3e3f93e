import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { type Kept, place, toHash } from "../src/address";
import { App } from "../src/app";
import type { ReportDocument } from "../src/wire";
import { click, parsed, reload, shown, source, texts, unfold } from "./helpers";

afterEach(() => vi.restoreAllMocks());

function open(kept: Kept = {}, changes = {}) {
  place.set({ view: { name: "run", run: "lr-too-high" }, cause: null, kept });
  return shown(<App source={source(changes)} />);
}

function choose(select: HTMLSelectElement | null, value: string) {
  return act(() => {
    if (!select) throw new Error("nothing to choose from");
    select.value = value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

test("the change to try first stands below the headline and leads to its card", async () => {
  const root = await open();
  await click(root.querySelector(".first-step button"));
  expect(texts(root, ".first-step button")).toEqual(["Divide the learning rate by 12"]);
  expect(document.activeElement?.id).toBe("finding-learning-rate-too-high");
});

test("a card says what would speak against it, and what became of its rivals", async () => {
  const root = await open({ folds: "learning-rate-too-high.doubt" });
  const doubt = root.querySelector(".doubt");
  expect([...(doubt?.querySelectorAll("em, code") ?? [])].map((each) => each.textContent)).toEqual(["spike", "lr"]);
  const [found, unchecked, clear] = texts(root, ".rivals li");
  expect(found).toContain("found as well, 61");
  expect(unchecked).toContain("could not be checked: needs input spread");
  expect(clear).toContain("no sign of it");
});

test("the best run of the same experiment stands beside, and the way to see both, with the roles that were chosen", async () => {
  const document = parsed<ReportDocument>("report");
  const reference = { run: "lower", summary: "lower trains the same network.", differs: { lr: [0.3, 0.01] } };
  const report = vi.fn(async () => JSON.stringify({ ...document, runs: [{ ...document.runs[0], reference }] }));
  const root = await open({ train_loss: "my/loss" }, { report });
  expect(texts(root, ".sibling")).toEqual(["lower trains the same network. Side by side"]);
  await click(root.querySelector(".sibling a"));
  expect(place.get().view).toEqual({ name: "compare", runs: ["lr-too-high", "lower"] });
  expect(place.get().kept).toEqual({ train_loss: "my/loss" });
});

test("what is opened and closed is in the address, and an address opens and closes it", async () => {
  const root = await open({ folds: "clear,-learning-rate-too-high" });
  expect(root.querySelector(".clear")).not.toBeNull();
  const card = root.querySelector("#finding-learning-rate-too-high > .body-fold");
  expect(card?.hasAttribute("open")).toBe(false);
  await unfold(root);
  expect(place.get().kept?.folds?.split(",")).not.toContain("-learning-rate-too-high");
  expect(place.get().kept?.folds?.split(",")).toContain("exploding-gradient");
});

test("the axis, the scale and the smoothing are in the address", async () => {
  const root = await open();
  await choose(root.querySelector("select[aria-label='Horizontal axis']"), "time");
  await click(root.querySelector("button[aria-pressed=true].quiet:not(.swatch)"));
  expect(place.get().kept).toEqual({ axis: "time", flipped: "Loss" });
  expect(toHash(place.get())).toContain("p.lossdiag.axis=time");
});

test("a zoom that came with the address can be left", async () => {
  const root = await open({ zoom: "100-200" });
  const leave = [...root.querySelectorAll("button")].find((each) => each.textContent === "Show all");
  await click(leave);
  expect(place.get().kept).toEqual({});
});

test("the learning rate has its own curve where it changed", async () => {
  const root = await open();
  expect(texts(root, "figcaption")).toContain("Learning rate");
  const [report] = parsed<ReportDocument>("report").runs;
  const without = { ...parsed<ReportDocument>("report"), revision: 99, runs: [{ ...report, schedule: null }] };
  const constant = await open({}, { report: async () => JSON.stringify(without) });
  expect(texts(constant, "figcaption")).not.toContain("Learning rate");
});

test("a run without figures by layer says how to log them", async () => {
  const [report] = parsed<ReportDocument>("report").runs;
  const bare = { ...parsed<ReportDocument>("report"), revision: 98, runs: [{ ...report, layers: [] }] };
  const root = await open({ folds: "layers" }, { report: async () => JSON.stringify(bare) });
  expect(root.textContent).toContain("Layer by layer: not logged");
});

test("a tag that is put into a role is in the address and in the question", async () => {
  const asked: unknown[] = [];
  const report = async (_: string, roles?: Readonly<Record<string, string>>) => {
    asked.push(roles);
    const [first] = parsed<ReportDocument>("report").runs;
    const revision = 97;
    return JSON.stringify({
      ...parsed<ReportDocument>("report"),
      revision,
      runs: [{ ...first, tags: ["loss/train", "mine"] }],
    });
  };
  const root = await open({ folds: "settings", train_loss: "loss/train" }, { report });
  await choose(root.querySelector("select[aria-label='Training loss']"), "mine");
  await reload();
  expect(asked.at(-1)).toEqual({ train_loss: "mine" });
  expect(toHash(place.get())).toContain("p.lossdiag.train_loss=mine");
  await choose(root.querySelector("select[aria-label='Training loss']"), "");
  expect(place.get().kept).not.toHaveProperty("train_loss");
});
