import type { Acquire, Claim, Outcome, Want } from "../allocation/claim.ts";
import { type Owner, podRef } from "../allocation/owner.ts";
import { describePool } from "../allocation/pool.ts";
import { parsePrevResult, parseValidAttachments } from "../cni/attachments.ts";
import { CniCode, type CniError, cniError } from "../cni/error.ts";
import type { CniRequest } from "../cni/request.ts";
import { type AssignedAddress, renderResult } from "../cni/result.ts";
import type { StoreChoice, WhereaboutsConfig } from "../config/index.ts";
import { type Address, formatAddress, sameAddress } from "../ip/address.ts";
import { err, ok, type Result } from "../result.ts";
import type { Store } from "../store/store.ts";
import { allocationFailure, storeFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import { loadStoreChoice, loadWhereabouts, nodeOf } from "./load.ts";
import { describeAddresses, wantOf, wishesOf } from "./wishes.ts";

/** The `whereabouts` plugin: addresses of ranges, each with one owner, kept in a store. */
export async function runWhereabouts(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  switch (request.verb) {
    case "ADD":
      return add(request, host);
    case "DEL":
      return del(request, host);
    case "CHECK":
      return check(request, host);
    case "STATUS":
      return status(request, host);
    case "GC":
      return collect(request, host);
  }
}

async function add(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const started = host.now();
  const config = loadWhereabouts(request, host);
  if (!config.ok) return config;
  const wishes = wishesOf(request, config.value);
  if (!wishes.ok) return wishes;
  const { owner, wants, fixed } = wishes.value;
  let claims: readonly Claim[] = [];
  let created = 0;
  if (wants.length > 0) {
    const change = acquisition(request, host, config.value, owner, wants);
    const outcome = await commitOne(host, config.value.store, change);
    if (!outcome.ok) return outcome;
    if (outcome.value.kind === "refused") return err(allocationFailure(outcome.value.error));
    if (outcome.value.kind === "acquired") ({ claims, created } = outcome.value);
  }
  host.log("verbose", created > 0 ? "addresses allocated" : "addresses kept", {
    ...about(request),
    pod: podRef(owner.pod),
    pool: [...new Set(claims.map(({ pool }) => describePool(pool)))].join(" "),
    address: describeAddresses(claims.map(({ address }) => address)),
    ms: host.now() - started,
  });
  const ips = [...claims.map((claim, slot) => assigned(claim, wants[slot], config.value)), ...fixed];
  return renderResult({ ips, routes: config.value.routes, dns: config.value.dns }, request.cniVersion);
}

/**
 * The gateway of its own family only: upstream puts an IPv4 gateway on IPv6 addresses too. The mask is that of the network, of
 * which a node's slice is a part.
 */
function assigned(
  { address, pool }: Claim,
  want: Want | undefined,
  { gateways }: WhereaboutsConfig,
): AssignedAddress {
  const gateway = gateways[address.family];
  const { prefix } = (want?.pool ?? pool).range;
  return { address: { address, prefix }, ...(gateway && { gateway }) };
}

/** Frees by owner alone, so that a range that was edited or broken since keeps no pod from ending. */
async function del(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const started = host.now();
  const choice = loadStoreChoice(request, host);
  if (!choice.ok) return choice;
  const { containerId: sandbox, ifname } = request;
  const outcome = await commitOne(host, choice.value, { kind: "release", sandbox, ifname });
  return logReleased(outcome, request, host, started);
}

async function collect(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const started = host.now();
  const valid = parseValidAttachments(request.config);
  if (!valid.ok) return valid;
  const choice = loadStoreChoice(request, host);
  if (!choice.ok) return choice;
  const keep = valid.value.map(({ containerId, ifname }) => ({ sandbox: containerId, ifname }));
  const node = nodeOf(request, host);
  const change = { kind: "collect", network: request.network, node, keep } as const;
  return logReleased(await commitOne(host, choice.value, change), request, host, started);
}

function logReleased(
  outcome: Result<Outcome, CniError>,
  request: CniRequest,
  host: Host,
  started: number,
): Result<string, CniError> {
  if (!outcome.ok) return outcome;
  const claims = outcome.value.kind === "released" ? outcome.value.claims : [];
  const ms = host.now() - started;
  if (claims.length === 0) host.log("verbose", "nothing to release", { ...about(request), ms });
  for (const { owner, pool, address } of claims) {
    host.log("verbose", "address released", {
      ...about(request),
      sandbox: owner.sandbox,
      ifname: owner.ifname,
      pod: podRef(owner.pod),
      pool: describePool(pool),
      address: formatAddress(address),
      ms,
    });
  }
  return ok("");
}

/** What ADD gave must still be held for this interface, and be what the runtime has in prevResult. */
async function check(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const previous = parsePrevResult(request.config);
  if (!previous.ok) return previous;
  const config = loadWhereabouts(request, host);
  if (!config.ok) return config;
  const wishes = wishesOf(request, config.value);
  if (!wishes.ok) return wishes;
  const store = openFor(host, config.value.store);
  if (!store.ok) return store;
  const { containerId: sandbox, ifname } = request;
  const held = await store.value.claims({ attachment: { sandbox, ifname } });
  if (!held.ok) return err(storeFailure(held.error));

  const fail = (msg: string, hint: string) => err(cniError(CniCode.checkFailed, `CHECK: ${msg}`, hint));
  const wanted = wishes.value.wants.length;
  if (held.value.length < wanted) {
    const msg = `${ifname} of sandbox ${sandbox} holds ${held.value.length} of ${wanted} addresses`;
    return fail(msg, "the store has lost them or another configuration made them; restart the pod");
  }
  const isCarried = (address: Address) =>
    previous.value.some((ip) => sameAddress(ip.address.address, address));
  const foreign = held.value.filter(({ address }) => !isCarried(address)).map(({ address }) => address);
  // One more than is wanted is harmless: a write of an ADD that died came late, and its DEL frees that address too.
  const spare = held.value.length - wanted;
  const expected = [
    ...(foreign.length > spare ? foreign : []),
    ...wishes.value.fixed.map((ip) => ip.address.address),
  ];
  for (const address of expected) {
    if (isCarried(address)) continue;
    return fail(
      `${formatAddress(address)} is not in prevResult`,
      "the interface does not carry it; restart the pod",
    );
  }
  return ok("");
}

/** Whether an ADD of a new pod would succeed now. */
async function status(request: CniRequest, host: Host): Promise<Result<string, CniError>> {
  const config = loadWhereabouts(request, host);
  if (!config.ok) return config;
  const store = openFor(host, config.value.store);
  if (!store.ok) return err({ ...store.error, code: CniCode.notAvailable });
  const wants = config.value.ranges.map((range) => wantOf(range, config.value, request.network));
  const nobody = { pod: { namespace: "", name: "" }, ifname: "", sandbox: "" };
  const refusal = await store.value.preview(acquisition(request, host, config.value, nobody, wants));
  if (!refusal.ok) return err({ ...storeFailure(refusal.error), code: CniCode.notAvailable });
  if (refusal.value) return err({ ...allocationFailure(refusal.value), code: CniCode.notAvailable });
  return ok("");
}

function acquisition(
  request: CniRequest,
  host: Host,
  { overlapCheck }: WhereaboutsConfig,
  owner: Owner,
  wants: readonly Want[],
): Acquire {
  const { network } = request;
  const node = nodeOf(request, host);
  return { kind: "acquire", owner, node, network, overlapCheck, wants, now: host.now() };
}

async function commitOne(
  host: Host,
  choice: StoreChoice,
  change: Parameters<Store["commit"]>[0][number],
): Promise<Result<Outcome, CniError>> {
  const store = openFor(host, choice);
  if (!store.ok) return store;
  const outcomes = await store.value.commit([change]);
  if (!outcomes.ok) return err(storeFailure(outcomes.error));
  const [outcome] = outcomes.value;
  return outcome ? ok(outcome) : err(cniError(CniCode.internal, "the store gave no outcome"));
}

function openFor(host: Host, choice: StoreChoice): Result<Store, CniError> {
  const store = host.store(choice);
  return store.ok ? store : err(storeFailure(store.error));
}

function about({ verb, containerId, ifname, network }: CniRequest) {
  return { verb, sandbox: containerId, ifname, network };
}
