/** The figures by layer and step. They are many times as large as the rest of a report, so a server gives them apart. */
import { useMemo } from "preact/hooks";
import { useKept } from "../address";
import type { Source } from "../api";
import { layerOf, within } from "../evidence/blocks";
import { CurveView } from "../evidence/curve";
import { HeatmapView, rowCurve } from "../evidence/heatmap";
import { t } from "../language";
import { Failure, Loading, Stale } from "../parts";
import { useDocument } from "../resource";
import type { Heatmap, LayersDocument, Report } from "../wire";

/** A report's heat maps, asked for when they are first shown; those that the report holds itself are drawn at once. */
export function LayerMaps({ report, source, group }: { report: Report; source: Source; group: string }) {
  const held = report.layers.every((map) => map.steps.length > 0);
  return held ? <Maps maps={report.layers} group={group} /> : <FetchedMaps {...{ report, source, group }} />;
}

function FetchedMaps({ report, source, group }: { report: Report; source: Source; group: string }) {
  const { data, error, loading, retry } = useDocument<LayersDocument>(`layers ${report.run}`, () =>
    source.layers(report.run),
  );
  if (loading) return <Loading what={t("Fetching the figures by layer")} />;
  if (!data) return <Failure message={error ?? ""} retry={retry} />;
  return (
    <>
      <Stale message={error} retry={retry} />
      <Maps maps={data.layers} group={group} />
    </>
  );
}

/** The maps one below the other, of all layers or of one block, and the curves of the layer that was chosen. */
function Maps({ maps, group }: { maps: readonly Heatmap[]; group: string }) {
  const [layer, setLayer] = useKept("layer");
  const [block, setBlock] = useKept("block");
  const layers = useMemo(() => [...new Set(maps.flatMap((map) => map.rows.map(layerOf)))], [maps]);
  const chosen = layer === null ? null : layerOf(layer);
  const shown = useMemo(() => (block === null ? maps : maps.flatMap((map) => inBlock(map, block))), [maps, block]);
  return (
    <>
      <p class="layer-bar">
        <label>
          {t("Layer")}{" "}
          <select
            aria-label={t("Layer")}
            value={chosen ?? ""}
            onChange={(event) => setLayer(event.currentTarget.value || null)}
          >
            <option value="">{t("all, as heat maps")}</option>
            {layers.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        {block !== null && (
          <button type="button" class="quiet" onClick={() => setBlock(null)}>
            {t("Only {block}", { block })} <span aria-hidden="true">×</span>
            <span class="sr">{t("Show all layers")}</span>
          </button>
        )}
        <span class="quiet-text">{t("A click on a row shows its curves, a click on a block only its layers.")}</span>
      </p>
      {chosen !== null && layers.includes(chosen) && (
        <LayerCurves
          maps={maps}
          layer={chosen}
          group={group}
          before={layers[layers.indexOf(chosen) - 1]}
          after={layers[layers.indexOf(chosen) + 1]}
          go={setLayer}
        />
      )}
      <div class="maps">
        {shown.map((map) => (
          <HeatmapView
            key={map.title}
            map={map}
            group={group}
            picked={(row) => setLayer(layerOf(row))}
            entered={(part) => setBlock(part.name)}
            chosen={chosen === null ? [] : rowsOf(map, chosen)}
          />
        ))}
      </div>
    </>
  );
}

function rowsOf(map: Heatmap, layer: string): readonly string[] {
  return map.rows.filter((row) => layerOf(row) === layer);
}

/** The map of one block; nothing where it holds none of its layers. */
function inBlock(map: Heatmap, block: string): Heatmap[] {
  const kept = within(map.rows, block);
  const rows = map.rows.filter((_, index) => kept[index]);
  return rows.length > 0 ? [{ ...map, rows, values: map.values.filter((_, index) => kept[index]) }] : [];
}

interface LayerProps {
  readonly maps: readonly Heatmap[];
  readonly layer: string;
  readonly group: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  go(layer: string | null): void;
}

/** All that was measured of one layer, as curves under one cursor. */
function LayerCurves({ maps, layer, group, before, after, go }: LayerProps) {
  return (
    <section class="card layer-curves" aria-label={t("Curves of {name}", { name: layer })}>
      <header>
        <h3>
          <code>{layer}</code>
        </h3>
        <button type="button" class="quiet" disabled={before === undefined} onClick={() => go(before ?? null)}>
          ← {before ?? t("first")}
        </button>
        <button type="button" class="quiet" disabled={after === undefined} onClick={() => go(after ?? null)}>
          {after ?? t("last")} →
        </button>
        <button type="button" class="quiet close" onClick={() => go(null)}>
          {t("Close")}
        </button>
      </header>
      <div class="small-curves">
        {maps.map((map) => {
          const rows = rowsOf(map, layer);
          const [row] = rows;
          if (row === undefined) return null;
          const curves = rows.map((each) => rowCurve(map, map.rows.indexOf(each)));
          const curve = {
            ...rowCurve(map, map.rows.indexOf(row)),
            title: map.title,
            lines: curves.flatMap((each) => each.lines),
          };
          return <CurveView key={map.title} curve={curve} group={group} height={140} />;
        })}
      </div>
    </section>
  );
}
