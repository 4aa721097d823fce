import { afterEach, describe, expect, test } from "bun:test";
import { reserveText } from "../cli/fixture.ts";
import { Site, someNetworks } from "./site.ts";

const KEY = "key-of-the-test";

describe("who may ask the page's server", () => {
  let site: Site | undefined;
  afterEach(() => site?.close());

  async function ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
    const url = new URL(path, site?.url);
    return fetch(url, { redirect: "manual", ...init, headers });
  }
  const known = { authorization: `Bearer ${KEY}` };

  test("nobody without the key; with it the browser gets a cookie that scripts cannot read", async () => {
    site = await Site.open(someNetworks());
    expect((await ask("/api/overview")).status).toBe(401);
    expect((await ask("/")).status).toBe(401);
    expect((await ask("/?token=wrong")).status).toBe(401);
    expect((await ask("/api/overview", { authorization: "Bearer wrong" })).status).toBe(401);
    const enter = await ask(`/?token=${KEY}`);
    expect([enter.status, enter.headers.get("location")]).toEqual([303, "/"]);
    const cookie = enter.headers.get("set-cookie") ?? "";
    expect(cookie).toContain("HttpOnly; SameSite=Strict");
    expect((await ask("/api/overview", { cookie: cookie.split(";")[0] ?? "" })).status).toBe(200);
  });

  test("no name but its own (DNS rebinding), no page of another site", async () => {
    site = await Site.open(someNetworks());
    expect((await ask("/api/overview", { ...known, host: "evil.example" })).status).toBe(421);
    expect((await ask("/api/overview", { ...known, origin: "http://evil.example" })).status).toBe(403);
    expect((await ask("/api/overview", { ...known, origin: new URL(site.url).origin })).status).toBe(200);
  });

  test("every answer forbids foreign scripts, frames and copies", async () => {
    site = await Site.open(someNetworks());
    for (const path of ["/", "/app.js", "/api/overview", "/nothing"]) {
      const { headers } = await ask(path, known);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect([headers.get("x-content-type-options"), headers.get("cache-control")]).toEqual([
        "nosniff",
        "no-store",
      ]);
    }
    expect(await (await ask("/", known)).text()).not.toMatch(/(?:src|href)="https?:/);
  });

  test("it only looks, unless it was started with write rights; and never for a form of another page", async () => {
    site = await Site.open(someNetworks());
    const body = JSON.stringify({ address: "10.56.0.2", yes: true });
    const post = (headers: Record<string, string>) => ask("/api/release", headers, { method: "POST", body });
    expect((await post({ ...known, "x-berth": "1" })).status).toBe(403);
    await site.close();
    site = await Site.open(someNetworks(), { writable: true });
    expect((await post(known)).status).toBe(403);
    expect((await post({ ...known, "x-berth": "1" })).status).toBe(200);
    expect((await post({ ...known, "x-berth": "1" })).status).toBe(409); // nobody holds it any more
  });

  test("of very many problems the first are sent, and their number", async () => {
    const ended = Array.from({ length: 60 }, (_, index) =>
      reserveText(`10.61.0.${index + 1}`, "10.61.0.0/24", { by: "ops", reason: "old", until: 1 }, 0),
    );
    site = await Site.open(ended);
    const overview = Object(await (await ask("/api/overview", known)).json());
    expect([overview.findings.length, overview.problems]).toEqual([50, 60]);
  });

  test.each([
    ["/api/map?pool=10.99.0.0/24@", 404, "there is no pool"],
    ["/api/map?pool=10.56.0.0/24@&block=10.0.0.0/8", 400, "is no part of 10.56.0.0/24"],
    ["/api/map?pool=10.56.0.0/24@&block=x", 400, "prefix length is missing"],
    ["/api/address?address=10.56.0.300", 400, "above 255"],
    ["/nothing", 404, "there is nothing"],
  ])("%s: %d", async (path, status, why) => {
    site = await Site.open(someNetworks());
    const response = await ask(path, known);
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining(why)]);
  });

  test.each([
    ["not JSON", "{", "the body is not JSON"],
    ["no address", "{}", "address:"],
    ["no reason", '{"address":"10.56.0.100","owner":"ops"}', "owner and reason are wanted"],
    ["no date", '{"address":"10.56.0.100","owner":"o","reason":"r","until":"soon"}', "is no date"],
  ])("reserve with %s changes nothing", async (_, body, why) => {
    site = await Site.open(someNetworks(), { writable: true });
    const response = await ask("/api/reserve", { ...known, "x-berth": "1" }, { method: "POST", body });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining(why)]);
  });
});
