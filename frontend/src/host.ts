/** TensorBoard around the page: its reload, its dark mode, its run filter, and whether our tab is shown. */
import { store } from "./store";

export type Theme = "light" | "dark";

export const theme = store<Theme>("light");
export const visible = store(true);
/** Counts the times that the data may have changed. */
export const reloads = store(0);

/** TensorBoard's window around ours; null where there is none, or where it may not be looked into. */
export function hostWindow(): Window | null {
  try {
    void window.parent.document.body;
    return window.parent === window ? null : window.parent;
  } catch {
    return null;
  }
}

/** The filter that the person typed into TensorBoard's own list of runs. */
export function hostRunFilter(): string {
  return new URLSearchParams(hostWindow()?.location.search).get("runFilter") ?? "";
}

/** Dark where the host is dark; where there is none, as the system prefers. */
export function followTheme(window: Window, around: Window | null): void {
  const host = around?.document.body;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const read = () => {
    const dark = host ? host.classList.contains("dark-mode") : system.matches;
    theme.set(dark ? "dark" : "light");
    window.document.documentElement.dataset.theme = theme.get();
  };
  read();
  if (host) new MutationObserver(read).observe(host, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", read);
}

let within = true;
let appeared = () => {};

/** Whether the tab can be seen now. A browser may put off telling a hidden frame that it is hidden, so whoever is about to fetch asks. */
export function seen(): boolean {
  const before = visible.get();
  visible.set(within && window.innerHeight > 0 && document.visibilityState !== "hidden");
  if (visible.get() && !before) appeared();
  return visible.get();
}

/**
 * TensorBoard keeps the frame of a hidden tab, with no height: nothing is fetched until it is seen again, nor while the browser
 * is elsewhere.
 */
export function followVisibility(root: Element, shown: () => void): void {
  appeared = shown;
  new IntersectionObserver((entries) => {
    within = entries.at(-1)?.isIntersecting ?? true;
    seen();
  }).observe(root);
  document.addEventListener("visibilitychange", seen);
  window.addEventListener("resize", seen);
}

interface Message {
  readonly type: string;
  readonly id: number;
  readonly isReply: boolean;
}

/** Listen to TensorBoard's reload, by the protocol of its plugin library (which is on no registry). */
export function followReloads(): void {
  if (window.parent === window) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<string>) => {
    const message = JSON.parse(event.data) as Message;
    if (message.isReply) return;
    const { type, id } = message;
    channel.port1.postMessage(JSON.stringify({ type, id, payload: null, error: null, isReply: true }));
    if (type === "experimental.DataReloaded" && seen()) reloads.set(reloads.get() + 1);
  };
  window.parent.postMessage("experimental.bootstrap", "*", [channel.port2]);
}
