/** What a browser has and happy-dom lacks: a canvas to draw on, sizes, and a clipboard that can be read back. */
import { beforeEach, vi } from "vitest";
import { place } from "../src/address";
import { forget } from "../src/resource";
import { resetList } from "../src/runs/state";

/** A 2D context that accepts everything and remembers the texts it was asked to write. */
export const written: string[] = [];

const context = new Proxy(
  {
    measureText: (text: string) => ({ width: 6 * text.length }),
    fillText: (text: string) => written.push(text),
    createImageData: (width: number, height: number) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    canvas: { width: 10, height: 10 },
  } as Record<string, unknown>,
  { get: (target, name: string) => target[name] ?? (() => undefined), set: () => true },
);

Object.defineProperty(HTMLCanvasElement.prototype, "getContext", { value: () => context });
Object.defineProperty(HTMLElement.prototype, "clientWidth", { get: () => 800 });
vi.stubGlobal(
  "Path2D",
  class {
    moveTo() {}
    lineTo() {}
    rect() {}
    arc() {}
    closePath() {}
  },
);

/** Texts that were copied, newest last. */
export const copies: string[] = [];
Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async (text: string) => void copies.push(text) },
});

window.scrollTo = () => {};

beforeEach(() => {
  document.body.innerHTML = "";
  window.location.hash = "";
  written.length = 0;
  copies.length = 0;
  forget();
  resetList();
  place.set({ view: { name: "runs" }, cause: null });
});
