import { expect, test } from "vitest";
import { bareTexts } from "./literals";

const SOURCES = import.meta.glob<string>("../src/**/*.tsx", { query: "?raw", import: "default", eager: true });

test.each(Object.entries(SOURCES))("every text of %s goes through the table of languages", (path, source) => {
  expect(bareTexts(path, source)).toEqual([]);
});

test("a bare text is found wherever it stands", () => {
  const bare = (source: string) => bareTexts("a.tsx", source).length;
  expect(bare("<p>Hello there</p>")).toBe(1);
  expect(bare('<p title="Hello">{t("Hello")}</p>')).toBe(1);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a source
  expect(bare("<p aria-label={`Hello ${name}`} />")).toBe(1);
  expect(bare('<p>{open ? "shown" : t("hidden")}</p>')).toBe(1);
  expect(bare('<p class="lead">{t("Hello")} <code>writer.watch()</code> – {" "}</p>')).toBe(0);
});
