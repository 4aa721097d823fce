import type { Answer } from "./replay.ts";

/** A recorded case that Berth answers differently on purpose: why, and what it answers instead. */
export type Deviation = { reason: string; answer?: Answer; held?: string[] };

/** On a cluster the names of the objects count too; a deviation that does not give them leaves them to its `held`. */
export type ClusterDeviation = Deviation & { names?: string[] };

const given = (...addresses: string[]): Answer => {
  return { exit: 0, result: { cniVersion: "1.0.0", ips: addresses.map((address) => ({ address })) } };
};
const refused = (code: number): Answer => ({ exit: 1, result: { code } });
const done: Answer = { exit: 0, result: "" };

const REAL_CHECK = "CHECK is real: an address of the configuration that prevResult lacks is a fault";
const BOUND = "a range bound that cannot be honoured is refused; upstream ignores it silently";
const NETNS_FIRST = "the self-netns check comes before anything is given, so there is an error and no result";

export const DEVIATIONS: { readonly [name: string]: Deviation } = {
  "static/add-route-no-dst": {
    reason: 'a route without dst is refused; upstream prints "<nil>"',
    answer: refused(7),
  },
  "static/add-same-netns": { reason: NETNS_FIRST, answer: refused(8) },
  "static/check-0.4.0": { reason: `${REAL_CHECK} (here the IPv6 one)`, answer: refused(999) },
  "static/check-ip-missing": { reason: REAL_CHECK, answer: refused(999) },
  "whereabouts/add-same-netns": { reason: NETNS_FIRST, answer: refused(8), held: [] },
  "whereabouts/add-args-runtimeconfig-ips": {
    reason: "an address asked for inside a range is claimed; runtimeConfig.ips comes before args.cni.ips",
    answer: given("10.1.0.78/24"),
    held: ["10.1.0.0/24 0a01004e default/pod-1 cid1 net1"],
  },
  "whereabouts/add-ipranges-twice-same": {
    reason: "the same range twice gives two addresses, not one twice",
    answer: given("10.6.2.1/24", "10.6.2.2/24"),
    held: ["10.6.2.0/24 0a060201 default/pod-1 cid1 net1", "10.6.2.0/24 0a060202 default/pod-1 cid1 net1"],
  },
  "whereabouts/add-ipv6-big-offset": {
    reason: "all 128 bits of an IPv6 address are recorded; upstream keeps 64 of the offset",
    held: ["fd00::/48 fd0000000000fffffffffffffffffff0 default/pod-1 cid1 net1"],
  },
  "whereabouts/add-passthrough-1.1.0": {
    reason: "the gateway 10.10.0.1 is never handed out",
    answer: {
      exit: 0,
      result: {
        cniVersion: "1.1.0",
        dns: {
          domain: "ex.org",
          nameservers: ["10.0.0.53"],
          options: ["ndots:2"],
          search: ["a.ex.org", "b.ex.org"],
        },
        ips: [
          { address: "10.10.0.2/24", gateway: "10.10.0.1" },
          { address: "172.16.0.5/16", gateway: "172.16.0.1" },
          { address: "fd00:10::5/64" },
        ],
        routes: [
          { dst: "0.0.0.0/0" },
          {
            advmss: 1300,
            dst: "192.168.5.0/24",
            gw: "10.10.0.254",
            mtu: 1400,
            priority: 10,
            scope: 0,
            table: 100,
          },
        ],
      },
    },
    held: ["10.10.0.0/24 0a0a0002 default/pod-1 cid1 net1"],
  },
  "whereabouts/add-range-end-before-start": { reason: BOUND, answer: refused(7), held: [] },
  "whereabouts/add-range-end-outside": { reason: BOUND, answer: refused(7), held: [] },
  "whereabouts/add-range-start-outside": { reason: BOUND, answer: refused(7), held: [] },
  "whereabouts/add-range-start-unparsable": { reason: BOUND, answer: refused(7), held: [] },
  "whereabouts/del-bad-config": {
    reason: "DEL frees by owner, so a range that was broken since keeps no pod from ending",
    answer: done,
  },
  "whereabouts/del-no-pod-name": { reason: "DEL frees by sandbox and interface; upstream leaks", held: [] },
  "whereabouts/err-dual-stack-second-exhausted": {
    reason: "dual stack is whole or absent: the refused pod-3 holds nothing",
    held: [
      "10.6.4.0/24 0a060401 default/pod-1 cid1 net1",
      "10.6.4.0/24 0a060402 default/pod-2 c2 net1",
      "10.6.5.0/30 0a060501 default/pod-1 cid1 net1",
      "10.6.5.0/30 0a060502 default/pod-2 c2 net1",
    ],
  },
  "whereabouts/err-dual-stack-second-too-small": { reason: "dual stack is whole or absent", held: [] },
  "whereabouts/err-network-name-bad": {
    reason: "any network_name is legal; names of Kubernetes objects are encoded",
    answer: given("10.7.0.1/24"),
    held: ["10.7.0.0/24 0a070001 default/pod-1 cid1 net1"],
  },
  "whereabouts/gc-1.1.0": {
    reason: "GC is real: what is in no valid attachment is freed",
    held: ["10.1.0.0/24 0a010002 default/pod-2 cid2 net1"],
  },
};

