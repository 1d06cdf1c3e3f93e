/** The page's languages. Texts are written in English where they are shown; their translations stand in a table beside. */
import type { ComponentChildren } from "preact";
import { store } from "./store";
import type { NamesDocument } from "./wire";
import { words, zh } from "./zh";

export type Language = "en" | "zh";
/** A text of the page: what the table does not hold does not compile. */
export type Text = keyof typeof zh;

export const LANGUAGES: Readonly<Record<Language, string>> = { en: "English", zh: "简体中文" };
const LOCALES: Readonly<Record<Language, string>> = { en: "en-US", zh: "zh-CN" };
const KEPT = "lossdiag.language";

export const language = store<Language>("en");

/** For `Intl`: how the language writes numbers and dates. */
export function locale(): string {
  return LOCALES[language.get()];
}

type Slots<T extends string> = T extends `${string}{${infer Slot}}${infer Rest}`
  ? (Slot extends `${infer Name}|${string}` ? Name : Slot) | Slots<Rest>
  : never;
type Filling<T extends string, Value> = [Slots<T>] extends [never] ? [] : [Readonly<Record<Slots<T>, Value>>];

const SLOT = /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g;

/** The text in the present language. `{name}` is a slot; `{count|run|runs}` chooses between one and several. */
export function t<T extends Text>(text: T, ...[slots]: Filling<T, string | number>): string {
  return translated(text).replace(SLOT, (_, name: string, one?: string, many?: string) => {
    const value = (slots as Readonly<Record<string, string | number>> | undefined)?.[name] ?? "";
    return one === undefined ? String(value) : String((Number(value) === 1 ? one : many) ?? "");
  });
}

/** The text with parts of the page in its slots. */
export function rich<T extends Text>(text: T, ...[slots]: Filling<T, ComponentChildren>): ComponentChildren[] {
  const filling = (slots ?? {}) as Readonly<Record<string, ComponentChildren>>;
  return translated(text)
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith("{") ? filling[part.slice(1, -1)] : part));
}

/** A word that comes with the data, such as a unit or the name of a split; one that is not known stays as it is. */
export function word(text: string): string {
  return language.get() === "zh" && Object.hasOwn(words, text) ? (words[text] ?? text) : translated(text);
}

/** Names one after the other, as the language lists them. */
export function enumerated(names: readonly string[]): string {
  return names.join(t(", "));
}

const SPLITS: readonly string[] = ["train", "val", "test"];

/** The name of a line: a split's is ours, any other is a run's, a layer's or the report's. */
export function splitName(name: string): string {
  return SPLITS.includes(name) ? word(name) : name;
}

/** Names of causes and signals in the present language, where it is not that of their ids. */
export const names = store<Readonly<Record<string, string>>>({});

/** Keep the names in the language that is spoken. In English the ids say as much. */
export function followNames(source: { names(): Promise<string> }): () => void {
  const read = () => {
    const asked = language.get();
    if (asked === "en") return names.set({});
    source.names().then(
      (text) => language.get() === asked && names.set((JSON.parse(text) as NamesDocument).names),
      () => names.set({}), // the ids still say what is meant
    );
  };
  read();
  return language.subscribe(read);
}

/** A signal by its name: `dead_share` reads "dead share". */
export function named(id: string): string {
  return names.get()[id] ?? id.replaceAll("_", " ");
}

function translated(text: string): string {
  return language.get() === "zh" && Object.hasOwn(zh, text) ? zh[text as Text] : text;
}

function known(name: string | null | undefined): Language | null {
  const short = name?.toLowerCase().split("-")[0];
  return short !== undefined && Object.hasOwn(LANGUAGES, short) ? (short as Language) : null;
}

/** The language of a report that was written in one, else what was chosen here before, else the first of the browser's that the page has, else English. */
export function preferred(browser: Pick<Navigator, "languages">, given?: string): Language {
  return known(given) ?? remembered() ?? browser.languages.map(known).find((each) => each !== null) ?? "en";
}

function remembered(): Language | null {
  try {
    return known(localStorage.getItem(KEPT));
  } catch {
    return null; // a sandboxed frame has no storage
  }
}

/** Speak this language from now on. */
export function speak(next: Language): void {
  document.documentElement.lang = LOCALES[next];
  language.set(next);
}

/** Speak this language from now on, and the next time the page is opened. */
export function choose(next: Language): void {
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // without storage the choice holds until the page is closed
  }
  speak(next);
}
