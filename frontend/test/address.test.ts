import { expect, test } from "vitest";
import { followAddress, fromHash, go, type Place, place, toHash } from "../src/address";

test.each<Place>([
  { view: { name: "runs" }, cause: null },
  { view: { name: "run", run: "a/b, c&d=é %2C#" }, cause: "some-trouble" },
  { view: { name: "compare", runs: ["a,b", "c", "."] }, cause: null },
  {
    view: { name: "run", run: "a" },
    cause: null,
    kept: { zoom: "-3-40", folds: "dead-units,-clear", flipped: "a & b=c" },
  },
])("a place survives the address bar: %j", (there) => expect(fromHash(toHash(there))).toEqual(there));

test("another tab's address is none of ours", () => {
  expect(fromHash("#timeseries")).toBeNull();
  expect(fromHash("")).toBeNull();
});

test("a damaged address leads to the list of runs", () => {
  expect(fromHash("#lossdiag&p.lossdiag.view=run")?.view).toEqual({ name: "runs" });
  expect(fromHash("#lossdiag&p.lossdiag.view=compare&p.lossdiag.run=%E0%A4%A")?.view).toEqual({ name: "runs" });
});

test("going somewhere writes the address, and the address leads back there", () => {
  followAddress(window, { view: { name: "runs" }, cause: null });
  go({ view: { name: "run", run: "baseline" }, cause: null });
  expect(window.location.hash).toBe("#lossdiag&p.lossdiag.view=run&p.lossdiag.run=baseline");
  place.set({ view: { name: "runs" }, cause: null });
  window.dispatchEvent(new Event("popstate"));
  expect(place.get().view).toEqual({ name: "run", run: "baseline" });
});
