import { expect, test } from "vitest";
import { commonExtent, EvidenceView } from "../src/evidence/evidence";
import type { Bars, Evidence, Ranked, ReportDocument } from "../src/wire";
import { button, click, parsed, shown, texts, unfold } from "./helpers";
import { copies, written } from "./setup";

const findings = (parsed<ReportDocument>("report").runs[0]?.findings ?? []) as readonly Ranked[];
const pictures = findings.flatMap((finding) => finding.evidence);

function picture<K extends Evidence["kind"]>(kind: K): Extract<Evidence, { kind: K }> {
  const found = pictures.find((each) => each.kind === kind);
  if (!found) throw new Error(`no fixture shows a ${kind}`);
  return found as Extract<Evidence, { kind: K }>;
}

test.each(["Curve", "Bars", "Heatmap", "Histogram", "Table", "Fact"] as const)(
  "a %s is drawn under its title",
  async (kind) => {
    const evidence = picture(kind);
    const root = await shown(<EvidenceView evidence={evidence} group="test" />);
    expect(texts(root, "figcaption")).toEqual([evidence.title]);
  },
);

test.each(["Curve", "Bars", "Heatmap", "Histogram"] as const)("a %s has a text form", async (kind) => {
  const root = await shown(<EvidenceView evidence={picture(kind)} group="test" />);
  await unfold(root);
  expect(root.querySelectorAll("table.cells tbody tr").length).toBeGreaterThan(3);
  await click(button(root, "Copy as CSV"));
  expect(copies.at(-1)?.split("\n").length).toBeGreaterThan(4);
});

test("a chart says in words what its lines do, and what is not finite", async () => {
  const root = await shown(<EvidenceView evidence={picture("Curve")} group="test" />);
  const words = root.querySelector(".chart")?.getAttribute("aria-label");
  expect(words).toContain("all layers: from 0.04 at step 0 to");
  expect(words).toContain("NaN at 30 points from step 280");
  expect(texts(root, ".broken")).toEqual(["all layers: NaN at 30 points from step 280"]);
});

test("marks are written into the chart", async () => {
  await shown(<EvidenceView evidence={picture("Curve")} group="test" />);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(written).toContain("loss rises");
  expect(written).toContain("too large above");
});

test("a line can be hidden from the legend, and the axis changed", async () => {
  const root = await shown(<EvidenceView evidence={picture("Curve")} group="test" />);
  const line = button(root, "healthy");
  expect(line?.getAttribute("aria-pressed")).toBe("true");
  await click(line);
  expect(button(root, "healthy")?.getAttribute("aria-pressed")).toBe("false");
  expect(button(root, "log scale")?.getAttribute("aria-pressed")).toBe("true");
  await click(button(root, "log scale"));
  expect(button(root, "log scale")?.getAttribute("aria-pressed")).toBe("false");
});

test("bars show the limit, and which ones the finding is about", async () => {
  const root = await shown(<EvidenceView evidence={picture("Bars")} group="test" where={["fc1", "fc2"]} />);
  expect(texts(root, ".threshold-label")).toEqual(["limit 0.01"]);
  expect(texts(root, "li:has(.concerned) .bar-label")).toEqual(["fc1", "fc2"]);
});

test("bars of NaN, infinities and nothing draw no nonsense", async () => {
  const odd: Bars = { ...picture("Bars"), labels: ["a", "b", "c"], values: ["NaN", "Infinity", 0.5], threshold: "NaN" };
  const root = await shown(<EvidenceView evidence={odd} group="test" />);
  expect(texts(root, "li .number")).toEqual(["NaN", "∞", "0.5"]);
  expect(root.innerHTML).not.toContain("NaN%");
  const none = await shown(<EvidenceView evidence={{ ...odd, labels: [], values: [] }} group="test" />);
  expect(none.innerHTML).not.toContain("NaN%");
});

test("a row of a heat map becomes a curve", async () => {
  const root = await shown(<EvidenceView evidence={picture("Heatmap")} group="test" />);
  const select = root.querySelector("select");
  if (!select) throw new Error("no choice of rows");
  select.value = "2";
  select.dispatchEvent(new Event("change", { bubbles: true }));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(texts(root, "figcaption")).toContain("conv3");
});

test("HTML in a cell stays text", async () => {
  const root = await shown(<EvidenceView evidence={picture("Table")} group="test" />);
  expect(root.querySelector("img")).toBeNull();
  expect(root.textContent).toContain("<img src=x");
});

test("a kind that this page does not know shows its JSON", async () => {
  const future = { kind: "Hologram", title: "From the future", depth: 3 } as unknown as Evidence;
  const root = await shown(<EvidenceView evidence={future} group="test" />);
  expect(root.textContent).toContain('"kind": "Hologram"');
  expect(root.textContent).toContain('"depth": 3');
});

test("pictures side by side get axes that hold both", () => {
  const bars = picture("Bars");
  const wider = { ...bars, values: [5, 5, 5, 5, 5] };
  expect(commonExtent([bars, wider, null]).values).toEqual([0.01, 5]);
});
