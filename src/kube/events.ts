import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { KubeClient, KubeObject } from "./api.ts";
import { EVENTS, type Event, type ObjectReference } from "./objects.ts";

export type EventText = {
  readonly type: "Normal" | "Warning";
  /** One word, for machines: `AddressPoolFull`. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
};

export type RecorderOptions = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Which part of Berth: `berth-agent`. */
  readonly component: string;
  /** The node. */
  readonly host?: string;
  /** Milliseconds within which the same reason on the same object is told once; 5 minutes. */
  readonly window?: number;
};

/** Told so far; `failed` and `dropped` are worth an alert. */
export type EventCounts = {
  readonly sent: number;
  /** Repetitions within the window; the next one that is sent counts them. */
  readonly merged: number;
  /** Left out since too many were waiting. */
  readonly dropped: number;
  /** Refused by the server, or no answer. */
  readonly failed: number;
};

type Story = { event: Event | undefined; sentAt: number; untold: number };

const WINDOW = 5 * 60_000;
const MAX_STORIES = 1_000;
const MAX_WAITING = 100;
/** Nobody waits for an event, and the API server has better things to do when it is slow. */
const TIMEOUT = 5_000;

/**
 * Tells Kubernetes Events (core/v1: what `kubectl describe` shows). Never blocks and never fails its caller; what cannot be told is
 * counted and logged. Repetitions become the count of one Event.
 */
export class EventRecorder {
  readonly #options: RecorderOptions;
  readonly #stories = new Map<string, Story>();
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #counts = { sent: 0, merged: 0, dropped: 0, failed: 0 };
  #working: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  get counts(): EventCounts {
    return { ...this.#counts };
  }

  record(about: ObjectReference, text: EventText): void {
    const { clock, window = WINDOW } = this.#options;
    const key = JSON.stringify([about.kind, about.namespace, about.name, about.uid, text.type, text.reason]);
    const story = this.#stories.get(key) ?? this.#open(key);
    story.untold++;
    if (clock.elapsed() - story.sentAt < window) {
      this.#counts.merged++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      this.#counts.dropped++;
      return;
    }
    story.sentAt = clock.elapsed();
    this.#waiting.push(() => this.#send(about, text, story));
    this.#working ??= this.#work();
  }

  /** Resolves when all that was recorded so far has been told or given up. */
  async flush(): Promise<void> {
    await this.#working;
  }

  /** The oldest stories are forgotten first: the map keeps its order of insertion. */
  #open(key: string): Story {
    const story = { event: undefined, sentAt: Number.NEGATIVE_INFINITY, untold: 0 };
    this.#stories.set(key, story);
    const oldest = this.#stories.keys().next();
    if (this.#stories.size > MAX_STORIES && !oldest.done) this.#stories.delete(oldest.value);
    return story;
  }

  /** One after the other. */
  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) await next();
    this.#working = undefined;
  }

  async #send(about: ObjectReference, text: EventText, story: Story): Promise<void> {
    const { client, clock, log } = this.#options;
    const count = story.untold;
    story.untold = 0;
    const told = await this.#tell(about, text, story.event, count);
    if (told.ok) {
      story.event = told.value;
      this.#counts.sent++;
      return;
    }
    this.#counts.failed++;
    story.untold += count;
    story.sentAt = clock.elapsed();
    const { code, message } = told.error;
    log("error", "an event could not be told", {
      code,
      message,
      reason: text.reason,
      object: about.name,
      server: client.server,
    });
  }

  async #tell(about: ObjectReference, text: EventText, before: Event | undefined, count: number) {
    const { client, clock } = this.#options;
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    if (before) {
      const total = (before.count ?? 1) + count;
      const patch = { count: total, message: shorten(text.message), lastTimestamp: now };
      const patched = await client.patch(
        EVENTS,
        before.metadata,
        { type: "merge", patch },
        { timeout: TIMEOUT },
      );
      // The server forgets events after an hour.
      if (patched.ok || patched.error.code !== "not_found") return patched;
    }
    return client.create(EVENTS, this.#event(about, text, count, now), { timeout: TIMEOUT });
  }

  #event(about: ObjectReference, text: EventText, count: number, now: string): Event {
    const { clock, component, host } = this.#options;
    const id = Math.floor(clock.random() * 2 ** 52).toString(16);
    const suffix = `${clock.now().toString(16)}${id.padStart(13, "0")}`;
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: {
        name: `${about.name.slice(0, 252 - suffix.length).replace(/[.-]+$/, "")}.${suffix}`,
        // The server wants the event beside its object; one of the whole cluster goes to "default".
        namespace: about.namespace ?? "default",
      },
      involvedObject: about,
      type: text.type,
      reason: text.reason,
      message: shorten(text.message),
      count,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component, ...(host !== undefined && { host }) },
      reportingComponent: component,
      reportingInstance: host ?? "",
    };
  }
}

/** What an event refers to its object by. */
export function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** The server takes 1024 characters. */
function shorten(message: string): string {
  return message.length <= 1024 ? message : `${message.slice(0, 1021)}...`;
}
