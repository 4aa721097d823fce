import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/clock.ts";
import { Client } from "../../src/kube/client.ts";
import type { LogFields } from "../../src/log.ts";
import { KubernetesStore } from "../../src/store/kubernetes/kubernetes.ts";
import { Ui } from "../../src/web/server.ts";
import { SignInDoor } from "../../src/web/sign-in.ts";
import { ANSWERS } from "../apiserver/faults.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { NAMESPACE, People } from "./people.ts";

/** The page over the double, with its clock in the test's hand. */
class House {
  readonly people = new People();
  /** Of door and page; the store has the machine's. */
  readonly clock = new VirtualClock(1, Date.now());
  readonly log: string[] = [];
  readonly clients: string[] = [];
  #sessions = 0;
  #ui: Ui | undefined;
  readonly #store: KubernetesStore;

  constructor() {
    this.#store = new KubernetesStore(this.#client("page"), this.#options(true));
  }

  static async open(writable: boolean): Promise<House> {
    const house = new House();
    const log = (_level: string, msg: string, fields: LogFields = {}) => {
      house.log.push(JSON.stringify({ msg, ...fields }));
    };
    const door = new SignInDoor({
      connect: (token) => house.#client(token),
      openStore: (client) => new KubernetesStore(client, house.#options(false)),
      clock: house.clock,
      log,
      writable,
      newSession: () => `session-${++house.#sessions}`,
    });
    house.#ui = await Ui.start({
      store: house.#store,
      facts: { networks: async () => [] },
      clock: house.clock,
      hostname: "127.0.0.1",
      port: 0,
      door,
    });
    return house;
  }

  #client(token: string): Client {
    return new Client(this.people.double.connect({ client: token, token }), systemClock, {
      namespace: NAMESPACE,
    });
  }

  #options(staying: boolean) {
    return { clock: systemClock, log: () => undefined, staying, patience: 5_000 };
  }

  ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.#ui?.url), { redirect: "manual", ...init, headers });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.ask(path, { "x-berth": "1", ...headers }, { method: "POST", body: JSON.stringify(body) });
  }

  /** The cookie that a browser would send from now on. */
  async signIn(token: string): Promise<{ cookie: string }> {
    const answer = await this.post("/api/session", { token });
    expect(answer.status).toBe(200);
    return { cookie: answer.headers.get("set-cookie")?.split(";")[0] ?? "" };
  }

  async close(): Promise<void> {
    await this.#ui?.stop();
    this.#store.close();
  }
}

const bodyOf = async (response: Response) => Object(await response.json());
const errorOf = async (response: Response) => [response.status, (await bodyOf(response)).error];
const reserve = { address: "10.1.0.9", owner: "ops", reason: "printer", yes: true };

