import { afterEach, expect, test, vi } from "vitest";
import { embedded, embeddedData, server } from "../src/api";
import type { ComparisonDocument, ReportDocument, RunsDocument } from "../src/wire";
import { fixture, parsed } from "./helpers";

afterEach(() => vi.unstubAllGlobals());

function answering(body: string, status = 200) {
  const fetched = vi.fn(async (_: string) => new Response(body, { status }));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

test("names of runs are quoted, and every address is relative", async () => {
  const fetched = answering("{}");
  await server.report("a/b&c");
  await server.report("x", { train_loss: "my/loss" });
  await server.compare(["x", "y z"]);
  expect(fetched.mock.calls.map(([url]) => url)).toEqual([
    "./report?run=a%2Fb%26c&without=layers",
    "./report?run=x&without=layers&train_loss=my%2Floss",
    "./compare?run=x&run=y%20z&without=layers",
  ]);
});

test("the server's own sentence is the error", async () => {
  answering(fixture("error"), 404);
  await expect(server.report("nowhere")).rejects.toThrow("No run is called nowhere.");
});

test("an answer that is no document of ours still gives a sentence", async () => {
  answering("<html>oops</html>", 502);
  await expect(server.runs()).rejects.toThrow("The server answered 502.");
});

test("a server that is gone is told as such", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(server.runs()).rejects.toThrow("TensorBoard does not answer.");
});

const data = {
  reports: [parsed<ReportDocument>("report"), parsed<ReportDocument>("healthy")],
  comparison: parsed<ComparisonDocument>("compare"),
  causes: {},
  language: "en",
  names: {},
};

test("a self-contained report answers as the server would", async () => {
  const source = embedded(data);
  const runs = JSON.parse(await source.runs()) as RunsDocument;
  expect(runs.runs.map((run) => [run.run, run.verdict?.id, run.root?.title ?? null])).toEqual([
    ["lr-too-high", "diverging", "Learning rate too high"],
    ["healthy", "learning", null],
  ]);
  expect(runs.runs[0]?.spark.length).toBeLessThanOrEqual(60);
  expect((JSON.parse(await source.report("healthy")) as ReportDocument).runs[0]?.run).toBe("healthy");
  expect(source.comparable(["lr-too-high", "healthy"])).toBe(true);
  expect(source.comparable(["healthy", "lr-too-high"])).toBe(false);
  expect(source.exported("healthy", "json")).toBeNull();
  await expect(source.report("other")).rejects.toThrow("not part of this report");
  await expect(source.cause("other")).rejects.toThrow("not part of this report");
});

test("without data in the page, the page is TensorBoard's", () => {
  expect(embeddedData()).toBeNull();
  document.body.innerHTML =
    '<script type="application/json" id="lossdiag-data">{"reports":[],"comparison":null,"causes":{}}</script>';
  expect(embeddedData()).toEqual({ reports: [], comparison: null, causes: {} });
});
