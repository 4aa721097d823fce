import { isObject, type JsonObject } from "../cni/json.ts";
import { nearest, nearestHint, renderValue } from "../config/index.ts";
import { element, member } from "../config/json-path.ts";
import type { Report } from "./report.ts";

/** A field that cannot be used; the reason is in the report. An absent one, and null, is undefined. */
export const BROKEN = Symbol("broken");
export type Broken = typeof BROKEN;

/** One object of the document: its fields by key, each with its path. */
export class Fields {
  readonly path: string;
  readonly #object: JsonObject;
  readonly #report: Report;

  private constructor(object: JsonObject, path: string, report: Report) {
    this.#object = object;
    this.path = path;
    this.#report = report;
  }

  /** Unknown keys become warnings: the API server drops them without a word. */
  static of(value: unknown, path: string, known: readonly string[], report: Report): Fields | Broken {
    if (!isObject(value)) return wrongType(value, path, "an object is wanted", report);
    const fields = new Fields(value, path, report);
    for (const key of Object.keys(value)) {
      if (known.includes(key) || !report.takesMore) continue;
      const what = `the key ${renderValue(key)} is not known here and has no effect`;
      const meant = nearest(key, known);
      const hint = meant === undefined ? nearestHint(key, known) : `did you mean "${meant}"?`;
      report.warn("unknown_key", member(path, key), value[key], what, hint);
    }
    return fields;
  }

  at(key: string): string {
    return member(this.path, key);
  }

  /** Own members only: `constructor` and the like are no fields. */
  value(key: string): unknown {
    const value = Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
    return value === null ? undefined : value;
  }

  text(key: string): string | undefined | Broken {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value;
    const hint = isObject(value)
      ? `write ${key}: |- and below it the JSON, indented with spaces`
      : "a text is wanted; put it in quotes, since YAML reads words such as no, on and 1e3 as something else";
    return wrongType(value, this.at(key), hint, this.#report);
  }

  object(key: string, known: readonly string[]): Fields | undefined | Broken {
    const value = this.value(key);
    return value === undefined ? undefined : Fields.of(value, this.at(key), known, this.#report);
  }

  /** The entries of a list with their paths; none if it is absent. */
  list(key: string): readonly { readonly value: unknown; readonly path: string }[] | Broken {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value)) return wrongType(value, this.at(key), "a list is wanted", this.#report);
    return value.map((entry: unknown, index) => ({ value: entry, path: element(this.at(key), index) }));
  }

  texts(key: string): readonly string[] | Broken {
    const list = this.list(key);
    if (list === BROKEN) return BROKEN;
    const wrong = list.find(({ value }) => typeof value !== "string");
    if (wrong) return wrongType(wrong.value, wrong.path, "a text is wanted", this.#report);
    return list.map(({ value }) => String(value));
  }
}

export function wrongType(value: unknown, path: string, hint: string, report: Report): Broken {
  report.error("invalid_type", path, value, `${renderValue(value)} has the wrong type`, hint);
  return BROKEN;
}
