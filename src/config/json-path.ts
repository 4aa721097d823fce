export type Segment = string | number;

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * The path of a member. A `base` that is empty or ends in ": " (a file, or a text that holds JSON) starts a new
 * path: `member("/etc/x.conf: ", "range")` is `/etc/x.conf: range`.
 */
export function member(base: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${base}[${JSON.stringify(key)}]`;
  return base === "" || base.endsWith(": ") ? `${base}${key}` : `${base}.${key}`;
}

export function element(base: string, index: number): string {
  return `${base}[${index}]`;
}

export function formatPath(segments: readonly Segment[]): string {
  return segments.reduce<string>(
    (base, segment) => (typeof segment === "number" ? element(base, segment) : member(base, segment)),
    "",
  );
}

/** The segments of a path that `formatPath` made; what cannot be read ends the list. */
export function parsePath(path: string): Segment[] {
  const segments: Segment[] = [];
  const token = /\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  for (let match = token.exec(path); match !== null; match = token.exec(path)) {
    const [, plain, index, quoted] = match;
    if (plain !== undefined) segments.push(plain);
    else if (index !== undefined) segments.push(Number(index));
    else if (quoted !== undefined) segments.push(String(JSON.parse(quoted)));
  }
  return segments;
}
