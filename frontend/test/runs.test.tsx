import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { fromHash, place, toHash } from "../src/address";
import { App } from "../src/app";
import { visible } from "../src/host";
import { type Companion, causeCounts, logTail } from "../src/runs/causes";
import { isLive, LIVE } from "../src/runs/clock";
import { type Condition, conditionFrom, conditionText, described, holds } from "../src/runs/conditions";
import { columnsOf, passing, sorted } from "../src/runs/matching";
import { chosen, fromText, list, toText, WHOLE } from "../src/runs/state";
import { pieces } from "../src/runs/table";
import { around } from "../src/runs/window";
import type { RunEntry, RunsDocument } from "../src/wire";
import { button, click, parsed, reload, shown, source, texts } from "./helpers";

afterEach(() => {
  visible.set(true);
  window.history.replaceState(null, "", "/");
});

const DOCUMENT = parsed<RunsDocument>("runs");
const [SICK, HEALTHY] = DOCUMENT.runs as [RunEntry, RunEntry];

function many(count: number, each: (index: number) => Partial<RunEntry>): RunEntry[] {
  return Array.from({ length: count }, (_, index) => ({ ...HEALTHY, run: `run-${index}`, ...each(index) }));
}

/** A sweep in which a high learning rate, and nothing else, brings the cause about. */
const SWEEP = many(60, (index) => {
  const lr = [0.001, 0.01, 0.1, 1][index % 4] ?? 0;
  const settings = { lr, "batch size": [16, 64, 256][index % 3] ?? 0, optimizer: index % 2 ? "Adam" : "SGD" };
  return lr >= 0.1 ? { ...pick(SICK), settings } : { settings };
});

function pick({ verdict, root, causes }: RunEntry) {
  return { verdict, root, causes };
}

function open(runs: readonly RunEntry[], address?: string) {
  place.set({ view: address === undefined ? { name: "runs" } : { name: "runs", list: address }, cause: null });
  return shown(<App source={source({ runs: async () => JSON.stringify({ ...DOCUMENT, runs }) })} />);
}

function names(root: ParentNode): string[] {
  return texts(root, "tr[data-run] th");
}

