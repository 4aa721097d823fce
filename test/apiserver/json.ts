/** Any JSON object. Objects in the store are never changed in place, only replaced, so readers may keep them. */
export type Json = { readonly [key: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member as an object; an empty one where it is anything else. */
export function child(value: unknown, key: string): Json {
  const member = isJson(value) ? value[key] : undefined;
  return isJson(member) ? member : {};
}

export function text(value: unknown, key: string): string | undefined {
  const member = isJson(value) ? value[key] : undefined;
  return typeof member === "string" ? member : undefined;
}

export function list(value: unknown, key: string): readonly unknown[] {
  const member = isJson(value) ? value[key] : undefined;
  return Array.isArray(member) ? member : [];
}

/** The object with some members set, or left out where the new value is undefined. */
export function having(value: Json, changes: Json): Json {
  const copy: { [key: string]: unknown } = { ...value, ...changes };
  for (const key of Object.keys(changes)) if (changes[key] === undefined) delete copy[key];
  return copy;
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isJson(a) || !isJson(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}
