/** The keys: each does what a control on the page does, so nothing needs them; the sheet on `?` names them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Text, t, word } from "../language";

const KEYS: readonly (readonly [string, Text])[] = [
  ["?", "this sheet"],
  ["u", "up, to all runs"],
  ["/", "to the filter of the list"],
  ["j, k", "next and previous finding"],
  ["o", "open or close the finding"],
  ["a", "the catalogue's page of the finding"],
  ["l", "logarithmic or linear losses"],
  ["x", "to the horizontal axis: steps, epochs, time"],
  ["0", "leave the zoom"],
  ["← → + − Esc", "in a chart: move the cursor, zoom, show all"],
  ["← → ↑ ↓ Enter", "in a heat map: move the cell, show the layer's curves"],
  ["Esc", "close the panel or this sheet"],
];

const TYPING = "input:not([type=checkbox]):not([type=range]), select, textarea, [contenteditable]";

export function Help() {
  const sheet = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      if (event.key === "?") setOpen((before) => !before);
      else if (!sheet.current?.open && act(event.key)) event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  useEffect(() => {
    if (open) sheet.current?.showModal?.();
    else sheet.current?.close?.();
  }, [open]);
  return (
    <>
      <button type="button" class="quiet help-button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {t("Keys")} <kbd>?</kbd>
      </button>
      <dialog ref={sheet} class="help" aria-labelledby="help-title" onClose={() => setOpen(false)}>
        {open && (
          <>
            <h2 id="help-title">{t("Keys")}</h2>
            <dl>
              {KEYS.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{word(does)}</dd>
                </div>
              ))}
            </dl>
            <button type="button" onClick={() => setOpen(false)}>
              {t("Close")}
            </button>
          </>
        )}
      </dialog>
    </>
  );
}

/** Do what a key stands for; whether it stands for anything here. */
function act(key: string): boolean {
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (key === "/") return focus(document.querySelector<HTMLElement>("input[type=search]"));
  const here = document.activeElement?.closest(".finding") ?? document.querySelector(".finding");
  if (key === "o") return click(here?.querySelector<HTMLElement>(":scope > .body-fold > summary"));
  if (key === "a") return click(here?.querySelector<HTMLElement>('[aria-keyshortcuts="a"]'));
  const found = /^[a-z0-9]$/.test(key) ? document.querySelector<HTMLElement>(`[aria-keyshortcuts="${key}"]`) : null;
  return found instanceof HTMLSelectElement ? focus(found) : click(found);
}

/** To the next or the previous card from where the keyboard is. */
function step(by: number): boolean {
  const cards = [...document.querySelectorAll<HTMLElement>(".finding")];
  const at = cards.indexOf(document.activeElement?.closest<HTMLElement>(".finding") as HTMLElement);
  const next = cards[at < 0 ? (by > 0 ? 0 : cards.length - 1) : at + by];
  next?.scrollIntoView({ block: "nearest" });
  return focus(next);
}

function focus(element: HTMLElement | null | undefined): boolean {
  element?.focus();
  return element !== null && element !== undefined;
}

function click(element: HTMLElement | null | undefined): boolean {
  element?.click();
  return element !== null && element !== undefined;
}
