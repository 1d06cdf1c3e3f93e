/** The block structure of a network, as the names of its layers tell it. */

export interface Block {
  readonly name: string;
  /** The rows from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
}

const MOST = 40; // labels that find room beside a heat map

const FEW = 8; // blocks that say too little where a finer division is at hand

/**
 * Neighbouring layers with one beginning, as finely as there is room for. Where the next finer division has too many parts (a
 * hundred like blocks), these are taken in stretches; without such names, the layers themselves are.
 */
export function blocks(rows: readonly string[], most = MOST): readonly Block[] {
  const paths = rows.map((row) => row.split(/[./]/));
  const deepest = Math.max(0, ...paths.map((path) => path.length)) - 1;
  let finer: readonly Block[] = [];
  for (let depth = deepest; depth > 0; depth--) {
    const found = grouped(paths.map((path) => path.slice(0, Math.max(1, Math.min(depth, path.length - 1))).join(".")));
    if (found.length > most) finer = found;
    else if (found.length === rows.length) continue;
    else if (found.length >= FEW || finer.length === 0) return found.length > 1 ? found : [];
    else break;
  }
  if (finer.length > 0) return stretches(finer, most);
  return rows.length > most ? stretches(grouped(rows), most) : [];
}

function grouped(names: readonly string[]): readonly Block[] {
  const found: Block[] = [];
  names.forEach((name, row) => {
    const last = found.at(-1);
    if (last && last.name === name) found[found.length - 1] = { ...last, to: row + 1 };
    else found.push({ name, from: row, to: row + 1 });
  });
  return found;
}

const BETWEEN = " – ";

function stretches(parts: readonly Block[], most: number): readonly Block[] {
  const long = Math.ceil(parts.length / most);
  return Array.from({ length: Math.ceil(parts.length / long) }, (_, index) => {
    const taken = parts.slice(index * long, (index + 1) * long);
    const [first, last] = [taken[0] as Block, taken.at(-1) as Block];
    const name = first === last ? first.name : `${layerOf(first.name)}${BETWEEN}${layerOf(last.name)}`;
    return { name, from: first.from, to: last.to };
  });
}

/** The block's name in few letters: "blocks.5 – 9" for "blocks.5 – blocks.9". */
export function short(name: string): string {
  const [first = "", last] = name.split(BETWEEN);
  const shared = first.slice(0, first.lastIndexOf(".") + 1);
  return last !== undefined && shared && last.startsWith(shared)
    ? `${first}${BETWEEN}${last.slice(shared.length)}`
    : name;
}

/** Which of these rows belong to the block of this name, "first – last" or one beginning, even if it was found in other rows. */
export function within(rows: readonly string[], block: string): readonly boolean[] {
  const [first = "", last = first] = block.split(BETWEEN);
  const below = (row: string, name: string) => layerOf(row) === name || row === name || row.startsWith(`${name}.`);
  const from = rows.findIndex((row) => below(row, first));
  const to = rows.findLastIndex((row) => below(row, last));
  return rows.map((_, index) => from >= 0 && index >= from && index <= to);
}

const PARTS = /\.(weight|bias|weight_[a-z0-9_]+|bias_[a-z0-9_]+)$/;

/** The layer that a row is about: `fc1` for its parameter `fc1.weight`. */
export function layerOf(row: string): string {
  return row.replace(PARTS, "");
}
