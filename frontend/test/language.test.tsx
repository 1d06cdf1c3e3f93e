import { act } from "preact/test-utils";
import { afterEach, expect, test } from "vitest";
import { App } from "../src/app";
import { choose, language, named, preferred, rich, speak, t, word } from "../src/language";
import { ago, digits, sureness, titled } from "../src/text";
import { zh } from "../src/zh";
import { button, click, shown, source } from "./helpers";

const SOURCES = import.meta.glob<string>("../src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });
const SLOTS = /\{\w+/g;

afterEach(() => {
  localStorage.clear();
  speak("en");
});

test("every translation is of a text that some source still says", () => {
  const said = Object.entries(SOURCES)
    .filter(([path]) => !path.endsWith("/zh.ts"))
    .map(([, text]) => text)
    .join("\n");
  const literal = (text: string) => said.includes(text) || said.includes(JSON.stringify(text).slice(1, -1));
  const derived = (text: string) => literal(text.toLowerCase().replaceAll(" ", "-")); // an id that reads as words
  expect(Object.keys(zh).filter((text) => !literal(text) && !derived(text))).toEqual([]);
});

test("every translation keeps the slots of its text", () => {
  const slots = (text: string) => [...new Set(text.match(SLOTS) ?? [])].sort();
  for (const [text, translation] of Object.entries(zh)) expect(slots(translation), text).toEqual(slots(text));
});

test("a text speaks the language that is chosen, with its slots filled", () => {
  expect(t("{count} {count|day|days} ago", { count: 1 })).toBe("1 day ago");
  expect(t("{count} {count|day|days} ago", { count: 3 })).toBe("3 days ago");
  speak("zh");
  expect(t("{count} {count|day|days} ago", { count: 3 })).toBe("3 天前");
  expect(document.documentElement.lang).toBe("zh-CN");
});

test("parts of the page stand in the slots", () => {
  const part = <b>!</b>;
  expect(rich("{message} What you see was read earlier.", { message: part })[1]).toBe(part);
});

test("a word that no table holds stays as it is, whatever it is called", () => {
  speak("zh");
  expect(word("fc1")).toBe("fc1");
  expect(word("constructor")).toBe("constructor");
});

test("numbers, times and judgements are told in Chinese", () => {
  speak("zh");
  expect([digits(12345), sureness(0.97), titled("too-short"), ago(1000, 1000 + 7200)]).toEqual([
    "12,345",
    "几乎可以确定",
    "数据点太少",
    "2 小时前",
  ]);
});

test("the first known language of the browser is spoken, unless another was chosen here", () => {
  expect(preferred({ languages: ["fr-FR", "zh-CN", "en"] })).toBe("zh");
  expect(preferred({ languages: ["fr"] })).toBe("en");
  choose("zh");
  expect(preferred({ languages: ["en-US"] })).toBe("zh");
});

test("the language is switched on the page, which then asks for texts in it", async () => {
  const asked: string[] = [];
  const server = source();
  const root = await shown(
    <App
      source={{
        ...server,
        runs: () => {
          asked.push(language.get());
          return server.runs();
        },
      }}
    />,
  );
  await click(button(root, "简体中文"));
  expect(language.get()).toBe("zh");
  expect(asked).toEqual(["en", "zh"]);
  expect(button(root, "简体中文")?.getAttribute("aria-pressed")).toBe("true");
});

test("what the server calls a cause or a signal is shown in place of its id", async () => {
  await shown(<App source={source()} />);
  expect(titled("some-trouble")).toBe("Some trouble");
  await act(async () => speak("zh"));
  expect(titled("some-trouble")).toBe("某种故障");
  expect(named("dead_share")).toBe("dead share");
  await act(async () => speak("en"));
  expect(titled("some-trouble")).toBe("Some trouble");
});

test("a report speaks the language that it was written in", () => {
  expect(preferred({ languages: ["en-US"] }, "zh")).toBe("zh");
  expect(preferred({ languages: ["zh-CN"] }, "xx")).toBe("zh");
});
