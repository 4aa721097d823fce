import type { Clock, Timer } from "../clock.ts";

/** Characters of an event that is told at once, whatever comes after it. */
const SMALL = 8_192;
/** Milliseconds for which events wait after a large one, for each thousand of its characters, and at most. */
const PAUSE_PER_THOUSAND = 2;
const LONGEST_PAUSE = 200;

type Waiting = { readonly line: string; readonly uid: string | undefined };

/**
 * The lines of a watch on their way to who reads them. A pool of thousands is told whole at each of its changes, to each
 * node: while it changes faster than it is worth reading, versions that a newer one has overtaken are left out unread.
 * The others keep their order.
 */
export class Overtaking {
  readonly #clock: Clock;
  readonly #tell: (line: string) => void;
  readonly #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #until = 0;

  constructor(clock: Clock, tell: (line: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  push(line: string): void {
    const isLarge = line.length > SMALL;
    if (this.#waiting.length === 0 && (!isLarge || this.#clock.elapsed() >= this.#until)) {
      if (isLarge) this.#rest(line);
      this.#tell(line);
      return;
    }
    const uid = isLarge ? uidOf(line) : undefined;
    if (uid !== undefined) {
      const older = this.#waiting.findIndex((waiting) => waiting.uid === uid);
      if (older >= 0) this.#waiting.splice(older, 1);
    }
    this.#waiting.push({ line, uid });
    this.#timer ??= this.#clock.after(this.#until - this.#clock.elapsed(), () => this.flush());
  }

  /** Tells what waits. */
  flush(): void {
    for (const { line } of this.drop()) {
      if (line.length > SMALL) this.#rest(line);
      this.#tell(line);
    }
  }

  /** Forgets what waits. */
  drop(): readonly Waiting[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    return this.#waiting.splice(0);
  }

  #rest({ length }: string): void {
    const pause = Math.min(LONGEST_PAUSE, (length / 1_000) * PAUSE_PER_THOUSAND);
    this.#until = this.#clock.elapsed() + pause;
  }
}

const HEAD = /^\{"type":"(?:ADDED|MODIFIED)","object":\{(?:"(?:apiVersion|kind)":"[^"\\]*",)*"metadata":\{/;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g;

/**
 * The uid of the object of an event that says what the object now is, read without the rest. Undefined for other events,
 * and for one that is not written as servers write it: `metadata` before all large members.
 */
export function uidOf(line: string): string | undefined {
  const head = HEAD.exec(line)?.[0];
  if (head === undefined) return undefined;
  let depth = 1;
  let key = "";
  for (TOKEN.lastIndex = head.length; depth > 0; ) {
    const token = TOKEN.exec(line)?.[0];
    if (token === undefined) return undefined;
    if (token === "}" || token === "]") depth--;
    else if (token === "{" || token === "[") {
      // As large as the object itself. Its entries have no lists inside, and what follows is the name.
      const end = depth === 1 && key === "managedFields" ? line.indexOf('],"name":"', TOKEN.lastIndex) : -1;
      if (end > 0) TOKEN.lastIndex = end;
      depth++;
    } else if (depth === 1 && line[TOKEN.lastIndex] === ":") key = token.slice(1, -1);
    else if (depth === 1 && key === "uid") return token.slice(1, -1);
  }
  return undefined;
}