async function choose(root: ParentNode, label: string, value: string): Promise<void> {
  const select = root.querySelector<HTMLSelectElement>(`select[aria-label=${label}]`);
  await act(() => {
    if (!select) throw new Error("nothing to choose from");
    select.value = value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

async function press(element: Element | null, key: string): Promise<void> {
  await act(() => void element?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
}

// Filters

test("each state, verdict and cause is a filter, and says how many runs it leaves", async () => {
  const root = await open(SWEEP);
  await click(button(root, "with an error"));
  expect(names(root)).toHaveLength(30);
  expect(root.querySelector(".count")?.textContent).toBe("30 of 60 runs shown");
  await click(button(root, "with an error"));
  await choose(root, "Verdict", HEALTHY.verdict?.id ?? "");
  expect(names(root)).toHaveLength(30);
  await choose(root, "Verdict", "");
  await choose(root, "Cause", "unnormalized-input");
  expect(names(root)).toHaveLength(30);
});

test("settings are found as they are written", async () => {
  const root = await open(SWEEP, "q=optimizer%3DAdam");
  expect(names(root)).toHaveLength(30);
});

test("filters that leave nothing say so, and one button lifts them all", async () => {
  const root = await open(SWEEP, "state=warning");
  expect(root.textContent).toContain("No run is left by these filters.");
  await click(button(root, "Show all"));
  expect(names(root)).toHaveLength(60);
});

test("TensorBoard's own run filter is honoured, shown and can be lifted", async () => {
  const around = { location: { search: "?runFilter=run-[0-4]%24" }, document: window.document };
  const before = Object.getOwnPropertyDescriptor(window, "parent");
  Object.defineProperty(window, "parent", { value: around, configurable: true });
  try {
    const root = await open(SWEEP);
    expect(names(root)).toHaveLength(5);
    const chip = button(root, "TensorBoard’s run filter: run-[0-4]$");
    expect(chip?.getAttribute("aria-pressed")).toBe("true");
    await click(chip);
    expect(names(root)).toHaveLength(60);
    around.location.search = "?runFilter=run-59";
    await act(() => visible.set(false));
    await act(() => visible.set(true));
    expect(names(root)).toEqual(["run-59"]);
  } finally {
    if (before) Object.defineProperty(window, "parent", before);
  }
});

test("TensorBoard's filter looks at names only, and what is no expression is taken as it stands", () => {
  expect(passing(SWEEP, "Adam")).toHaveLength(0);
  expect(
    passing(
      many(3, () => ({})),
      "run-(",
    ),
  ).toHaveLength(0);
});

// The address

test("what the list shows is in the address, and is found again there", async () => {
  const root = await open(SWEEP);
  await click(button(root, "healthy"));
  await click(button(root, "val loss"));
  const hash = toHash(place.get());
  expect(window.location.hash).toBe(hash);
  expect(fromHash(hash)).toEqual(place.get());
  const { view } = place.get();
  await act(() => list.set(WHOLE));
  const again = await open(SWEEP, view.name === "runs" ? view.list : "");
  expect(names(again)).toHaveLength(30);
  expect(list.get()).toMatchObject({ states: ["good"], column: "val loss" });
});

test("the list comes back as it was left", async () => {
  const root = await open(SWEEP, "q=run-7");
  expect(names(root)).toEqual(["run-7"]);
  const again = await open(SWEEP);
  expect(names(again)).toEqual(["run-7"]);
  expect(place.get().view).toEqual({ name: "runs", list: "q=run-7" });
});

test("any state of the list survives the address", () => {
  const state = {
    ...WHOLE,
    text: "a & b=c?",
    states: ["error", "good"] as const,
    verdict: "stuck",
    cause: "overfitting",
    where: { setting: "lr", is: [Number.NEGATIVE_INFINITY, 0.1] as const },
    column: "=batch size",
    descending: true,
    columns: ["val loss", "=lr"],
  };
  expect(fromText(toText(state))).toEqual(state);
  expect(fromText(toText(WHOLE))).toEqual(WHOLE);
  expect(fromText("where=%5B1&columns=%25&state=nonsense")).toEqual({ ...WHOLE, columns: ["%"] });
});

// Columns and order

test("columns are the losses and the settings that differ, until others are chosen", async () => {
  const root = await open(SWEEP);
  const heads = () => texts(root, ".run-table thead th").slice(4, -2);
  expect(heads()).toEqual(["val loss", "train loss", "best val loss", "lr", "batch size"].sort(byDocument));
  await click(
    [...root.querySelectorAll(".menu-body label")]
      .find((each) => each.textContent?.trim() === "optimizer")
      ?.querySelector("input"),
  );
  expect(heads()).toContain("optimizer");
  await click(button(root, "As at first"));
  expect(heads()).not.toContain("optimizer");
});

function byDocument(a: string, b: string): number {
  const order = columnsOf(SWEEP, null).shown.map((name) => name.replace(/^=/, ""));
  return order.indexOf(a) - order.indexOf(b);
}

test("settings sort as numbers or as words, and a run without one comes last both ways", () => {
  const runs = many(3, (index) => ({ settings: [{ lr: 0.1 }, { lr: 1e-3 }, {}][index] ?? {} }) as Partial<RunEntry>);
  expect(sorted(runs, "=lr", false).map((run) => run.run)).toEqual(["run-1", "run-0", "run-2"]);
  expect(sorted(runs, "=lr", true).map((run) => run.run)).toEqual(["run-0", "run-1", "run-2"]);
  const named = many(2, (index) => ({ settings: { optimizer: ["SGD", "Adam"][index] ?? "" } }));
  expect(sorted(named, "=optimizer", false).map((run) => run.run)).toEqual(["run-1", "run-0"]);
});

test("a run that was written a moment ago is live, an old one is not", async () => {
  const now = Date.now() / 1000;
  const root = await open(many(2, (index) => ({ updated: index ? now - 5 : now - LIVE - 60 })));
  expect(texts(root, ".run-written")).toEqual(["4 minutes ago", "live just now"]);
  expect(isLive(now - LIVE - 1, now)).toBe(false);
});

test("a run whose writer was closed is not live, and one that fell silent without that says so", async () => {
  const now = Date.now() / 1000;
  const root = await open(
    many(2, (index) => (index ? { updated: now - 5, closed: true } : { updated: now - LIVE - 60, closed: false })),
  );
  expect(texts(root, ".run-written").sort()).toEqual(["just now", "silent 4 minutes ago"]);
});

test("a run's name is a link that can be opened elsewhere, and a plain click stays in the page", async () => {
  const root = await open(many(1, () => ({})));
  const link = root.querySelector<HTMLAnchorElement>(".run-name a");
  expect(link?.href).toBe(
    `${window.location.href.replace(/#.*/, "")}#lossdiag&p.lossdiag.view=run&p.lossdiag.run=run-0`,
  );
  const elsewhere = new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: true });
  link?.dispatchEvent(elsewhere);
  expect([elsewhere.defaultPrevented, place.get().view.name]).toEqual([false, "runs"]);
  await click(link);
  expect(place.get().view).toEqual({ name: "run", run: "run-0" });
});

// Very many rows

test("rows near the screen are drawn in strides, and never none", () => {
  expect(around(0, 20, 2000)).toEqual({ from: 0, to: 40 });
  expect(around(1000.4, 20, 2000)).toEqual({ from: 980, to: 1040 });
  expect(around(5000, 20, 2000)).toEqual({ from: 1990, to: 2000 });
  expect(around(-50, 20, 30)).toEqual({ from: 0, to: 10 });
});

test("the row with the focus is drawn wherever it is, and the gaps add up", () => {
  for (const held of [-1, 3, 45, 99]) {
    const drawn = pieces(40, 50, held, 100);
    const rows = drawn.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? 1 : piece.rows), 0);
    expect(rows).toBe(100);
    expect(drawn.includes(held)).toBe(held >= 0);
  }
});

