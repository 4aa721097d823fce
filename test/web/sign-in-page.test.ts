import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningApiServer, startApiServer } from "../apiserver/start.ts";
import { Browser, hasChromium } from "./browser.ts";
import { binding, fill, NAMESPACE } from "./people.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
// Debian's chromium is installed by `make setup` as root; without it there is no browser to ask.
const suite = hasChromium ? describe : describe.skip;

setDefaultTimeout(120_000);

/** As long as names get. */
const ANN = "oidc:ann.with-a-very-long-name@department.example.org";

/** `berth ui --sign-in` as a process whose own client certificate may look; people have tokens. */
suite("signing in with a browser", () => {
  const browser = new Browser();
  let server: RunningApiServer;
  let child: Bun.Subprocess<"ignore", "pipe", Bun.BunFile>;
  let url = "";

  beforeAll(async () => {
    const tokens = { "token-of-ann": { name: ANN }, "token-of-eve": { name: "eve" } };
    server = await startApiServer({ kind: "double", tls: true, crds: "berth", rbac: true, tokens });
    if (!server.double) throw new Error("the double was asked for");
    fill(server.double);
    server.double.seed(binding("page", "berth-viewer"));
    server.double.seed(binding(ANN, "berth-editor"));
    const kubeconfig = server.kubeconfigFor("page", [], NAMESPACE);
    child = Bun.spawn(
      [process.execPath, MAIN, "ui", "--kubeconfig", kubeconfig, "--sign-in", "--allow-writes"],
      { stdin: "ignore", stdout: "pipe", stderr: Bun.file(join(server.folder, "ui.log")) },
    );
    const { value } = await child.stdout.getReader().read();
    url = new TextDecoder().decode(value).trim();
  });
  afterAll(async () => {
    await browser.close();
    child?.kill("SIGTERM");
    await child?.exited;
    await server?.stop();
  });

  test("a wrong token, one that may not look, one that may write; and out again", async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const { page } = await browser.open(url);
    const field = page.getByLabel("Token of the cluster");
    const sign = async (token: string) => {
      await field.fill(token);
      await field.press("Enter");
    };
    await field.waitFor();
    await sign("made-up");
    await page.getByText("the cluster does not know this token").waitFor();
    // Not what the page itself may: its certificate does not go along.
    await sign("token-of-eve");
    await page.getByText("eve may not: list ippools").waitFor();
    expect(await field.inputValue()).toBe("");
    await sign("token-of-ann");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByRole("banner").getByText(ANN).waitFor();
    const kept = await page.evaluate<string>(
      "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href])",
    );
    expect(kept).not.toMatch(/token-of|berth-session/);
    await page.goto(`${url}#/pool?id=${encodeURIComponent("10.1.0.0/24@")}&address=10.1.0.9`);
    await page.getByLabel("Owner").fill("ann");
    await page.getByLabel("Reason").fill("printer");
    await page.getByRole("button", { name: "Reserve…" }).click();
    await page.getByRole("button", { name: "Reserve it" }).click();
    await page.locator('[aria-label^="10.1.0.9 reserved: ann: printer"]').waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    const [content = 0, screen = 0] = await page.evaluate<number[]>(
      "[document.documentElement.scrollWidth, innerWidth]",
    );
    expect(content).toBeLessThanOrEqual(screen);
    await page.getByRole("button", { name: "Sign out" }).click();
    await field.waitFor();
    await page.reload();
    await field.waitFor();
    const log = readFileSync(join(server.folder, "ui.log"), "utf8");
    expect(log).toContain(`"msg":"signed in","user":"${ANN}"`);
    expect(log).not.toMatch(/token-of|berth-session/);
  });
});
