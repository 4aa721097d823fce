import { type Node, parseTree } from "jsonc-parser";
import type { Member, Tree } from "./tree.ts";

export type DuplicateKey = { readonly key: string; readonly offset: number };

/** Any JSON text as a tree; what is broken is left out. Duplicate keys: the last one counts, as in Go. */
export function jsonTree(text: string, duplicates: DuplicateKey[]): Tree | undefined {
  const node = parseTree(text, [], { disallowComments: true });
  return node && treeOf(node, duplicates);
}

function treeOf(node: Node, duplicates: DuplicateKey[]): Tree {
  const { offset } = node;
  if (node.type === "object") {
    const members = membersOf(node, duplicates);
    const value = Object.fromEntries([...members].map(([key, { tree }]) => [key, tree.value]));
    return { value, offset, members };
  }
  if (node.type === "array") {
    const items = (node.children ?? []).map((child) => treeOf(child, duplicates));
    return { value: items.map(({ value }) => value), offset, items };
  }
  const value: unknown = node.value;
  if (node.type !== "string") return { value, offset };
  return { value, offset, written: { style: "json", start: offset, end: offset + node.length } };
}

function membersOf(node: Node, duplicates: DuplicateKey[]): Map<string, Member> {
  const members = new Map<string, Member>();
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (members.has(name)) duplicates.push({ key: name, offset: key.offset });
    members.set(name, { keyOffset: key.offset, tree: treeOf(value, duplicates) });
  }
  return members;
}
