import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

export const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = existsSync(CHROMIUM);

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export type Look = {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
};

/** Debian's chromium with a profile of its own that nobody has used before. */
export class Browser {
  readonly #folder = mkdtempSync(join(tmpdir(), "berth-chromium-"));
  readonly #contexts: BrowserContext[] = [];

  /** A page that remembers what the browser complained of: refused scripts, failed requests, thrown errors. */
  async open(url: string, { width = 1440, height = 900, dark = false }: Look = {}) {
    const profile = join(this.#folder, String(this.#contexts.length));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: ARGUMENTS,
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      deviceScaleFactor: width < 700 ? 2 : 1,
    });
    this.#contexts.push(context);
    const page = context.pages()[0] ?? (await context.newPage());
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(url);
    return { page, complaints };
  }

  async close(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
