/** The catalogue's page of a cause, beside the report. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { openCause } from "../address";
import type { Source } from "../api";
import { enumerated, named, t } from "../language";
import { Failure, Loading } from "../parts";
import { useDocument } from "../resource";
import { titled } from "../text";
import type { CauseDocument } from "../wire";

export function CausePanel({ id, source }: { id: string; source: Source }) {
  const { data, error, loading, retry } = useDocument<CauseDocument>(`cause ${id}`, () => source.cause(id));
  const close = useRef<HTMLButtonElement>(null);
  // before it is painted: whoever sees the panel can close it with Escape
  useLayoutEffect(() => {
    const before = document.activeElement;
    close.current?.focus({ preventScroll: true });
    const leave = (event: KeyboardEvent) => event.key === "Escape" && openCause(null);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("keydown", leave);
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside class="panel" aria-label={t("About: {title}", { title: data?.title ?? titled(id) })}>
      <button type="button" class="quiet close" ref={close} onClick={() => openCause(null)}>
        {t("Close")}
      </button>
      {loading && <Loading what={t("Opening the catalogue")} />}
      {!data && error !== null && <Failure message={error} retry={retry} />}
      {data && (
        <>
          {/* biome-ignore lint/security/noDangerouslySetInnerHtml: the server sanitised it, and it comes from our own rules */}
          <div class="prose" dangerouslySetInnerHTML={{ __html: data.html }} />
          <dl class="about">
            {data.explains.length > 0 && (
              <>
                <dt>{t("Explains")}</dt>
                <dd>{enumerated(data.explains.map(titled))}</dd>
              </>
            )}
            <dt>{t("Needs")}</dt>
            <dd>{enumerated(data.needs.map(named))}</dd>
            {data.welcome.length > 0 && (
              <>
                <dt>{t("Sharper with")}</dt>
                <dd>{enumerated(data.welcome.map(named))}</dd>
              </>
            )}
          </dl>
        </>
      )}
    </aside>
  );
}