test("arrow keys, Home and End move among two thousand rows without losing the focus", async () => {
  const root = await open(many(2000, () => ({})));
  const focused = () => document.activeElement?.closest<HTMLElement>("[data-run]")?.dataset.run;
  (root.querySelector("tr[data-run] .link") as HTMLElement).focus();
  await press(document.activeElement, "ArrowDown");
  expect(focused()).toBe("run-1");
  await press(document.activeElement, "End");
  expect(focused()).toBe("run-1999");
  await press(document.activeElement, "PageUp");
  expect(Number(focused()?.slice(4))).toBeLessThan(1999);
  await press(document.activeElement, "Home");
  expect(focused()).toBe("run-0");
  expect(root.querySelector(".run-table")?.getAttribute("aria-rowcount")).toBe("2001");
  expect(root.querySelector("tr[data-run]")?.getAttribute("aria-rowindex")).toBe("2");
});

// Choosing

test("chosen runs stay in sight and can be dropped one by one", async () => {
  const root = await open(SWEEP);
  for (const run of ["run-1", "run-2", "run-3"]) await click(root.querySelector(`input[aria-label="Compare ${run}"]`));
  expect(texts(root, ".compare-bar li")).toEqual(["run-1 (baseline) ×", "run-2 ×", "run-3 ×"]);
  await click(root.querySelector(".compare-bar li button"));
  expect(chosen.get()).toEqual(["run-2", "run-3"]);
  await click(button(root, "Clear"));
  expect(root.querySelector(".compare-bar.in-use")).toBeNull();
});

// The overview

test("the overview counts causes and names the setting that goes with each", () => {
  const counts = causeCounts(SWEEP);
  const [first] = counts;
  expect(first?.count).toBe(30);
  expect(first?.companions.map((each) => described(each.condition))).toEqual(["lr ≥ 0.1"]);
  expect(first?.companions[0]).toMatchObject({ having: 30, of: 30, otherwise: 0, ofOthers: 30 });
  expect(counts.at(-1)).toMatchObject({ cause: "", count: 30 });
  expect(counts.at(-1)?.companions.map((each) => described(each.condition))).toEqual(["lr ≤ 0.01"]);
});