/** Recorded with the configuration as it is, because the missing store is what they are about. */
export const WITHOUT_STORE = new Set(["whereabouts/err-no-kubeconfig"]);

const EMPTY_POOL = { reason: "no pool object is made before there is something to put into it", names: [] };

/** What differs on a cluster only. */
export const CLUSTER_DEVIATIONS: { readonly [name: string]: ClusterDeviation } = {
  "whereabouts/add-overlap-reservation-same-pod": {
    reason: "another interface of the same pod is another owner: two interfaces never share an address",
    answer: given("10.1.0.2/24"),
    held: ["10.1.0.0/24 0a010002 default/pod-1 cid1 net1"],
    names: [
      "pool 10.1.0.0-24",
      "reservation 10.1.0.1 default/pod-1 net9",
      "reservation 10.1.0.2 default/pod-1 net1",
    ],
  },
  "whereabouts/add-pool-range-differs": {
    reason:
      "a pool that contradicts its name is refused; upstream writes an offset that means another address",
    answer: refused(999),
    held: ["10.99.0.0/24 0a630001 default/x x net1"],
    names: ["pool 10.1.0.0-24"],
  },
  "whereabouts/add-exclude-everything": EMPTY_POOL,
  "whereabouts/del-unknown-empty-cluster": EMPTY_POOL,
  "whereabouts/err-range-31": EMPTY_POOL,
  "whereabouts/err-range-v6-128": EMPTY_POOL,
  "whereabouts/gc-1.1.0": {
    reason: "upstream's CRD prunes network and node of a record: whose it is is left to the reconciler",
  },
  "whereabouts/add-node-slice-dual-stack": {
    reason:
      "each range has slices of its own, and without a controller nobody gives the node one of the second",
    answer: refused(11),
    held: [],
  },
  "whereabouts/add-node-slice-range-start-ignored": {
    reason: "range_start and range_end count",
    answer: given("10.20.1.50/16"),
    held: ["10.20.1.0/24 0a140132 default/pod-1 cid1 net1"],
    names: ["pool node-b-10.20.1.0-24", "reservation 10.20.1.50 default/pod-1 net1"],
  },
  "whereabouts/err-node-slice-exhausted": {
    reason: "a node whose slice is full gets another; nobody gives it one here, so the runtime tries again",
    answer: refused(11),
  },
  "whereabouts/err-node-slice-no-pool": {
    reason: "the runtime is told that there is no slice; upstream crashes",
    answer: refused(11),
  },
  "whereabouts/err-node-slice-unknown-node": {
    reason: "the runtime is told that there is no slice; upstream crashes",
    answer: refused(11),
  },
  "whereabouts/err-apiserver-down": {
    reason: "the runtime is told to try again later, and that no answer came",
    answer: refused(11),
  },
  "whereabouts/err-kubeconfig-garbage": {
    reason: "try again later: once the file is right the same call succeeds, and a DEL is not lost meanwhile",
    answer: refused(11),
  },
};

/** Cases that mean nothing without a cluster. */
export const NEEDS_CLUSTER: { readonly [name: string]: string } = {
  "whereabouts/add-lease-held": "is about upstream's Lease",
  "whereabouts/add-overlap-reservation-same-pod": "starts with reservation objects",
  "whereabouts/add-overlap-stale-reservation": "starts with reservation objects",
  "whereabouts/add-pool-range-differs": "starts with an IPPool object",
  "whereabouts/err-apiserver-down": "is about an API server that does not answer",
  "whereabouts/err-kubeconfig-garbage": "is about a kubeconfig",
  "whereabouts/err-pool-range-garbage": "starts with an IPPool object",
  "whereabouts/add-node-slice-dual-stack": "needs a NodeSlicePool",
  "whereabouts/add-node-slice-range-start-ignored": "needs a NodeSlicePool",
  "whereabouts/add-node-slice-second": "needs a NodeSlicePool",
  "whereabouts/err-node-slice-exhausted": "needs a NodeSlicePool",
  "whereabouts/err-node-slice-no-pool": "is about a missing NodeSlicePool",
  "whereabouts/err-node-slice-unknown-node": "needs a NodeSlicePool",
};
