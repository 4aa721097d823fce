import { version } from "../../package.json";
import type { Clock } from "../clock.ts";
import type { Holding } from "../inspect/holding.ts";
import { mapOf } from "../inspect/map.ts";
import { claimRecord } from "../inspect/records.ts";
import { carryOut, planRelease, planReservation } from "../inspect/steer.ts";
import { type Address, addressOf, parseAddress } from "../ip/address.ts";
import { type Cidr, contains, formatCidr, parseCidr } from "../ip/cidr.ts";
import type { Store } from "../store/store.ts";
import type { AddressAnswer, ClaimPage, MapAnswer, Overview, StepAnswer } from "./api.ts";
import { ASSETS } from "./assets.ts";
import { type Door, refusal, type Visitor } from "./door.ts";
import { judgeOrigin, SECURITY_HEADERS } from "./guard.ts";
import { type Facts, Live } from "./live.ts";
import type { PoolState } from "./snapshot.ts";
import { readStep, type StepBody } from "./step.ts";

export type UiOptions = {
  readonly store: Store;
  readonly facts: Facts;
  readonly clock: Clock;
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly door: Door;
  /** PEM; absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Names besides its own address under which the server may be asked, with port. */
  readonly hosts?: readonly string[];
};

const MOST_CLAIMS = 200;
const MOST_FINDINGS = 50;
const MOST_BODY = 16 * 1024;
/** A line that says nothing, so that a proxy does not take a quiet stream for a dead one. Milliseconds. */
const HEARTBEAT = 15_000;

/** Serves the page and what it asks for; throws what Bun throws if the address cannot be had. */
export class Ui {
  readonly #options: UiOptions;
  readonly #live: Live;
  readonly #server: ReturnType<typeof Bun.serve>;
  readonly #hosts: readonly string[];

