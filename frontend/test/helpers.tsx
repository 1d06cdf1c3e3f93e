import type { ComponentChild } from "preact";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach } from "vitest";
import type { Source } from "../src/api";
import { reloads } from "../src/host";

const FIXTURES = import.meta.glob<string>("../fixtures/*.json", { query: "?raw", import: "default", eager: true });

/** The text of a fixture, as the server would send it. */
export function fixture(name: string): string {
  const text = FIXTURES[`../fixtures/${name}.json`];
  if (text === undefined) throw new Error(`no fixture is called ${name}: run python frontend/fixtures.py`);
  return text;
}

export function parsed<T>(name: string): T {
  return JSON.parse(fixture(name)) as T;
}

/** A server that answers with the fixtures, except where a test says otherwise. */
export function source(changes: Partial<Source> = {}): Source {
  return {
    live: true,
    runs: async () => fixture("runs"),
    report: async () => fixture("report"),
    layers: async () => fixture("layers"),
    compare: async () => fixture("compare"),
    cause: async () => fixture("cause"),
    names: async () => JSON.stringify({ names: { "some-trouble": "某种故障" } }),
    comparable: () => true,
    explains: () => true,
    exported: (run, format) => `./export?run=${run}&format=${format}`,
    ...changes,
  };
}

const roots: HTMLElement[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) render(null, root); // what stays mounted would go on fetching
});

/** Draw something and wait until its documents have arrived. */
export async function shown(content: ComponentChild): Promise<HTMLElement> {
  const root = document.createElement("div");
  document.body.append(root);
  roots.push(root);
  await act(async () => {
    render(content, root);
    await arrived();
  });
  await act(arrived);
  return root;
}

async function arrived(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** TensorBoard says that its data may have changed. */
export async function reload(): Promise<void> {
  await act(() => reloads.set(reloads.get() + 1));
  await act(arrived);
}

export async function click(element: Element | null | undefined): Promise<void> {
  if (!element) throw new Error("nothing to click on");
  await act(async () => {
    element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    await arrived();
  });
}

/** The button that says this. */
export function button(root: ParentNode, words: string): HTMLButtonElement | undefined {
  return [...root.querySelectorAll("button")].find((each) => each.textContent?.includes(words));
}

export function texts(root: ParentNode, selector: string): string[] {
  return [...root.querySelectorAll(selector)].map((each) => (each.textContent ?? "").trim());
}

/** Open every folded part, again and again until nothing is folded. */
export async function unfold(root: ParentNode): Promise<void> {
  for (;;) {
    const folded = [...root.querySelectorAll("details:not([open])")] as HTMLDetailsElement[];
    if (folded.length === 0) return;
    await act(async () => {
      for (const each of folded) {
        each.open = true;
        each.dispatchEvent(new Event("toggle"));
      }
      await arrived();
    });
  }
}
