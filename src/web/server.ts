import { version } from "../../package.json";
import type { Clock } from "../clock.ts";
import type { Holding } from "../inspect/holding.ts";
import { mapOf } from "../inspect/map.ts";
import { claimRecord } from "../inspect/records.ts";
import { carryOut, planRelease, planReservation } from "../inspect/steer.ts";
import { type Address, addressOf, parseAddress } from "../ip/address.ts";
import { type Cidr, contains, formatCidr, parseCidr } from "../ip/cidr.ts";
import type { Store } from "../store/store.ts";
import type { AddressAnswer, ClaimPage, MapAnswer, Overview, StepAnswer, StepRequest } from "./api.ts";
import { ASSETS } from "./assets.ts";
import { type Guard, judge, SECURITY_HEADERS } from "./guard.ts";
import { type Facts, Live } from "./live.ts";
import type { PoolState } from "./snapshot.ts";
import { readStep } from "./step.ts";

export type UiOptions = {
  readonly store: Store;
  readonly facts: Facts;
  readonly clock: Clock;
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly token: string;
  readonly writable: boolean;
  /** Names besides its own address under which the server may be asked, with port. */
  readonly hosts?: readonly string[];
};

const MOST_CLAIMS = 200;
const MOST_BODY = 16 * 1024;
/** A line that says nothing, so that a proxy does not take a quiet stream for a dead one. Milliseconds. */
const HEARTBEAT = 15_000;

/** Serves the page and what it asks for; throws what Bun throws if the address cannot be had. */
export class Ui {
  readonly #options: UiOptions;
  readonly #live: Live;
  readonly #server: ReturnType<typeof Bun.serve>;
  readonly #guard: Guard;

  private constructor(options: UiOptions, live: Live) {
    this.#options = options;
    this.#live = live;
    const { hostname, port } = options;
    this.#server = Bun.serve({
      hostname,
      port,
      idleTimeout: 0, // a stream of events may be quiet for hours
      maxRequestBodySize: MOST_BODY,
      fetch: (request) => this.#handle(request),
    });
    const own = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${this.#server.port}`;
    const local = `localhost:${this.#server.port}`;
    this.#guard = { token: options.token, hosts: [own, local, ...(options.hosts ?? [])] };
  }

  static async start(options: UiOptions): Promise<Ui> {
    const live = new Live(options.store, options.facts, options.clock);
    await live.start();
    return new Ui(options, live);
  }

  /** The address with the key. */
  get url(): string {
    return `http://${this.#guard.hosts[0]}/?token=${this.#options.token}`;
  }

  async stop(): Promise<void> {
    this.#live.stop();
    await this.#server.stop(true);
  }

  async #handle(request: Request): Promise<Response> {
    const verdict = judge(request, this.#guard);
    const response = verdict.kind === "pass" ? await this.#answer(request) : verdict.response;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
    return response;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST") return this.#steer(pathname, request);
    const asset = Object.hasOwn(ASSETS, pathname) ? ASSETS[pathname] : undefined;
    if (asset) return new Response(asset.text, { headers: { "content-type": asset.type } });
    switch (pathname) {
      case "/api/overview":
        await this.#live.refresh();
        return Response.json(this.#overview());
      case "/api/map":
        return this.#map(searchParams);
      case "/api/claims":
        return this.#claims(searchParams);
      case "/api/search":
        return Response.json(this.#search(searchParams.get("q") ?? ""));
      case "/api/address":
        return this.#address(searchParams.get("address") ?? "");
      case "/api/events":
        return this.#events(request);
      default:
        return refusal(404, `there is nothing at ${pathname}`);
    }
  }

  #overview(): Overview {
    const { snapshot, trouble } = this.#live;
    return {
      version,
      store: this.#options.store.name,
      ...(trouble !== undefined && { trouble }),
      writable: this.#options.writable,
      revision: snapshot.revision,
      pools: [...snapshot.pools.values()].map(({ summary }) => summary),
      findings: snapshot.findings,
      claims: snapshot.claims.length,
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
    const map = mapOf({ pool, claims, rules, isGone, now: this.#options.clock.now(), block });
    return Response.json({ ...map, pool: summary } satisfies MapAnswer);
  }

  #claims(query: URLSearchParams): Response {
    const found = this.#part(query);
    if (found instanceof Response) return found;
    const { state, block } = found;
    const claims = block ? this.#live.snapshot.inBlock(state, block) : state.claims;
    const offset = Math.max(0, Math.trunc(Number(query.get("offset") ?? 0)) || 0);
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

  #search(text: string): ClaimPage {
    const { found, total } = this.#live.snapshot.search(text.slice(0, 200), MOST_CLAIMS);
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

  /** One line whenever something has changed; what, the page asks for itself. */
  #events(request: Request): Response {
    let end: () => void = () => undefined;
    const stream = new ReadableStream<string>({
      start: (controller) => {
        const say = () => controller.enqueue(`data: ${this.#live.snapshot.revision}\n\n`);
        const unwatch = this.#live.watch(say);
        const beat = setInterval(() => controller.enqueue(": quiet\n\n"), HEARTBEAT);
        end = () => {
          clearInterval(beat);
          unwatch();
        };
        request.signal.addEventListener("abort", end, { once: true });
        say();
      },
      cancel: () => end(),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  async #steer(pathname: string, request: Request): Promise<Response> {
    if (pathname !== "/api/reserve" && pathname !== "/api/release")
      return refusal(404, `there is nothing at ${pathname}`);
    if (!this.#options.writable)
      return refusal(403, "this page only looks; berth ui --allow-writes also changes");
    const body = readStep(await request.text());
    if (!body.ok) return refusal(400, body.error);
    const { store, clock } = this.#options;
    const { address, reservation, choice, yes } = body.value;
    if (pathname === "/api/reserve" && !reservation) return refusal(400, "owner and reason are wanted");
    const step =
      pathname === "/api/reserve" && reservation
        ? await planReservation(store, address, reservation, choice, clock.now())
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

function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

export type { StepRequest };