  private constructor(options: UiOptions, live: Live) {
    this.#options = options;
    this.#live = live;
    const { hostname, port, tls } = options;
    this.#server = Bun.serve({
      hostname,
      port,
      ...(tls && { tls }),
      idleTimeout: 0, // a stream of events may be quiet for hours
      maxRequestBodySize: MOST_BODY,
      fetch: (request) => this.#handle(request),
    });
    const own = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.#server.port}`;
    const local = `localhost:${this.#server.port}`;
    this.#hosts = [own, local, ...(options.hosts ?? [])].map((host) => host.toLowerCase());
  }

  static async start(options: UiOptions): Promise<Ui> {
    const live = new Live(options.store, options.facts, options.clock);
    await live.start();
    return new Ui(options, live);
  }

  /** The address to open, with the key where there is one. */
  get url(): string {
    const { door, tls } = this.#options;
    return `${tls ? "https" : "http"}://${this.#hosts[0]}/${door.query}`;
  }

  async stop(): Promise<void> {
    this.#live.stop();
    await this.#server.stop(true);
  }

  async #handle(request: Request): Promise<Response> {
    const response = judgeOrigin(request, this.#hosts) ?? (await this.#enter(request));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
    return response;
  }

  async #enter(request: Request): Promise<Response> {
    const { door } = this.#options;
    const { pathname } = new URL(request.url);
    const asset = Object.hasOwn(ASSETS, pathname) ? ASSETS[pathname] : undefined;
    const file = () => new Response(asset?.text, { headers: { "content-type": asset?.type ?? "" } });
    if (asset && door.isPageForAll) return file();
    const admission = await door.admit(request);
    if (admission.kind === "answer") return admission.response;
    return asset ? file() : this.#answer(request, admission.visitor);
  }

  async #answer(request: Request, visitor: Visitor): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST") return this.#steer(pathname, request, visitor);
    switch (pathname) {
      case "/api/overview":
        if (!this.#live.isFollowed) await this.#live.refresh();
        return Response.json(this.#overview(visitor));
      case "/api/map":
        return this.#map(searchParams);
      case "/api/claims":
        return this.#claims(searchParams);
      case "/api/search":
        return Response.json(this.#search(searchParams));
      case "/api/address":
        return this.#address(searchParams.get("address") ?? "");
      case "/api/events":
        return this.#events(request);
      default:
        return refusal(404, `there is nothing at ${pathname}`);
    }
  }

  #overview({ user, canLeave, canWrite, seesEvents }: Visitor): Overview {
    const { snapshot, trouble } = this.#live;
    return {
      version,
      store: this.#options.store.name,
      ...(trouble !== undefined && { trouble }),
      ...(user !== undefined && { user }),
      canLeave,
      writable: canWrite,
      revision: snapshot.revision,
      pools: [...snapshot.pools.values()].map(({ summary }) => summary),
      findings: snapshot.findings.slice(0, MOST_FINDINGS),
      problems: snapshot.findings.length,
      notices: seesEvents ? (this.#options.facts.notices?.() ?? []) : [],
      claims: snapshot.held,
      pods: snapshot.pods,
      nodes: snapshot.nodes,
    };
  }

  #map(query: URLSearchParams): Response {
    const found = this.#part(query);
    if (found instanceof Response) return found;
    const { state, block } = found;
    const { pool, claims, rules, summary } = state;
    const isGone = this.#options.facts.isGone ?? (() => false);
    const { snapshot } = this.#live;
    const elsewhere = (part: Cidr) => snapshot.elsewhere(state, part);
    const now = this.#options.clock.now();
    const map = mapOf({ pool, claims, rules, isGone, elsewhere, now, block });
    const overlaps = snapshot.overlapping(state).map((other) => other.summary);
    return Response.json({ ...map, pool: summary, overlaps } satisfies MapAnswer);
  }

  #claims(query: URLSearchParams): Response {
    const found = this.#part(query);
    if (found instanceof Response) return found;
    const { state, block } = found;
    const claims = block ? this.#live.snapshot.inBlock(state, block) : state.claims;
    const offset = offsetIn(query);
    const page = claims.slice(offset, offset + MOST_CLAIMS).map(claimRecord);
    return Response.json({ claims: page, total: claims.length } satisfies ClaimPage);
  }

  /** The pool that is meant, and the part of it. */
  #part(query: URLSearchParams): { state: PoolState; block: Cidr | undefined } | Response {
    const id = query.get("pool") ?? "";
    const state = this.#live.snapshot.pools.get(id);
    if (!state) return refusal(404, `there is no pool ${id}`);
    const text = query.get("block");
    if (text === null) return { state, block: undefined };
    const block = parseCidr(text);
    const { range } = state.pool;
    if (!block.ok) return refusal(400, `${text}: ${block.error.hint}`);
    const first = addressOf(block.value.family, block.value.base);
    if (block.value.prefix < range.prefix || !contains(range, first))
      return refusal(400, `${text} is no part of ${formatCidr(range)}`);
    return { state, block: block.value };
  }

  #search(query: URLSearchParams): ClaimPage {
    const text = (query.get("q") ?? "").slice(0, 200);
    const { found, total } = this.#live.snapshot.search(text, offsetIn(query), MOST_CLAIMS);
    return { claims: found.map(claimRecord), total };
  }

  async #address(text: string): Promise<Response> {
    const address = parseAddress(text, "sloppy");
    if (!address.ok) return refusal(400, `${text}: ${address.error.hint}`);
    const claims = await this.#options.store.claims({ address: address.value });
    if (!claims.ok) return refusal(503, `${claims.error.store}: ${claims.error.message}`);
    const history = await this.#history(address.value);
    const answer: AddressAnswer = {
      address: text,
      claims: claims.value.map(claimRecord),
      ...(history && { history }),
    };
    return Response.json(answer);
  }

  /** Whatever is wrong with the history, who holds the address now can be said. */
  async #history(address: Address): Promise<readonly Holding[] | undefined> {
    try {
      return await this.#options.facts.history?.(address);
    } catch {
      return undefined;
    }
  }

  /** One line whenever something has changed; what, the page asks for itself. Ends with the visitor's right to look. */
  #events(request: Request): Response {
    const { clock, door } = this.#options;
    let end: () => void = () => undefined;
    const stream = new ReadableStream<string>({
      start: (controller) => {
        const say = () => controller.enqueue(`data: ${this.#live.snapshot.revision}\n\n`);
        const unwatch = this.#live.watch(say);
        let timer = clock.after(HEARTBEAT, () => void beat());
        let isOver = false;
        const beat = async () => {
          const admission = await door.admit(request);
          if (isOver) return;
          if (admission.kind === "answer") {
            end();
            controller.close();
            return;
          }
          controller.enqueue(": quiet\n\n");
          timer = clock.after(HEARTBEAT, () => void beat());
        };
        end = () => {
          isOver = true;
          timer.cancel();
          unwatch();
        };
        request.signal.addEventListener("abort", end, { once: true });
        say();
      },
      cancel: () => end(),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  async #steer(pathname: string, request: Request, visitor: Visitor): Promise<Response> {
    if (pathname !== "/api/reserve" && pathname !== "/api/release")
      return refusal(404, `there is nothing at ${pathname}`);
    if (!visitor.canWrite) return refusal(403, visitor.whyNot ?? "you only look");
    const body = readStep(await request.text());
    if (!body.ok) return refusal(400, body.error);
    if (pathname === "/api/reserve" && !body.value.reservation)
      return refusal(400, "owner and reason are wanted");
    const store = visitor.openStore?.() ?? this.#options.store;
    try {
      return await this.#step(store, pathname === "/api/reserve", body.value);
    } finally {
      if (visitor.openStore) store.close();
    }
  }

  async #step(store: Store, reserves: boolean, body: StepBody): Promise<Response> {
    const { address, reservation, choice, yes } = body;
    const step =
      reserves && reservation
        ? await planReservation(store, address, reservation, choice, this.#options.clock.now())
        : await planRelease(store, address, choice);
    if (!step.ok) return refusal(409, step.error);
    if (yes) {
      const done = await carryOut(store, step.value);
      if (!done.ok) return refusal(409, done.error);
      await this.#live.refresh();
    }
    const { who, addresses, fromPod } = step.value;
    return Response.json({ done: yes, who, addresses, fromPod } satisfies StepAnswer);
  }
}

function offsetIn(query: URLSearchParams): number {
  return Math.max(0, Math.trunc(Number(query.get("offset") ?? 0)) || 0);
}
