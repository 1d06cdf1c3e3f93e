/** The module's door. TensorBoard imports it and calls `render`; a self-contained report holds its data and needs no call. */
import { render as draw } from "preact";
import { followAddress, type Place, place, restoreAddress, type View } from "./address";
import { embedded, embeddedData, embeddedRuns, type Source, server } from "./api";
import { App } from "./app";
import { followReloads, followTheme, followVisibility, hostWindow } from "./host";
import { preferred, speak } from "./language";
import "./style.css";

/** Draw the page into the empty document that TensorBoard gives a plugin. */
export function render(): void {
  const here = import.meta.url;
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL(`./index.css${new URL(here).search}`, here).href; // the same version as this module
  style.onload = style.onerror = () => {
    start(server, { view: { name: "runs" }, cause: null }, hostWindow());
    followReloads();
  };
  document.head.append(style);
}

function start(source: Source, initial: Place, host: Window | null, written?: string): void {
  const root = document.createElement("div");
  root.id = "lossdiag";
  document.body.append(root);
  document.title ||= "Diagnosis"; // a screen reader names the frame by it
  followTheme(window, host);
  followAddress(host ?? window, initial);
  speak(preferred(navigator, written ?? place.get().kept?.lang));
  followVisibility(root, restoreAddress);
  draw(<App source={source} />, root);
}

/** What a report shows first: its comparison, its only run, or its list of runs. */
function first(all: readonly string[], compared: readonly string[]): View {
  const [run] = all;
  if (compared.length > 0) return { name: "compare", runs: compared };
  return run !== undefined && all.length === 1 ? { name: "run", run } : { name: "runs" };
}

const data = embeddedData();
if (data) {
  const { all, compared } = embeddedRuns(data);
  start(embedded(data), { view: first(all, compared), cause: null }, null, data.language);
}