test("what may well be chance is not told", () => {
  const random = many(40, (index) => ({ ...(index % 7 < 3 ? pick(SICK) : {}), settings: { lr: (index * 7919) % 5 } }));
  expect(causeCounts(random).flatMap((each) => each.companions)).toEqual([]);
  const few = SWEEP.slice(0, 4);
  expect(causeCounts(few).flatMap((each) => each.companions)).toEqual([]);
});

test("words, missing values, NaN and a thousand different numbers are settings too", () => {
  const runs = many(200, (index) => ({
    ...(index < 60 ? pick(SICK) : {}),
    settings: {
      ...(index % 5 ? { optimizer: index < 60 ? "SGD" : "Adam" } : {}),
      momentum: index % 2 ? "NaN" : 0.9,
      lr: 1 / (index + 1),
      model: `net-${index}`,
    } as RunEntry["settings"],
  }));
  const found = causeCounts(runs)[0]?.companions as readonly Companion[];
  expect(found.map((each) => each.condition.setting).sort()).toEqual(["lr", "optimizer"]);
});

test("the chance is Fisher's", () => {
  expect(Math.exp(logTail(3, 3, 3, 6))).toBeCloseTo(1 / 20); // all of the three affected among the three: 1 of 20 ways
  expect(Math.exp(logTail(0, 3, 3, 6))).toBeCloseTo(1);
});

test("a condition says what it is, holds for what it says, and survives the address", () => {
  const all: readonly (readonly [Condition, string, boolean])[] = [
    [{ setting: "lr", is: [0.1, Number.POSITIVE_INFINITY] }, "lr ≥ 0.1", true],
    [{ setting: "lr", is: [Number.NEGATIVE_INFINITY, 0.1] }, "lr ≤ 0.1", true],
    [{ setting: "lr", is: [0.01, 0.02] }, "lr 0.01 to 0.02", false],
    [{ setting: "lr", is: [0.1, 0.1] }, "lr = 0.1", true],
    [{ setting: "optimizer", is: "Adam" }, "optimizer = Adam", true],
    [{ setting: "momentum", is: [0, 1] }, "momentum 0 to 1", false],
  ];
  const run = { ...HEALTHY, settings: { lr: 0.1, optimizer: "Adam" } };
  for (const [condition, words, held] of all) {
    expect(described(condition)).toBe(words);
    expect(holds(condition, run)).toBe(held);
    expect(conditionFrom(conditionText(condition))).toEqual(condition);
  }
  for (const text of ["", "{}", "[1,2]", '["lr"]', '["lr","a","b"]']) expect(conditionFrom(text)).toBeNull();
});

test("a cause of the overview, and a setting that goes with it, narrow the list and widen it again", async () => {
  const root = await open(SWEEP);
  const cause = button(root.querySelector(".cause-table") as Element, "Learning rate too high");
  await click(cause);
  expect(names(root)).toHaveLength(30);
  await click(cause);
  await click(button(root, "lr ≥ 0.1: 30 of 30, else 0 of 30"));
  expect(names(root)).toHaveLength(30);
  await click(root.querySelector(".in-force button"));
  expect(names(root)).toHaveLength(60);
});

test("the list is not fetched again for a report, until TensorBoard reloads", async () => {
  const runs = vi.fn(async () => JSON.stringify({ ...DOCUMENT, runs: [SICK, HEALTHY] }));
  place.set({ view: { name: "runs" }, cause: null });
  const root = await shown(<App source={source({ runs })} />);
  expect(runs).toHaveBeenCalledTimes(1);
  await click([...root.querySelectorAll(".run-name a")].find((each) => each.textContent === "healthy"));
  expect(place.get().view).toEqual({ name: "run", run: "healthy" });
  expect(runs).toHaveBeenCalledTimes(1);
  await reload();
  expect(runs).toHaveBeenCalledTimes(2);
});
