/** Of a long list only the rows near the screen are drawn; the page scrolls as if all of them were. */
import { useEffect, useState } from "preact/hooks";

const WINDOWED_FROM = 150; // rows from which only those near the screen are drawn
const STRIDE = 10; // the window moves by so many rows at a time, so that not every scrolled pixel draws
const SPARE = 12; // rows drawn beyond the screen at either end, at least
const USUAL_HEIGHT = 40;

export interface Shown {
  readonly from: number;
  readonly to: number;
  /** Of one row, in pixels. All rows are equally high. */
  readonly height: number;
}

/** Which rows to draw, following the page's scrolling. */
export function useWindow(body: { readonly current: HTMLElement | null }, count: number): Shown {
  const [shown, setShown] = useState<Shown>({ from: 0, to: WINDOWED_FROM, height: USUAL_HEIGHT });
  const windowed = count > WINDOWED_FROM;
  useEffect(() => {
    if (!windowed) return;
    const measure = () => {
      const element = body.current;
      if (!element || window.innerHeight === 0) return; // 0 while the tab is hidden
      const height = element.querySelector<HTMLElement>("[data-run]")?.offsetHeight || USUAL_HEIGHT;
      const above = -element.getBoundingClientRect().top / height;
      const next = around(above, window.innerHeight / height, count);
      setShown((before) => (same(before, { ...next, height }) ? before : { ...next, height }));
    };
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
    return () => {
      window.removeEventListener("scroll", measure);
      window.removeEventListener("resize", measure);
    };
  }, [windowed, count]);
  return windowed ? { ...shown, ...clipped(shown, count) } : { from: 0, to: count, height: shown.height };
}

/** The rows from so many above the screen's top, for so many on it, in strides. */
export function around(above: number, visible: number, count: number): { from: number; to: number } {
  const first = Math.floor((above - SPARE) / STRIDE) * STRIDE;
  const last = Math.ceil((above + visible + SPARE) / STRIDE) * STRIDE;
  return clipped({ from: first, to: last }, count);
}

function clipped({ from, to }: { from: number; to: number }, count: number): { from: number; to: number } {
  const end = Math.min(Math.max(to, STRIDE), count);
  return { from: Math.max(0, Math.min(from, end - STRIDE)), to: end };
}

function same(a: Shown, b: Shown): boolean {
  return a.from === b.from && a.to === b.to && a.height === b.height;
}
