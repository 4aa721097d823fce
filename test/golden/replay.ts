import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** One recorded call of a Go plugin, as the files beside this one hold it. */
type Call = { env: Record<string, string>; stdin: string; exit: number; stdout: string };
type PoolObject = {
  kind: string;
  name: string;
  spec: { range: string; allocations: Record<string, { id: string; podref: string; ifname?: string }> };
};
export type Case = Call & {
  name: string;
  files?: Record<string, string>;
  seed?: unknown[];
  before?: Call[];
  kubeObjectsAfter?:
    | { kind: string; name?: string; spec?: PoolObject["spec"] & { podref?: string; ifname?: string } }[]
    | null;
};

/** What a call gave: the result of an ADD as JSON, or the code of an error. */
export type Answer = { exit: number; result: unknown };

const ROOT = join(import.meta.dir, "../..");

export function readCases(folder: string): Case[] {
  const path = join(import.meta.dir, folder);
  return readdirSync(path)
    .sort()
    .map((file): Case => JSON.parse(readFileSync(join(path, file), "utf8")));
}

/** A scratch folder for one case; `@LAB@` in the recorded texts stands for it. */
export class Lab {
  readonly path = mkdtempSync(join(tmpdir(), "berth-golden-"));
  readonly #embedded: boolean;

  /** `embedded`: the recorded configuration names a cluster; Berth's embedded store takes its place. */
  constructor({ files = {} }: Case, embedded: boolean) {
    this.#embedded = embedded;
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), this.#fill(text));
    }
  }

  async run(plugin: string, { env, stdin }: Call): Promise<Answer> {
    const filled = Object.entries(env).map(([key, value]) => [key, this.#fill(value)]);
    const child = Bun.spawn([join(ROOT, "dist/cni", plugin)], {
      env: {
        PATH: process.env.PATH,
        BERTH_SOCKET: "/nonexistent/agent.sock",
        BERTH_STATE_DIR: join(this.path, "state"),
        NODENAME: "node-b",
        ...Object.fromEntries(filled),
      },
      stdin: Buffer.from(this.#config(stdin)),
      stdout: "pipe",
      stderr: "ignore",
    });
    const stdout = await new Response(child.stdout).text();
    return { exit: await child.exited, result: readAnswer(stdout) };
  }

  /** What is held, in the words of upstream's objects: `range offset podref id ifname`. */
  held(): string[] {
    let db: Database;
    try {
      db = new Database(join(this.path, "ipam.db"), { readonly: true });
    } catch {
      return []; // nothing was ever allocated, so there is no database
    }
    const sql = `SELECT range, address, pod_namespace || '/' || pod_name AS podref, sandbox, ifname
      FROM claim JOIN pool ON pool.space = claim.pool`;
    const rows = db
      .query<Record<"range" | "address" | "podref" | "sandbox" | "ifname", string>, []>(sql)
      .all();
    db.close();
    return rows.map((r) => `${r.range} ${r.address} ${r.podref} ${r.sandbox} ${r.ifname}`).sort();
  }

  dispose(): void {
    rmSync(this.path, { recursive: true });
  }

  #fill(text: string): string {
    return text.replaceAll("@LAB@", this.path).replaceAll("@CNIPATH@", join(ROOT, "dist/cni"));
  }

  #config(stdin: string): string {
    const text = this.#fill(stdin);
    if (!this.#embedded) return text;
    try {
      const config = JSON.parse(text);
      if (typeof config.ipam !== "object") return text;
      const { kubernetes: _, ...ipam } = config.ipam;
      const database = join(this.path, "ipam.db");
      return JSON.stringify({ ...config, ipam: { ...ipam, datastore: "sqlite", database } });
    } catch {
      return text; // the case is about broken JSON
    }
  }
}

/** The recorded answer in the same form. */
export function recorded({ exit, stdout }: Call): Answer {
  return { exit, result: readAnswer(stdout) };
}

/** The IPPools that upstream left, in the form of `Lab.held`. */
export function recordedHeld({ kubeObjectsAfter }: Case): string[] {
  const pools = (kubeObjectsAfter ?? []).filter((object): object is PoolObject => object.kind === "IPPool");
  return pools
    .flatMap(({ spec }) => {
      return Object.entries(spec.allocations ?? {}).map(([offset, { podref, id, ifname }]) => {
        return `${spec.range} ${hexAddress(spec.range, BigInt(offset))} ${podref} ${id} ${ifname}`;
      });
    })
    .sort();
}

/** An error counts by its code alone: the texts may be better than upstream's. */
function readAnswer(stdout: string): unknown {
  if (stdout === "") return "";
  const value: unknown = JSON.parse(stdout);
  return typeof value === "object" && value !== null && "code" in value ? { code: value.code } : value;
}

/** Network address plus offset in hexadecimal, worked out apart from the code under test. */
export function hexAddress(range: string, offset: bigint): string {
  const [text = ""] = range.split("/");
  if (!text.includes(":")) {
    const base = text.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n);
    return (base + offset).toString(16).padStart(8, "0");
  }
  const [head = "", tail = ""] = text.split("::");
  const groups = (half: string) => (half === "" ? [] : half.split(":"));
  const zeros = new Array(8 - groups(head).length - groups(tail).length).fill("0");
  const digits = [...groups(head), ...zeros, ...groups(tail)].map((group) => group.padStart(4, "0")).join("");
  return (BigInt(`0x${digits}`) + offset).toString(16).padStart(32, "0");
}
