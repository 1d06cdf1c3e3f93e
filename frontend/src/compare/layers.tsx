/** The figures by layer of each run: the baseline's as they were measured, the others' by what is different about them. */

import { useMemo } from "preact/hooks";
import { useKept } from "../address";
import type { Source } from "../api";
import { difference, evenRange } from "../evidence/difference";
import { HeatmapView, heatRange } from "../evidence/heatmap";
import { joined } from "../evidence/lines";
import { rich, t } from "../language";
import { Failure, Loading } from "../parts";
import { useDocument } from "../resource";
import type { Heatmap, LayersDocument } from "../wire";
import { RunName } from "./side";

export function LayerComparison({ runs, source, group }: { runs: readonly string[]; source: Source; group: string }) {
  // one hook a run: the view is made anew for other runs
  const documents = runs.map((run) => useDocument<LayersDocument>(`layers ${run}`, () => source.layers(run)));
  const failed = documents.find(({ data, error }) => !data && error !== null);
  if (failed) return <Failure message={failed.error ?? ""} retry={failed.retry} />;
  if (documents.some(({ loading }) => loading)) return <Loading what={t("Fetching the figures by layer")} />;
  const maps = documents.map(({ data }) => data?.layers ?? []);
  const titles = [...new Set(maps.flatMap((each) => each.map((map) => map.title)))];
  if (titles.length === 0) {
    return (
      <p class="lead">
        {rich("None of these runs logged figures by layer. {code} does.", {
          code: <code>writer.watch(model, optimizer, loss_fn)</code>,
        })}
      </p>
    );
  }
  return (
    <>
      {titles.map((title) => (
        <Row
          key={title}
          title={title}
          runs={runs}
          maps={maps.map((each) => each.find((map) => map.title === title) ?? null)}
          group={group}
        />
      ))}
    </>
  );
}

interface RowProps {
  readonly title: string;
  readonly runs: readonly string[];
  readonly maps: readonly (Heatmap | null)[];
  readonly group: string;
}

function Row({ title, runs, maps, group }: RowProps) {
  const [kept, setKept] = useKept(`plain ${title}`);
  const [baseline] = maps;
  const changes = useMemo(
    () => maps.map((map, index) => (index > 0 && baseline && map ? difference(baseline, map) : null)),
    [...maps],
  );
  const extent = useMemo(() => joined(maps.map((map) => map && heatRange(map))), [...maps]);
  const even = useMemo(() => evenRange(changes.filter((map) => map !== null)), [changes]);
  const possible = changes.some((map) => map !== null);
  const plain = kept !== null || !possible;
  return (
    <section class="card">
      <h3>
        {title}
        {possible && (
          <label class="switch">
            <input type="checkbox" checked={!plain} onChange={() => setKept(plain ? null : "1")} />{" "}
            {t("as the difference to {run}", { run: runs[0] ?? "" })}
          </label>
        )}
      </h3>
      <div class="beside">
        {runs.map((run, index) => {
          const shown = plain || index === 0 ? maps[index] : (changes[index] ?? maps[index]);
          const isChange = !plain && index > 0 && changes[index] !== null;
          return (
            <div key={run}>
              <RunName run={run} index={index} />
              {shown ? (
                <HeatmapView
                  map={named(shown, run, isChange ? (runs[0] ?? "") : null)}
                  group={group}
                  extent={isChange ? (even ?? undefined) : extent}
                  change={isChange}
                />
              ) : (
                <p class="state">{t("Not logged in this run")}</p>
              )}
            </div>
          );
        })}
      </div>
    </section>
  );
}

/** The map with a title of its own: read aloud, or copied as numbers, nothing beside it says whose it is. */
function named(map: Heatmap, run: string, baseline: string | null): Heatmap {
  const title = `${map.title}, ${run}`;
  return { ...map, title: baseline === null ? title : t("{title}, against {baseline}", { title, baseline }) };
}
