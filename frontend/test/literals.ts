/** Texts that stand in a source of the page as they are, instead of going through the table of languages. */
import { parseSync } from "vite";

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** Attributes and properties that a person reads or hears. */
const SPOKEN = /^(title|aria-label|placeholder|label|what|prompt|all|first|alt)$/;
const WORD = /\p{Letter}{2}/u;
const HOLDS_CODE = /^(code|Code)$/;

/** Each bare text of a source, with the line that it stands on. */
export function bareTexts(path: string, source: string): readonly string[] {
  const { program } = parseSync(path, source);
  const found: string[] = [];
  const keep = (node: Node, text: string) =>
    WORD.test(text) && found.push(`${path}:${source.slice(0, node.start).split("\n").length} ${text.trim()}`);
  const visit = (node: Node): void => {
    if (node.type === "JSXElement" && HOLDS_CODE.test(nameOf((node.openingElement as Node).name))) return;
    if (node.type === "JSXText") keep(node, String(node.value));
    if (node.type === "JSXAttribute") {
      const value = node.value as Node | null;
      if (SPOKEN.test(nameOf(node.name))) for (const each of said(value)) keep(each, text(each));
      if (value?.type === "JSXExpressionContainer") visit(value.expression as Node);
      return;
    }
    if (node.type === "JSXExpressionContainer") for (const each of said(node.expression)) keep(each, text(each));
    for (const child of children(node)) visit(child);
  };
  visit(program as unknown as Node);
  return found;
}

function nameOf(node: unknown): string {
  return String((node as { name?: unknown })?.name ?? "");
}

function text(node: Node): string {
  return node.type === "TemplateLiteral"
    ? (node.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join(" ")
    : String(node.value);
}

/** The strings that an expression may come to. */
function said(value: unknown): readonly Node[] {
  const node = value as Node | null;
  switch (node?.type) {
    case "Literal":
      return typeof node.value === "string" ? [node] : [];
    case "TemplateLiteral":
      return [node];
    case "JSXExpressionContainer":
      return said(node.expression);
    case "ConditionalExpression":
      return [...said(node.consequent), ...said(node.alternate)];
    case "LogicalExpression":
      return said(node.right);
    default:
      return [];
  }
}

function children(node: Node): readonly Node[] {
  return Object.values(node)
    .flat()
    .filter((each): each is Node => typeof each === "object" && each !== null && "type" in each);
}
