/** The figures by layer and step. They are many times as large as the rest of a report, so a server gives them apart. */

import type { Source } from "../api";
import { HeatmapView } from "../evidence/heatmap";
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

function Maps({ maps, group }: { maps: readonly Heatmap[]; group: string }) {
  return maps.map((map) => <HeatmapView key={map.title} map={map} group={group} />);
}
