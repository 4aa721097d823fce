import { child, having, isJson, type Json, list, text } from "./json.ts";
import { BUILT_IN, CRD_KIND, type Kind, table } from "./kinds.ts";
import type { Schema } from "./schema.ts";
import type { ObjectStore } from "./store.ts";

/** Which kinds are served: the built-in ones and those of the CustomResourceDefinitions in the store. */
export class Registry {
  readonly #kinds = new Map<string, Kind>();

  constructor(store: ObjectStore) {
    for (const kind of BUILT_IN) this.#kinds.set(id(kind), kind);
    store.listen(table(CRD_KIND), ({ type, object, previous }) => {
      for (const kind of previous ? customKinds(previous) : []) this.#kinds.delete(id(kind));
      if (type === "DELETED") return;
      for (const kind of customKinds(object)) this.#kinds.set(id(kind), kind);
    });
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#kinds.get(`${group}/${version}/${plural}`);
  }

  all(): IterableIterator<Kind> {
    return this.#kinds.values();
  }
}

function id(kind: Kind): string {
  return `${kind.group}/${kind.version}/${kind.plural}`;
}

/** The kinds that a CustomResourceDefinition serves, one a version. */
export function customKinds(definition: Json): Kind[] {
  const spec = child(definition, "spec");
  const names = child(spec, "names");
  const kind = text(names, "kind") ?? "";
  const kinds: Kind[] = [];
  for (const version of list(spec, "versions")) {
    if (!isJson(version) || version.served !== true) continue;
    kinds.push({
      group: text(spec, "group") ?? "",
      version: text(version, "name") ?? "",
      plural: text(names, "plural") ?? "",
      singular: text(names, "singular") ?? kind.toLowerCase(),
      kind,
      listKind: text(names, "listKind") ?? `${kind}List`,
      shortNames: list(names, "shortNames").map(String),
      namespaced: spec.scope === "Namespaced",
      status: isJson(child(version, "subresources").status),
      conditional: true,
      createOnUpdate: false,
      custom: true,
      naming: "subdomain",
      schema: child(child(version, "schema"), "openAPIV3Schema") as Schema,
    });
  }
  return kinds;
}

/** The definition with the status that a real server's controllers give it: names accepted, established. */
export function established(definition: Json, now: string): Json {
  const spec = child(definition, "spec");
  const names = child(spec, "names");
  const kind = text(names, "kind") ?? "";
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: "True",
    reason,
    message,
    lastTransitionTime: now,
  });
  const accepted = { listKind: `${kind}List`, singular: kind.toLowerCase(), ...names };
  return having(definition, {
    spec: { conversion: { strategy: "None" }, ...spec, names: accepted },
    status: {
      acceptedNames: accepted,
      conditions: [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
      ],
      storedVersions: list(spec, "versions")
        .filter((version) => isJson(version) && version.storage === true)
        .map((version) => text(version, "name")),
    },
  });
}
