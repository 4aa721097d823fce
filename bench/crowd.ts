import { Database } from "bun:sqlite";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cniCall, hostLocalOn, NO_AGENT, ours, theirs, whereaboutsOn } from "./calls.ts";
import { measure, median } from "./measure.ts";

export type CrowdRow = {
  who: string;
  add: number;
  del: number;
  failed: number;
  distinct: number;
  left: number;
};

export const WITH_AGENT = "Berth whereabouts, SQLite, shim and agent";
export const HOST_LOCAL = "Debian host-local (Go)";

type Contestant = {
  who: string;
  call: (verb: string, id: string) => Parameters<typeof measure>[0];
  /** Addresses held now. */
  held: () => string[];
};

/** `size` processes at once on one pool, then their DELs at once; rounds interleaved, medians of the wall time. */
export async function measureCrowd(
  folder: string,
  size: number,
  rounds: number,
  withPeer: boolean,
  socket: string,
): Promise<CrowdRow[]> {
  const results = new Map<string, CrowdRow[]>();
  for (let round = 0; round < rounds; round++) {
    const contestants = [berth(WITH_AGENT, join(folder, `crowd-${round}.db`), socket)];
    if (withPeer) contestants.push(hostLocal(join(folder, `crowd-${round}`)));
    contestants.push(
      berth("Berth whereabouts, SQLite, no agent", join(folder, `alone-${round}.db`), NO_AGENT),
    );
    for (const contestant of contestants) {
      const row = await oneRound(contestant, size);
      results.set(contestant.who, [...(results.get(contestant.who) ?? []), row]);
    }
  }
  return [...results].map(([who, rows]) => ({
    who,
    add: median(rows.map(({ add }) => add)),
    del: median(rows.map(({ del }) => del)),
    failed: Math.max(...rows.map(({ failed }) => failed)),
    distinct: Math.min(...rows.map(({ distinct }) => distinct)),
    left: Math.max(...rows.map(({ left }) => left)),
  }));
}

async function oneRound({ who, call, held }: Contestant, size: number): Promise<CrowdRow> {
  const ids = Array.from({ length: size }, (_, index) => `c${index}`);
  const all = async (verb: string) => {
    const started = performance.now();
    const samples = await Promise.all(ids.map((id) => measure(call(verb, id))));
    return { wall: performance.now() - started, failed: samples.filter(({ exit }) => exit !== 0).length };
  };
  const adding = await all("ADD");
  const distinct = new Set(held()).size;
  const deleting = await all("DEL");
  const failed = adding.failed + deleting.failed;
  return { who, add: adding.wall, del: deleting.wall, failed, distinct, left: held().length };
}

function berth(who: string, database: string, socket: string): Contestant {
  const ipam = whereaboutsOn(database, "10.0.0.0/16");
  return {
    who,
    call: (verb, id) => cniCall(ours("whereabouts"), verb, id, ipam, socket),
    held: () => {
      const db = new Database(database, { readonly: true });
      const rows = db.query<{ address: string }, []>("SELECT address FROM claim").all();
      db.close();
      return rows.map(({ address }) => address);
    },
  };
}

function hostLocal(folder: string): Contestant {
  mkdirSync(folder);
  return {
    who: HOST_LOCAL,
    call: (verb, id) => cniCall(theirs("host-local"), verb, id, hostLocalOn(folder)),
    held: () => readdirSync(join(folder, "bench")).filter((name) => /^\d/.test(name)),
  };
}
