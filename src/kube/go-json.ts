/** What Go's encoding/json writes as escapes, and JSON.stringify as it is. */
const ESCAPED_BY_GO = /[&<>\u2028\u2029]/g;

/**
 * JSON as Go writes it. The API server compares the value of a JSON patch's `test` with what it has as texts (evanphx/json-patch), and
 * what it has was written by Go: `a&b` never equals `a\u0026b` there, and the patch fails whatever is tried.
 */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    ESCAPED_BY_GO,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
