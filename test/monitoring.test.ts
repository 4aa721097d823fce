import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const ROOT = join(import.meta.dir, "..");
const FOLDER = join(ROOT, "deploy/monitoring");
const PROMTOOL = Bun.which("promtool") ?? "promtool";

type Rule = {
  record?: string;
  alert?: string;
  expr: string;
  annotations?: { summary: string; runbook_url: string };
};
type Rules = { groups: readonly { rules: readonly Rule[] }[] };
type Dashboard = { panels: readonly { title: string; targets: readonly { expr: string }[] }[] };

const rules = (parse(readFileSync(join(FOLDER, "alerts.yaml"), "utf8")) as Rules).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard: Dashboard = JSON.parse(readFileSync(join(FOLDER, "dashboard.json"), "utf8"));

/** Every metric that the code registers, with its kind. */
function registered(): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of new Bun.Glob("src/**/*.ts").scanSync(ROOT)) {
    if (path.endsWith(".test.ts")) continue;
    const text = readFileSync(join(ROOT, path), "utf8");
    for (const [, kind = "", name = ""] of text.matchAll(/\b(counter|gauge|histogram)\(\s*"([a-z_]+)"/g))
      found.set(name, kind);
  }
  return found;
}

/** The names of metrics in an expression; recording rules have a colon. */
function metricsIn(expr: string): string[] {
  return [...expr.replaceAll(/"[^"]*"/g, "").matchAll(/\b(?:berth|process)_[a-z_]+/g)].map(([name]) => name);
}

describe("monitoring", () => {
  const known = registered();
  const isKnown = (name: string) => {
    if (known.has(name)) return true;
    const base = name.replace(/_(?:bucket|sum|count)$/, "");
    return known.get(base) === "histogram";
  };

  test("every metric of rules and dashboard is one that the code has", () => {
    expect(known.size).toBeGreaterThan(10);
    const expressions = [...rules, ...dashboard.panels.flatMap(({ targets }) => targets)].map(
      ({ expr }) => expr,
    );
    const strangers = expressions.flatMap(metricsIn).filter((name) => !isKnown(name));
    expect(strangers).toEqual([]);
  });

  test("every alert has a page that says what to do, and every page an alert", () => {
    const alerts = rules.flatMap(({ alert }) => alert ?? []);
    const pages = readdirSync(join(ROOT, "docs/runbooks")).map((file) => file.replace(/\.md$/, ""));
    expect(pages.filter((page) => page !== "README").sort()).toEqual(alerts.toSorted());
    for (const { alert, annotations } of rules) {
      if (!alert) continue;
      expect(annotations?.runbook_url).toBe(`docs/runbooks/${alert}.md`);
      expect(readFileSync(join(ROOT, `docs/runbooks/${alert}.md`), "utf8")).toContain("## What to do\n1. ");
    }
  });

  // promtool comes with Debian's package prometheus; `make setup` takes it from there as root.
  const suite = existsSync(PROMTOOL) ? test : test.skip;
  suite("promtool accepts the rules, and they fire when they should and only then", () => {
    for (const args of [
      ["check", "rules", "alerts.yaml"],
      ["test", "rules", "alerts.test.yaml"],
    ]) {
      const { exitCode, stdout, stderr } = Bun.spawnSync([PROMTOOL, ...args], { cwd: FOLDER });
      expect([exitCode, exitCode === 0 ? "" : `${stdout}${stderr}`]).toEqual([0, ""]);
    }
  });

  suite("promtool reads every expression of the dashboard", () => {
    const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const groups = [
      { name: "dashboard", rules: queries.map((expr, index) => ({ record: `panel:${index}`, expr })) },
    ];
    const { exitCode, stderr } = Bun.spawnSync([PROMTOOL, "check", "rules", "/dev/stdin"], {
      stdin: Buffer.from(JSON.stringify({ groups })),
    });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  });
});