describe("signing in with a token of the cluster", () => {
  let house: House;
  afterEach(() => house.close());

  test("the page itself is for all, what it shows for those who may look", async () => {
    house = await House.open(false);
    expect((await house.ask("/")).status).toBe(200);
    expect((await house.ask("/app.js")).status).toBe(200);
    for (const path of ["/api/overview", "/api/events", "/api/search?q=x", "/api/nothing"])
      expect((await house.ask(path)).status).toBe(401);
    expect(await errorOf(await house.post("/api/session", { token: "unknown" }))).toEqual([
      401,
      "the cluster does not know this token, or not any more",
    ]);
    for (const token of ["", "two words", 7, "x".repeat(13_000), "ü"])
      expect((await house.post("/api/session", { token })).status).toBe(400);
    const [status, why] = await errorOf(await house.post("/api/session", { token: "stranger" }));
    expect(status).toBe(403);
    expect(why).toContain(`stranger may not: list ippools.whereabouts.cni.cncf.io in ${NAMESPACE}`);
    expect(why).toContain("list pods in all namespaces");
  });

  test("the cookie is no token, scripts cannot read it, other sites cannot send it", async () => {
    house = await House.open(false);
    const answer = await house.post("/api/session", { token: "viewer" });
    const header = answer.headers.get("set-cookie") ?? "";
    expect(header).toMatch(/^berth-session=session-1; HttpOnly; SameSite=Strict; Path=\/; Max-Age=28800$/);
    expect(await answer.json()).toEqual({ user: "viewer" });
    const proxied = await house.post("/api/session", { token: "viewer" }, { "x-forwarded-proto": "https" });
    expect(proxied.headers.get("set-cookie")).toEndWith("; Secure");
    // A form of another page, which would sign somebody in as somebody else.
    const body = JSON.stringify({ token: "viewer" });
    expect((await house.ask("/api/session", {}, { method: "POST", body })).status).toBe(403);
    const foreign = { origin: "http://evil.example" };
    expect((await house.post("/api/session", { token: "viewer" }, foreign)).status).toBe(403);
  });

  test("who may look sees everything, and changes nothing", async () => {
    house = await House.open(true);
    const cookie = await house.signIn("viewer");
    const overview = await bodyOf(await house.ask("/api/overview", cookie));
    expect(overview).toMatchObject({ user: "viewer", canLeave: true, writable: false });
    expect(overview.pools).toHaveLength(1);
    const [status, why] = await errorOf(await house.post("/api/reserve", reserve, cookie));
    expect([status, why]).toEqual([403, expect.stringContaining("viewer may not: patch ippools")]);
    expect(house.people.holders()).toEqual({ 2: "default/web-1" });
  });

  test("who may write writes with their own token; only where the page was started for it", async () => {
    house = await House.open(true);
    const cookie = await house.signIn("editor");
    expect((await bodyOf(await house.ask("/api/overview", cookie))).writable).toBe(true);
    house.people.double.counts.reset();
    const answer = await house.post("/api/reserve", reserve, cookie);
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ done: true })]);
    expect(Object.keys(house.people.holders())).toEqual(["2", "9"]);
    const { counts } = house.people.double;
    expect([counts.writes("page"), counts.count({ client: "editor", verb: "patch" })]).toEqual([0, 1]);
    await house.close();
    house = await House.open(false);
    const [status, why] = await errorOf(
      await house.post("/api/reserve", reserve, await house.signIn("editor")),
    );
    expect([status, why]).toEqual([403, expect.stringContaining("this page only looks")]);
  });

  test("a right that is withdrawn, and a token that is revoked, count within seconds", async () => {
    house = await House.open(true);
    const cookie = await house.signIn("editor");
    house.people.bind("editor", "berth-viewer");
    await house.clock.advance(11_000);
    expect((await bodyOf(await house.ask("/api/overview", cookie))).writable).toBe(false);
    house.people.unbind("editor");
    await house.clock.advance(11_000);
    expect((await house.ask("/api/overview", cookie)).status).toBe(403);
    house.people.double.tokens.delete("editor");
    await house.clock.advance(11_000);
    expect((await house.ask("/api/overview", cookie)).status).toBe(401);
    house.people.bind("editor", "berth-viewer");
    expect(await errorOf(await house.ask("/api/overview", cookie))).toEqual([
      401,
      "this session has ended: sign in with a token of the cluster",
    ]);
  });

  test("who follows the changes is cut off when the right to look ends", async () => {
    house = await House.open(false);
    const cookie = await house.signIn("viewer");
    const stream = await house.ask("/api/events", cookie);
    const reader = stream.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    await house.clock.advance(16_000);
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(": quiet\n\n");
    house.people.unbind("viewer");
    await house.clock.advance(16_000);
    expect((await reader?.read())?.done).toBe(true);
  });

  test("a session ends by hand, after an idle hour, and with its token", async () => {
    house = await House.open(false);
    const one = await house.signIn("viewer");
    const out = await house.ask("/api/session", { ...one, "x-berth": "1" }, { method: "DELETE" });
    expect(out.headers.get("set-cookie")).toContain("berth-session=; ");
    expect((await house.ask("/api/overview", one)).status).toBe(401);
    const two = await house.signIn("viewer");
    await house.clock.advance(3_601_000);
    expect((await house.ask("/api/overview", two)).status).toBe(401);
    const payload = { exp: Math.floor(house.clock.now() / 1000) + 60 };
    const token = `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.sig`;
    house.people.add(token, "viewer");
    const three = await house.signIn(token);
    expect((await house.ask("/api/overview", three)).status).toBe(200);
    await house.clock.advance(61_000);
    expect((await house.ask("/api/overview", three)).status).toBe(401);
  });

  test("a proxy signs in with each request; the cluster is asked once for many", async () => {
    house = await House.open(false);
    const proxied = { authorization: "Bearer viewer" };
    const first = await bodyOf(await house.ask("/api/overview", proxied));
    expect(first).toMatchObject({ user: "viewer", canLeave: false });
    const asked = () => house.people.double.counts.count({ client: "viewer" });
    const before = asked();
    for (let index = 0; index < 5; index++) await house.ask("/api/overview", proxied);
    expect(asked()).toBe(before);
    expect((await house.ask("/api/overview", { authorization: "Bearer nobody" })).status).toBe(401);
    expect((await house.ask("/api/overview", { authorization: "Bearer stranger" })).status).toBe(403);
  });

  test("an API server that is away bars nobody for good; no log line has a token", async () => {
    house = await House.open(false);
    const cookie = await house.signIn("viewer");
    const answer = { do: "answer", failure: ANSWERS.internal } as const;
    const away = house.people.double.faults.plant({ client: "viewer" }, answer);
    await house.clock.advance(11_000);
    expect((await house.ask("/api/overview", cookie)).status).toBe(503);
    away.remove();
    expect((await house.ask("/api/overview", cookie)).status).toBe(200);
    expect(house.log.join("\n")).toContain('"signed in","user":"viewer"');
    expect(house.log.join("\n")).not.toMatch(/session-\d|Bearer/);
  });
});
