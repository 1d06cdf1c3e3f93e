/** The frame of every picture: its title, its controls, and the same numbers as a table. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../language";
import { CopyButton } from "../parts";
import { cell } from "../text";
import type { Num } from "../wire";

export interface Numbers {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | Num | null)[])[];
}

interface Props {
  readonly title: string;
  readonly controls?: ComponentChildren;
  /** Made only when somebody looks at it. */
  numbers(): Numbers;
  /** The picture as an SVG file, where it can be drawn as one. */
  picture?(): string;
  readonly children: ComponentChildren;
}

export function Figure({ title, controls, numbers, picture, children }: Props) {
  return (
    <figure class="figure">
      <div class="figure-head">
        <figcaption>{title}</figcaption>
        {controls && <div class="controls">{controls}</div>}
      </div>
      {children}
      <NumbersTable numbers={numbers} picture={picture} title={title} />
    </figure>
  );
}

interface NumbersProps {
  readonly title: string;
  readonly picture: Props["picture"];
  numbers(): Numbers;
}

function NumbersTable({ numbers, picture, title }: NumbersProps) {
  const [open, setOpen] = useState(false);
  const shown = open ? numbers() : null;
  return (
    <details class="numbers" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("Numbers and picture")}
        <span class="sr"> {title}</span>
      </summary>
      {shown && (
        <>
          <CopyButton text={csv(shown)} label={t("Copy as CSV")} />
          <button type="button" class="quiet" onClick={() => save(`${title}.csv`, "text/csv", csv(shown))}>
            {t("Save as CSV")}
          </button>
          {picture && (
            <>
              <button type="button" class="quiet" onClick={() => save(`${title}.svg`, SVG, picture())}>
                {t("Save as SVG")}
              </button>
              <button type="button" class="quiet" onClick={() => void savePng(title, picture())}>
                {t("Save as PNG")}
              </button>
            </>
          )}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
          <section class="scroll" tabIndex={0} aria-label={t("Numbers of {title}", { title })}>
            <Cells {...shown} />
          </section>
        </>
      )}
    </details>
  );
}

export function Cells({ columns, rows }: Numbers) {
  return (
    <table class="cells">
      <thead>
        <tr>
          {columns.map((column) =>
            column ? (
              <th key={column} scope="col">
                {column}
              </th>
            ) : (
              <td key={column} />
            ),
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {row.map((value, column) => (
              <td key={column} class={isNumber(value) ? "number" : undefined}>
                {cell(value)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function isNumber(value: string | Num | null): boolean {
  return typeof value === "number" || value === "NaN" || value === "Infinity" || value === "-Infinity";
}

const SVG = "image/svg+xml";
const SHARPER = 2; // pixels of a PNG for each of the picture's own: sharp in a slide, and on a dense screen

/** The picture in pixels, for where SVG is not taken: slides, chats, issues. */
async function savePng(title: string, picture: string): Promise<void> {
  const image = new Image();
  image.src = `data:${SVG};charset=utf-8,${encodeURIComponent(picture)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SHARPER * image.width;
  canvas.height = SHARPER * image.height;
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((drawn) => drawn && save(`${title}.png`, "image/png", drawn));
}

/** Give the person a file, without asking a server. */
function save(name: string, type: string, content: string | Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** The numbers for a spreadsheet, at full precision. */
export function csv({ columns, rows }: Numbers): string {
  const quoted = (value: string | Num | null) => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(quoted).join(",")).join("\n");
}
