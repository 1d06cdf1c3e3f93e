import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { place } from "../src/address";
import { App } from "../src/app";
import { visible } from "../src/host";
import { CausePanel } from "../src/views/cause";
import { type Chain, chains } from "../src/views/finding";
import type { Ranked, ReportDocument, RunsDocument } from "../src/wire";
import { button, click, fixture, parsed, reload, shown, source, texts, unfold } from "./helpers";
import { copies } from "./setup";

afterEach(() => visible.set(true));

function open(view: ReturnType<typeof place.get>["view"], changes = {}) {
  place.set({ view, cause: null });
  return shown(<App source={source(changes)} />);
}

const RUNS = { name: "runs" } as const;
const RUN = { name: "run", run: "lr-too-high" } as const;

function type(input: HTMLInputElement | null, value: string) {
  return act(() => {
    if (!input) throw new Error("nothing to type into");
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// The list of runs

test("the list tells each run's verdict, cause and how sure, in words", async () => {
  const root = await open(RUNS);
  const [sick, healthy] = texts(root, "tr[data-run]");
  expect(sick).toContain("Diverging");
  expect(sick).toContain("Learning rate too high");
  expect(sick).toContain("97\u00a0%");
  expect(healthy).toContain("Learning");
});

test("a run that is being read and one that cannot be read say so", async () => {
  const root = await open(RUNS);
  expect(root.textContent).toContain("reading …");
  expect(root.textContent).toContain("Permission denied: ask its owner.");
  expect(texts(root, ".progress")).toEqual(["Read 4 of 5 runs"]);
});

test("HTML in the name of a run stays text", async () => {
  const root = await open(RUNS);
  expect(root.querySelector("img")).toBeNull();
  expect(root.textContent).toContain('plain <img src=x onerror="alert(1)">');
});

test("the filter knows names, verdicts and causes, and takes what is no regular expression as it stands", async () => {
  const root = await open(RUNS);
  const search = root.querySelector<HTMLInputElement>("input[type=search]");
  await type(search, "stuck|too high$");
  expect(texts(root, "tr[data-run] th")).toEqual(["lr-too-high", 'plain <img src=x onerror="alert(1)">']);
  await type(search, 'plain <img src=x onerror="alert(');
  expect(texts(root, "tr[data-run] th")).toEqual(['plain <img src=x onerror="alert(1)">']);
  await type(search, "no such run");
  expect(root.textContent).toContain("No run matches “no such run”.");
});

test("a click on a column sorts, another turns it round, and what is unknown comes last", async () => {
  const root = await open(RUNS);
  await click(button(root, "val loss"));
  expect(texts(root, "tr[data-run] th").slice(0, 2)).toEqual(["healthy", "lr-too-high"]);
  await click(button(root, "val loss"));
  expect(texts(root, "tr[data-run] th").slice(0, 2)).toEqual(["lr-too-high", "healthy"]);
  expect(root.querySelector("[aria-sort]")?.getAttribute("aria-sort")).toBe("descending");
});

test("two chosen runs can be compared, the first chosen is the baseline", async () => {
  const root = await open(RUNS);
  expect(button(root, "Compare")?.disabled).toBe(true);
  for (const run of ["healthy", "lr-too-high"]) await click(root.querySelector(`input[aria-label="Compare ${run}"]`));
  await click(button(root, "Compare 2 runs"));
  expect(place.get().view).toEqual({ name: "compare", runs: ["healthy", "lr-too-high"] });
});

test("an empty directory shows what to log", async () => {
  const root = await open(RUNS, { runs: async () => fixture("empty") });
  expect(root.textContent).toContain("No runs yet");
  expect(root.textContent).toContain("writer.watch(model, optimizer, loss_fn)");
});

test("a server that fails is told, and asked again on request", async () => {
  const answer = vi.fn(async () => fixture("runs"));
  answer.mockRejectedValueOnce(new Error("TensorBoard does not answer."));
  const root = await open(RUNS, { runs: answer });
  expect(root.querySelector("[role=alert]")?.textContent).toContain("TensorBoard does not answer.");
  await click(button(root, "Try again"));
  expect(root.querySelector("[role=alert]")).toBeNull();
  expect(root.textContent).toContain("lr-too-high");
});

test("of very many runs only those near the screen are drawn", async () => {
  const document = parsed<RunsDocument>("runs");
  const runs = Array.from({ length: 2000 }, (_, index) => ({ ...document.runs[1], run: `run-${index}` }));
  const root = await open(RUNS, { runs: async () => JSON.stringify({ ...document, runs }) });
  expect(root.querySelectorAll("tr[data-run]").length).toBeLessThan(200);
  expect(root.textContent).toContain("2,000 runs shown");
});

// One run

test("a report opens with its headline and verdict", async () => {
  const root = await open(RUN);
  expect(texts(root, "h1")).toEqual([
    "The learning rate is about 12 times too high: the loss has risen since step 40.",
  ]);
  expect(texts(root, ".headline .chip")).toEqual(["Diverging"]);
});

test("consequences are nested in their cause, in the order they follow", async () => {
  const root = await open(RUN);
  const card = root.querySelector(".findings > .finding");
  expect(texts(root, ".findings > .finding > header h3")).toEqual(["Learning rate too high", "Unnormalised input"]);
  const inner = card?.querySelector(":scope > .chain > ol > li > .finding");
  expect(inner?.querySelector("h3")?.textContent).toBe("Exploding gradient");
  expect(inner?.querySelector(".chain h3")?.textContent).toBe("Non-finite values");
});

test("a circle of explanations neither hangs nor loses a finding", () => {
  const [first] = parsed<ReportDocument>("report").runs[0]?.findings ?? [];
  const finding = (cause: string, explains: string[]) => ({ ...first, cause, explains, role: "consequence" }) as Ranked;
  const count = (tree: readonly Chain[]): number => tree.reduce((sum, each) => sum + 1 + count(each.consequences), 0);
  expect(count(chains([finding("a", ["b"]), finding("b", ["c"]), finding("c", ["a"])]))).toBe(3);
});

test("a finding says how sure, since when and where", async () => {
  const root = await open(RUN);
  const head = root.querySelector(".finding > header")?.textContent;
  for (const words of ["almost certain", "97\u00a0%", "since step 40", "fc1", "Error", "Root cause"]) {
    expect(head).toContain(words);
  }
});

test("the remedy's code can be copied", async () => {
  const root = await open(RUN);
  await click(root.querySelector(".remedies .copy"));
  expect(copies).toEqual(["optimizer = torch.optim.SGD(model.parameters(), lr=0.025)"]);
  expect(root.querySelector(".remedies .copy")?.textContent).toBe("Copied");
});

test("what was not checked names the line to log, what is undecided names the causes", async () => {
  const root = await open({ name: "run", run: "plain" }, { report: async () => fixture("plain") });
  await unfold(root);
  expect(root.textContent).toContain("cannot tell between Learning rate too low and Vanishing gradient");
  expect(texts(root, ".missing code")).toEqual(["writer.watch(model, optimizer, loss_fn)"]);
  expect(texts(root, ".missing b")).toEqual(["Dead units", "Vanishing gradient"]);
  expect(root.textContent).toContain("a sample that TensorBoard took");
});

test("everything folded can be opened, with HTML in names kept as text", async () => {
  const root = await open(RUN);
  await unfold(root);
  expect(root.querySelector("img")).toBeNull();
  expect(texts(root, ".clear li")).toEqual(["Dead units", "Vanishing gradient", "Learning rate too low"]);
  expect(root.textContent).toContain("4,096 damaged bytes");
});

test("a healthy run says that nothing was found", async () => {
  const root = await open({ name: "run", run: "healthy" }, { report: async () => fixture("healthy") });
  expect(root.textContent).toContain("Nothing found");
  expect(root.textContent).toContain("5 causes checked, none found.");
});

test("a run without losses says which line to log", async () => {
  const document = parsed<ReportDocument>("healthy");
  const bare = { ...document, runs: document.runs.map((run) => ({ ...run, losses: null })) };
  const root = await open({ name: "run", run: "healthy" }, { report: async () => JSON.stringify(bare) });
  expect(root.textContent).toContain('writer.add_scalar("loss/train"');
});

test("a run that vanished leads back to the list", async () => {
  const root = await open(RUN, { report: () => Promise.reject(new Error("No run is called lr-too-high.")) });
  expect(root.querySelector("[role=alert]")?.textContent).toContain("No run is called lr-too-high.");
  await click(button(root, "Show all runs"));
  expect(place.get().view).toEqual(RUNS);
});

test("the catalogue's page opens beside the report, and Escape closes it", async () => {
  const root = await open(RUN);
  await click(button(root, "About this cause"));
  expect(root.querySelector("aside h2")?.textContent).toBe("What you see");
  expect(document.activeElement?.textContent).toBe("Close");
  await act(() => void document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
  expect(root.querySelector("aside")).toBeNull();
  expect(root.querySelector("h1")).not.toBeNull();
});

test("the report can be exported in three formats", async () => {
  const root = await open(RUN);
  expect([...root.querySelectorAll(".exports a")].map((link) => link.getAttribute("href"))).toEqual(
    ["json", "markdown", "html"].map((format) => `./export?run=lr-too-high&format=${format}`),
  );
});

test("figures by layer that a server keeps apart are fetched when they are unfolded", async () => {
  const document = parsed<ReportDocument>("report");
  const named = document.runs.map((run) => ({
    ...run,
    layers: run.layers.map((map) => ({ ...map, rows: [], steps: [], values: [] })),
  }));
  const layers = vi.fn(async () => fixture("layers"));
  const root = await open(RUN, { report: async () => JSON.stringify({ ...document, runs: named }), layers });
  expect(layers).not.toHaveBeenCalled();
  await unfold(root);
  expect(layers).toHaveBeenCalledWith("lr-too-high");
  expect(texts(root, "figure.figure figcaption")).toContain("Dead units by layer");
});

test("among very many runs the next one is typed, and its name leads there", async () => {
  const document = parsed<RunsDocument>("runs");
  const runs = Array.from({ length: 2000 }, (_, index) => ({ ...document.runs[1], run: `run-${index}` }));
  const root = await open(RUN, { runs: async () => JSON.stringify({ ...document, runs }) });
  expect(root.querySelectorAll(".trail option")).toHaveLength(0);
  await type(root.querySelector<HTMLInputElement>("input[aria-label=Run]"), "run-1234");
  expect(place.get().view).toEqual({ name: "run", run: "run-1234" });
});

// Following a running training

test("a reload keeps what is open and takes over what changed", async () => {
  let text = fixture("report");
  const root = await open(RUN, { report: async () => text });
  const card = root.querySelector<HTMLDetailsElement>(".body-fold");
  await unfold(root);
  text = text.replace("about 12 times too high: the loss", "about 9 times too high: the loss");
  await reload();
  expect(texts(root, "h1")[0]).toContain("about 9 times");
  expect(card?.isConnected).toBe(true);
  expect(card?.open).toBe(true);
});

test("nothing is fetched while the tab is hidden", async () => {
  visible.set(false);
  const report = vi.fn(async () => fixture("report"));
  await open(RUN, { report });
  expect(report).not.toHaveBeenCalled();
  await act(async () => {
    visible.set(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  expect(report).toHaveBeenCalledTimes(1);
});

test("a server that goes away leaves what was read on the page, and says that it is old", async () => {
  let gone = false;
  const root = await open(RUN, {
    report: () =>
      gone ? Promise.reject(new Error("TensorBoard does not answer.")) : Promise.resolve(fixture("report")),
  });
  gone = true;
  await reload();
  expect(root.textContent).toContain("TensorBoard does not answer. What you see was read earlier.");
  expect(root.querySelector("h1")).not.toBeNull();
});

test("the page of a cause can be closed as soon as it stands there", () => {
  place.set({ view: { name: "run", run: "lr-too-high" }, cause: "dead-units" });
  const root = document.createElement("div");
  document.body.append(root);
  render(<CausePanel id="dead-units" source={source()} />, root); // effects that wait for a frame have not run
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  expect(place.get().cause).toBeNull();
  render(null, root);
});
