import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Claim } from "../../src/allocation/claim.ts";
import { acquire } from "../../src/store/contract.ts";
import { Browser, hasChromium } from "./browser.ts";
import { Site, someNetworks } from "./site.ts";

// Debian's chromium is installed by `make setup` as root; without it there is no browser to ask.
const suite = hasChromium ? describe : describe.skip;

// A browser on a busy machine takes its time.
setDefaultTimeout(120_000);

/** Pictures of each run, to look at. */
const PICTURES = join(tmpdir(), `berth-pictures-${process.getuid?.()}`);
mkdirSync(PICTURES, { recursive: true });
const picture = (name: string) => ({ path: join(PICTURES, `${name}.png`) });

/** Run in the browser; as text, since the types of a browser are not those of this program. */
const FOCUSED = 'document.activeElement?.getAttribute("aria-label") ?? ""';

const isGone = (claim: Claim) => /^storage-(7|31)$/.test(claim.owner.pod.name);
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const history = async () => [
  {
    address: "10.56.0.10",
    sandbox: "s",
    pod: "default/storage-8",
    interface: "net1",
    node: "node-5",
    pool: "10.56.0.0/24",
    networkName: "",
    from: hoursAgo(339),
  },
  {
    address: "10.56.0.10",
    sandbox: "s",
    pod: "default/earlier",
    interface: "net1",
    node: "node-1",
    pool: "10.56.0.0/24",
    networkName: "",
    from: hoursAgo(900),
    until: hoursAgo(340),
  },
];

const notices = () => [
  {
    time: hoursAgo(2),
    about: "Pod default/web-1",
    reason: "AddressAllocationFailed",
    message: "default/web-1: all 6 addresses of 10.58.0.0/29 are held",
    count: 3,
    hint: "enlarge the range",
  },
];

/** Run in the page by the debugger, which its content security policy does not bind. */
const AXE = `${readFileSync(require.resolve("axe-core/axe.min.js"), "utf8")};
  axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
    .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, any }) =>
      ({ id, target: html.slice(0, 120) + " " + (any[0]?.message ?? "") }))))`;

const poolLink = (site: Site, id: string) =>
  `${site.url.replace(/\?.*/, "")}#/pool?id=${encodeURIComponent(id)}`;

