/** The page: a place, the view that shows it, and a cause's page beside it. */
import { useEffect, useLayoutEffect } from "preact/hooks";
import { keep, type Place, place, toHash, type View } from "./address";
import type { Source } from "./api";
import { choose, followNames, LANGUAGES, type Language, language, names, t } from "./language";
import { useStore } from "./store";
import { CausePanel } from "./views/cause";
import { CompareView } from "./views/compare";
import { Help } from "./views/help";
import { RunView } from "./views/run";
import { RunsView } from "./views/runs";

const scrolled = new Map<string, number>();

export function App({ source }: { source: Source }) {
  const { view, cause } = useStore(place);
  const spoken = useStore(language);
  useStore(names);
  useEffect(() => followNames(source), [source]);
  useScroll({ view, cause: null });
  return (
    <div class={`page ${cause ? "with-panel" : ""}`}>
      <main>
        <Shown key={spoken} view={view} source={source} />
        <footer class="foot">
          <Help />
          <Languages spoken={spoken} />
        </footer>
      </main>
      {cause && <CausePanel key={`${spoken} ${cause}`} id={cause} source={source} />}
    </div>
  );
}

/** Each language by its own name, so that it is found by whoever cannot read the present one. */
function Languages({ spoken }: { spoken: Language }) {
  return (
    <fieldset class="languages">
      <legend class="sr">{t("Language")}</legend>
      {(Object.keys(LANGUAGES) as Language[]).map((each) => (
        <button
          type="button"
          key={each}
          class="quiet"
          lang={each}
          aria-pressed={each === spoken}
          onClick={() => {
            choose(each);
            keep({ lang: null }); // an address may ask for a language, until the person does
          }}
        >
          {LANGUAGES[each]}
        </button>
      ))}
    </fieldset>
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
