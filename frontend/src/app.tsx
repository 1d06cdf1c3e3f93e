/** The page: a place, the view that shows it, and a cause's page beside it. */
import { useLayoutEffect } from "preact/hooks";
import { type Place, place, toHash, type View } from "./address";
import type { Source } from "./api";
import { useStore } from "./store";
import { CausePanel } from "./views/cause";
import { CompareView } from "./views/compare";
import { RunView } from "./views/run";
import { RunsView } from "./views/runs";

const scrolled = new Map<string, number>();

export function App({ source }: { source: Source }) {
  const { view, cause } = useStore(place);
  useScroll({ view, cause: null });
  return (
    <div class={`page ${cause ? "with-panel" : ""}`}>
      <main>
        <Shown view={view} source={source} />
      </main>
      {cause && <CausePanel key={cause} id={cause} source={source} />}
    </div>
  );
}

function Shown({ view, source }: { view: View; source: Source }) {
  switch (view.name) {
    case "runs":
      return <RunsView source={source} address={view.list} />;
    case "run":
      return <RunView key={view.run} run={view.run} source={source} />;
    case "compare":
      return <CompareView key={view.runs.join("\n")} runs={view.runs} source={source} />;
    default:
      return view satisfies never;
  }
}

/** Each view is found where it was left. */
function useScroll(here: Place): void {
  const name = toHash(here);
  useLayoutEffect(() => {
    window.scrollTo(0, scrolled.get(name) ?? 0);
    const keep = () => scrolled.set(name, window.scrollY);
    window.addEventListener("scroll", keep, { passive: true });
    return () => window.removeEventListener("scroll", keep);
  }, [name]);
}
