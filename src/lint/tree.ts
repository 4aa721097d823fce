import type { Segment } from "../config/index.ts";

/** A parsed value with its places, the same for JSON and YAML. Offsets count in the text that was parsed. */
export type Tree = {
  readonly value: unknown;
  readonly offset: number;
  /** Where it ends, if that is known. */
  readonly end?: number;
  readonly members?: ReadonlyMap<string, Member>;
  readonly items?: readonly Tree[];
  /** How a text is written, for a text that holds a configuration. */
  readonly written?: Written;
  /** A YAML mapping in braces. */
  readonly isFlow?: boolean;
};

export type Member = { readonly keyOffset: number; readonly tree: Tree };

/** A text as it stands in the file, quotes and escapes and all. */
export type Written = { readonly style: Style; readonly start: number; readonly end: number };
export type Style = "json" | "double" | "single" | "plain" | "block";

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member by its key; as Go reads it, in other letter case too if there is no exact one. */
export function memberOf(tree: Tree | undefined, key: string): Tree | undefined {
  return entryOf(tree, key)?.tree;
}

function entryOf(tree: Tree | undefined, key: string): Member | undefined {
  const exact = tree?.members?.get(key);
  if (exact !== undefined) return exact;
  return [...(tree?.members ?? [])].findLast(([other]) => other.toLowerCase() === key.toLowerCase())?.[1];
}

export function textOf(tree: Tree | undefined, key: string): string | undefined {
  const value = memberOf(tree, key)?.value;
  return typeof value === "string" ? value : undefined;
}

/** Where a path leads, or as far as it does: what is missing is reported at what should hold it. */
export function offsetOf(tree: Tree, path: readonly Segment[], target: "key" | "value"): number {
  let current = tree;
  let offset = tree.offset;
  for (const segment of path) {
    const entry = typeof segment === "string" ? entryOf(current, segment) : undefined;
    const next = entry?.tree ?? (typeof segment === "number" ? current.items?.[segment] : undefined);
    if (next === undefined) return offset;
    current = next;
    offset = target === "key" && entry ? entry.keyOffset : next.offset;
  }
  return offset;
}

/** The path of the last thing that starts at or before an offset; not into what has ended by then. */
export function pathAt(tree: Tree, offset: number): Segment[] {
  if (tree.end !== undefined && tree.end < offset) return [];
  const children: [Segment, number, Tree][] = [
    ...[...(tree.members ?? [])].map(([key, { keyOffset, tree }]): [Segment, number, Tree] => [
      key,
      keyOffset,
      tree,
    ]),
    ...(tree.items ?? []).map((item, index): [Segment, number, Tree] => [index, item.offset, item]),
  ];
  const last = children.findLast(([, start]) => start <= offset);
  return last === undefined ? [] : [last[0], ...pathAt(last[2], offset)];
}
