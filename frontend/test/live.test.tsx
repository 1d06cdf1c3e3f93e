import { act } from "preact/test-utils";
import { beforeEach, expect, test, vi } from "vitest";
import { place } from "../src/address";
import { Unreachable } from "../src/api";
import { App } from "../src/app";
import { visible } from "../src/host";
import { forget } from "../src/resource";
import { newsOf } from "../src/views/live";
import type { ReportDocument } from "../src/wire";
import { button, click, fixture, parsed, reload, shown, source, texts } from "./helpers";

beforeEach(() => {
  forget();
  place.set({ view: { name: "run", run: "lr-too-high" }, cause: null });
});

/** Let time pass, in two parts: what the first has changed is drawn before the second. */
async function pass(milliseconds: number): Promise<void> {
  for (const part of [milliseconds, 100]) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(part);
    });
  }
}

function report() {
  const [found] = parsed<ReportDocument>("report").runs;
  if (!found) throw new Error("the fixture holds no run");
  return found;
}

function answer(changes: Partial<ReturnType<typeof report>>) {
  return JSON.stringify({ ...parsed<ReportDocument>("report"), runs: [{ ...report(), ...changes }] });
}

test("news are what was not found before, and what is found no more", () => {
  const less = { ...report(), findings: report().findings.slice(0, 1) };
  expect(newsOf(less, report()).map(({ text }) => text)).toContain("New: Exploding gradient, since step 96");
  expect(newsOf(report(), less).map(({ text }) => text)).toContain("No longer found: Exploding gradient");
  expect(newsOf(report(), report())).toEqual([]);
});

test("a new finding is announced, leads to its card and can be dismissed; nothing open is closed", async () => {
  const answers = vi.fn(async () => answer({ findings: report().findings.slice(0, 1) }));
  const root = await shown(<App source={source({ report: answers })} />);
  await click(root.querySelector(".body-fold summary"));
  expect(texts(root, ".news p")).toEqual([]);
  answers.mockResolvedValue(fixture("report"));
  const before = place.get();
  await reload();
  expect(texts(root, ".news p").length).toBeGreaterThan(0);
  expect(root.querySelector(".news")?.getAttribute("aria-live")).toBe("polite");
  expect(place.get()).toBe(before);
  for (const each of root.querySelectorAll(".news p")) await click(button(each, "Dismiss"));
});

test("a run that wrote of late is live, one that did not is finished or stopped", async () => {
  const fresh = await shown(<App source={source({ report: async () => answer({ updated: Date.now() / 1000 }) })} />);
  expect(texts(fresh, ".freshness")[0]).toContain("Live: last written");
  forget();
  const old = await shown(<App source={source({ report: async () => answer({ updated: 1e9 }) })} />);
  expect(texts(old, ".freshness")[0]).toContain("finished or stopped");
});

test.each([
  [true, 0, "Finished just now"],
  [false, 0, "Live: last written"],
  [false, 3600, "the writer was never closed"],
])("a writer that says whether it was closed (%s) is believed, %s seconds later", async (closed, ago, text) => {
  const root = await shown(
    <App source={source({ report: async () => answer({ updated: Date.now() / 1000 - ago, closed }) })} />,
  );
  expect(texts(root, ".freshness")[0]).toContain(text);
});

test("a live run is asked for again by itself, a finished one is not, and none while the tab is hidden", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const live = vi.fn(async () => answer({ updated: Date.now() / 1000 }));
  const done = vi.fn(async () => answer({ updated: 1e9 }));
  const settle = () => pass(20_000);
  const first = shown(<App source={source({ report: done })} />);
  await settle();
  await first;
  expect(done).toHaveBeenCalledTimes(1);
  forget();
  const second = shown(<App source={source({ report: live })} />);
  await settle();
  await second;
  const asked = live.mock.calls.length;
  expect(asked).toBeGreaterThan(2);
  act(() => visible.set(false));
  await settle();
  expect(live.mock.calls.length).toBeLessThanOrEqual(asked + 1);
  act(() => visible.set(true));
  vi.useRealTimers();
});

test("a server that is gone is looked for until it is back", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const answers = vi.fn(async () => fixture("report"));
  answers.mockRejectedValueOnce(new Unreachable("TensorBoard does not answer."));
  const drawn = shown(<App source={source({ report: answers })} />);
  await pass(100);
  const root = await drawn;
  expect(root.textContent).toContain("TensorBoard does not answer.");
  await pass(5000);
  vi.useRealTimers();
  expect(texts(root, "h1")).toHaveLength(1);
});

function press(key: string, target: EventTarget = document) {
  return act(() => {
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  });
}

test("? names the keys, and keys do what the controls do", async () => {
  const root = await shown(<App source={source()} />);
  await press("?");
  expect(root.querySelector("dialog")?.textContent).toContain("next and previous finding");
  await press("?");
  await press("j");
  await press("j");
  expect(document.activeElement?.id).toBe("finding-exploding-gradient");
  await press("o");
  expect(document.querySelector("#finding-exploding-gradient > .body-fold")?.hasAttribute("open")).toBe(true);
  await press("l");
  expect(place.get().kept?.flipped).toBe("Loss");
  await press("u");
  expect(place.get().view.name).toBe("runs");
});

test("keys are letters while somebody types", async () => {
  const root = await shown(<App source={source()} />);
  const field = document.createElement("input");
  root.append(field);
  await press("u", field);
  expect(place.get().view.name).toBe("run");
});