suite("the page in a browser", () => {
  const browser = new Browser();
  const sites: Site[] = [];
  afterAll(async () => {
    await browser.close();
    for (const site of sites) await site.close();
  });
  const open = async (...args: Parameters<typeof Site.open>) => {
    const site = await Site.open(...args);
    sites.push(site);
    return site;
  };

  test("overview, a small pool, an address with its history; nothing is refused or thrown", async () => {
    const site = await open(someNetworks(), { facts: { isGone, history } });
    const { page, complaints } = await browser.open(site.url);
    await page.getByRole("heading", { name: "1 problem" }).waitFor();
    expect(new URL(page.url()).search).toBe(""); // the key has left the address bar
    await page.screenshot(picture("overview"));
    await page
      .getByRole("main")
      .getByRole("link", { name: /10\.56\.0\.0\/24/ })
      .click();
    await page.getByRole("grid").waitFor();
    const state = (address: string) =>
      page.locator(`[role=gridcell][aria-label^="${address} "]`).getAttribute("aria-label");
    expect(await state("10.56.0.0")).toBe("10.56.0.0 never handed out");
    expect(await state("10.56.0.1")).toBe("10.56.0.1 gateway");
    expect(await state("10.56.0.9")).toBe("10.56.0.9 held by a pod that is gone: default/storage-7 net1");
    expect(await state("10.56.0.40")).toBe("10.56.0.40 reserved: ops: printer on floor 2");
    expect(await state("10.56.0.77")).toContain("quarantined");
    expect(await state("10.56.0.100")).toBe("10.56.0.100 free");
    expect(await state("10.56.0.230")).toBe("10.56.0.230 excluded");
    await page.locator('[aria-label^="10.56.0.10 "]').click();
    const detail = page.getByRole("complementary", { name: "Address" });
    await detail.getByText("default/earlier").waitFor();
    expect(await detail.innerText()).toContain("node-5");
    expect(await detail.getByRole("button", { name: "Release…" }).count()).toBe(0);
    await page.screenshot(picture("address"));
    expect(complaints).toEqual([]);
  });

  test("by keyboard alone: search, move in the map, open, go back up", async () => {
    const site = await open(someNetworks());
    const { page } = await browser.open(site.url);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("front-42 node-0");
    await page.getByText(/Found for “front-42 node-0”/).waitFor();
    expect(await page.getByRole("row").allInnerTexts()).toContainEqual(
      expect.stringContaining("default/front-42"),
    );
    await page.goto(poolLink(site, "10.57.0.0/16@blue"));
    await page.locator(".map.blocks").waitFor();
    const focused = () => page.evaluate<string>(FOCUSED);
    await page.locator("[role=gridcell][tabindex='0']").focus();
    expect(await focused()).toBe("10.57.0.0/24 255 of 255 held, 100 %");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toStartWith("10.57.17.0/24 0 of 256 held");
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.locator(".map.addresses").waitFor();
    expect(await focused()).toStartWith("10.57.1.0 held by a pod: default/front-");
    await page.keyboard.press("End");
    expect(await focused()).toStartWith("10.57.1.15 ");
    await page.keyboard.press("Backspace");
    await page.locator(".map.blocks").waitFor();
    await page.getByRole("button", { name: "Table" }).press("Enter");
    await page.getByText("Held in 10.57.0.0/16: 1–200 of 700").waitFor();
    await page.getByRole("button", { name: "Next" }).press("Enter");
    await page.getByText("Held in 10.57.0.0/16: 201–400 of 700").waitFor();
    await page.keyboard.press("Enter"); // the focus has stayed on it
    await page.getByText("Held in 10.57.0.0/16: 401–600 of 700").waitFor();
    await page.getByRole("button", { name: "Last" }).press("Enter");
    await page.getByText("Held in 10.57.0.0/16: 601–700 of 700").waitFor();
    expect(await page.getByRole("button", { name: "Next" }).getAttribute("aria-disabled")).toBe("true");
    await page.getByRole("button", { name: "First" }).press("Enter");
    await page.getByText("Held in 10.57.0.0/16: 1–200 of 700").waitFor();
  });

  test("a full pool and a /64, dark, with the way down", async () => {
    const site = await open(someNetworks());
    const { page, complaints } = await browser.open(site.url, { dark: true });
    await page.goto(poolLink(site, "10.58.0.0/29@"));
    await page.getByRole("grid").waitFor();
    expect(await page.locator(".map .cell.held").count()).toBe(6);
    await page.screenshot(picture("full-dark"));
    await page.goto(poolLink(site, "fd57::/64@blue"));
    await page.locator(".map.blocks").waitFor();
    expect(await page.locator(".crumbs li").allInnerTexts()).toContain("fd57::/112");
    await page.screenshot(picture("huge-dark"));
    await page.getByRole("link", { name: "fd57::/64" }).last().click();
    await page.locator('[aria-label^="fd57::/72 "]').waitFor();
    expect(await page.locator(".map .cell").count()).toBe(256);
    const background = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    expect(background).toBe("rgb(18, 24, 23)");
    expect(complaints).toEqual([]);
  });

  test.each([false, true])(
    "no rule of WCAG 2.2 AA that a machine can check is broken, dark: %p",
    async (dark) => {
      const site = await open(someNetworks(), { writable: true, facts: { isGone, history, notices } });
      const { page } = await browser.open(site.url, { dark });
      await page.getByRole("heading", { name: "Latest events" }).waitFor();
      const broken = async () => {
        const found = await page.evaluate<{ id: string; target: string }[]>(AXE);
        return found.map(({ id, target }) => `${id}: ${target}`);
      };
      expect(await broken()).toEqual([]);
      await page.screenshot(picture(dark ? "events-dark" : "events"));
      await page.goto(`${poolLink(site, "10.58.0.0/29@")}&address=10.58.0.1`);
      await page.getByRole("heading", { name: "History" }).waitFor();
      expect(await broken()).toEqual([]);
      await page.getByLabel("Search").fill("storage-1");
      await page.getByRole("table").waitFor();
      expect(await broken()).toEqual([]);
    },
  );

  test("phone width: nothing is wider than the screen", async () => {
    const site = await open(someNetworks());
    const { page } = await browser.open(site.url, { width: 390, height: 844 });
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const widths = () => page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    for (const id of ["10.56.0.0/24@", "10.60.0.0/22@green", "fd57::/64@blue"]) {
      await page.goto(poolLink(site, id));
      await page.getByRole("heading", { level: 1, name: id.replace(/@.*/, "") }).waitFor();
      const [content = 0, screen = 0] = await widths();
      expect(content).toBeLessThanOrEqual(screen);
    }
    await page.screenshot(picture("phone"));
  });

  test("a change shows itself without a touch, and focus stays", async () => {
    const site = await open(someNetworks());
    const { page } = await browser.open(site.url);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.goto(poolLink(site, "10.56.0.0/24@"));
    await page.locator('[aria-label="10.56.0.64 free"]').waitFor();
    await page.locator('[aria-label="10.56.0.100 free"]').focus();
    await site.add(acquire("10.56.0.64-10.56.0.64/24", { pod: "newcomer" }));
    await page.locator('[aria-label="10.56.0.64 held by a pod: default/newcomer net1"]').waitFor();
    expect(await page.evaluate<string>(FOCUSED)).toBe("10.56.0.100 free");
    await page.getByText("64 held").first().waitFor();
  });

  test("with write rights: said first, then reserved, then released", async () => {
    const site = await open(someNetworks(), { writable: true });
    const { page, complaints } = await browser.open(site.url);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.goto(`${poolLink(site, "10.56.0.0/24@")}&address=10.56.0.100`);
    await page.getByLabel("Owner").fill("ops");
    await page.getByLabel("Reason").fill("<img src=x onerror=alert(1)>");
    await page.getByRole("button", { name: "Reserve…" }).click();
    await page.getByText("This reserves for ops").waitFor();
    expect((await site.store.claims({})).ok).toBe(true);
    await page.getByRole("button", { name: "Reserve it" }).click();
    await page.locator('[aria-label^="10.56.0.100 reserved: ops: <img"]').click();
    await page.getByRole("button", { name: "Release…" }).click();
    await page.getByRole("button", { name: "Release it" }).click();
    await page.locator('[aria-label="10.56.0.100 free"]').waitFor();
    expect(complaints).toEqual([]);
  });
});
