import { expect, test } from "vitest";
import { barsPicture, curvePicture, heatmapPicture, histogramPicture } from "../src/evidence/picture";
import type { Bars, Curve, Heatmap, Histogram, ReportDocument } from "../src/wire";
import { parsed } from "./helpers";

const REPORT = parsed<ReportDocument>("report").runs[0];
const EVIDENCE = REPORT?.findings.flatMap(({ evidence }) => evidence) ?? [];
const PICTURES: Record<string, (shown: never) => string> = {
  Curve: (shown: Curve) => curvePicture(shown, shown.scale),
  Bars: (shown: Bars) => barsPicture(shown),
  Histogram: (shown: Histogram) => histogramPicture(shown),
  Heatmap: (shown: Heatmap) => heatmapPicture(shown, [0, 1], () => [1, 2, 3]),
};

test.each(Object.keys(PICTURES))("a %s is saved as a picture that any program reads", (kind) => {
  const found = [...EVIDENCE, REPORT?.losses].filter((each) => each?.kind === kind);
  expect(found.length).toBeGreaterThan(0);
  for (const each of found) {
    const picture = PICTURES[kind]?.(each as never) ?? "";
    const parsedAgain = new DOMParser().parseFromString(picture, "image/svg+xml");
    expect(parsedAgain.querySelector("parsererror")).toBeNull();
    expect(picture).not.toMatch(/NaN"|Infinity|undefined/);
    expect(parsedAgain.querySelector("title")?.textContent).toBe(each?.title);
  }
});

test("signs of markup in a title stay text in the picture", () => {
  const picture = barsPicture({
    kind: "Bars",
    title: '<script>&"',
    labels: [],
    values: [],
    unit: "norm",
    threshold: null,
    scale: "linear",
  });
  expect(picture).not.toContain("<script>");
});
