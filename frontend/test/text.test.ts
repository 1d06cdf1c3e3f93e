import { expect, test } from "vitest";
import { ago, cell, change, digits, duration, percent, quantity, sureness, titled, tone } from "../src/text";

test.each([
  [0, "0"],
  [2.34567, "2.346"],
  [0.0312, "0.0312"],
  [12345.6, "12,346"],
  [0.000031, "3.1e-5"],
  [5e12, "5e12"],
  [-1.5, "−1.5"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "∞"],
  [Number.NEGATIVE_INFINITY, "−∞"],
])("%d reads %s", (value, text) => expect(digits(value)).toBe(text));

test.each([
  [0, "0\u00a0%"],
  [1, "100\u00a0%"],
  [0.0001, "<0.1\u00a0%"],
  [0.9999, ">99.9\u00a0%"],
  [0.024, "2.4\u00a0%"],
  [0.97, "97\u00a0%"],
  [0.996, "99.6\u00a0%"],
])("a share of %d reads %s", (share, text) => expect(percent(share)).toBe(text));

test("a quantity carries its unit", () => {
  expect(quantity(0.5, "share")).toBe("50\u00a0%");
  expect(quantity(1.25, "seconds")).toBe("1.25\u00a0s");
  expect(quantity("NaN", "loss")).toBe("NaN");
});

test("a cell keeps text, and says what is missing", () => {
  expect(cell("SGD")).toBe("SGD");
  expect(cell(null)).toBe("–");
  expect(cell("Infinity")).toBe("∞");
});

test("a change has its sign", () => {
  expect(change(0.25)).toBe("+0.25");
  expect(change(-0.25)).toBe("−0.25");
  expect(change(null)).toBe("–");
});

test("confidence has words", () => {
  expect([0.97, 0.8, 0.6, 0.3, 0.1].map(sureness)).toEqual([
    "almost certain",
    "very likely",
    "likely",
    "possible",
    "unlikely",
  ]);
});

test("ids read as words", () => {
  expect(titled("some-new-trouble")).toBe("Some new trouble");
  expect(titled("non-sense-found")).toBe("Non-sense found");
});

test("a verdict that the page has never heard of is trouble, not good news", () => {
  expect(tone("something-new")).toBe("bad");
  expect(tone("learning")).toBe("good");
});

test("times are told as a person would", () => {
  expect(ago(1000, 1010)).toBe("just now");
  expect(ago(1000, 1000 + 3600)).toBe("1 hour ago");
  expect(ago(0, 86_400 * 400)).toBe("1970-01-01");
});

test.each([
  [0, "0 s"],
  [0.2514, "0.251 s"],
  [59.6, "1 min"],
  [75, "1 min 15 s"],
  [7500, "2 h 5 min"],
  [90_000, "1 d 1 h"],
  [-75, "−1 min 15 s"],
  [Number.NaN, "NaN"],
])("%d seconds read %s", (seconds, text) => expect(duration(seconds).replaceAll("\u00a0", " ")).toBe(text));
