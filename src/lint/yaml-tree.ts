import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
} from "yaml";
import type { Member, Style, Tree } from "./tree.ts";

/** Aliases may repeat a part any number of times; more nodes than this are no configuration. */
const MOST_NODES = 200_000;

export type YamlDocument = { readonly tree: Tree | undefined; readonly errors: readonly YAMLError[] };

/**
 * The documents of a YAML text. Version 1.1, since that is what Kubernetes reads: `name: no` is false there. What
 * is broken is left out, the rest is kept.
 */
export function yamlDocuments(text: string): YamlDocument[] {
  const documents = parseAllDocuments(text, { version: "1.1", prettyErrors: false });
  return documents.map((document) => {
    const builder = new TreeBuilder(document, text);
    const tree = document.contents === null ? undefined : builder.treeOf(document.contents);
    return { tree, errors: [...document.errors, ...document.warnings] };
  });
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #text: string;
  #nodes = 0;

  constructor(document: Document.Parsed, text: string) {
    this.#document = document;
    this.#text = text;
  }

  /** @throws RangeError if there are too many nodes. */
  treeOf(node: Node): Tree {
    if (++this.#nodes > MOST_NODES) throw new RangeError("too many nodes");
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      return target === undefined ? { value: undefined, offset } : { ...this.treeOf(target), offset };
    }
    if (isMap(node)) {
      const members = this.#membersOf(node.items);
      const value = Object.fromEntries([...members].map(([key, { tree }]) => [key, tree.value]));
      return { value, offset, end: node.range?.[1] ?? offset, members, isFlow: node.flow === true };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#treeOfUnknown(item, offset));
      return { value: items.map(({ value }) => value), offset, end: node.range?.[1] ?? offset, items };
    }
    return isScalar(node) ? this.#scalarOf(node, offset) : { value: undefined, offset };
  }

  #membersOf(pairs: readonly Pair[]): Map<string, Member> {
    const members = new Map<string, Member>();
    for (const { key, value } of pairs) {
      const keyTree = this.#treeOfUnknown(key, 0);
      const name = isScalar(key) ? (key.source ?? String(key.value)) : "";
      members.set(name, { keyOffset: keyTree.offset, tree: this.#treeOfUnknown(value, keyTree.offset) });
    }
    return members;
  }

  #treeOfUnknown(node: unknown, offset: number): Tree {
    const isNode = isAlias(node) || isMap(node) || isSeq(node) || isScalar(node);
    return isNode ? this.treeOf(node) : { value: null, offset };
  }

  #scalarOf(node: Scalar, offset: number): Tree {
    const { value } = node;
    // Dates are a habit of YAML 1.1 that no Kubernetes client shares.
    if (value instanceof Date) return { value: node.source ?? "", offset };
    if (typeof value !== "string")
      return { value: typeof value === "bigint" ? Number(value) : value, offset };
    const end = node.range?.[1] ?? offset;
    return { value, offset, written: { style: styleAt(this.#text, offset), start: offset, end } };
  }
}

function styleAt(text: string, offset: number): Style {
  switch (text[offset]) {
    case '"':
      return "double";
    case "'":
      return "single";
    case "|":
    case ">":
      return "block";
    default:
      return "plain";
  }
}
