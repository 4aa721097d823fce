import { beforeEach, expect, test } from "bun:test";
import { Double } from "../../../test/apiserver/double.ts";
import { VirtualClock } from "../../../test/virtual-clock.ts";
import type { KubeClient } from "../../kube/api.ts";
import { Client } from "../../kube/client.ts";
import type { Event } from "../../kube/objects.ts";
import { PodNotices } from "./notices.ts";
import type { LeaseRecord } from "./record.ts";

const RECORD: LeaseRecord = {
  sandbox: "s1",
  ifname: "net1",
  family: 4,
  network: "net",
  pod: "default/web-0",
  uid: "u1",
  netns: "/run/netns/p1",
  identity: "4:1",
  index: 2,
  mac: "0200000000aa",
  client: "00ff",
  hostName: "web-0",
  request: [],
  provide: {},
  broadcast: false,
  probe: true,
  onChange: "apply",
  since: 5,
};

let clock: VirtualClock;
let double: Double;
let asked: number;

beforeEach(() => {
  clock = new VirtualClock();
  double = new Double({ clock });
  asked = 0;
});

function notices(find: () => KubeClient | undefined): PodNotices {
  const cluster = () => {
    asked++;
    return find();
  };
  return new PodNotices({ clock, cluster, log: () => undefined, node: "node-a" });
}

test("an Event lies beside the pod and refers to it by its uid", async () => {
  const client = new Client(double.connect({ client: "agent" }), clock, { namespace: "kube-system" });
  const teller = notices(() => client);
  teller.tell(RECORD, "DHCPLeaseExpired", "gone");
  teller.tell({ ...RECORD, ifname: "net2" }, "DHCPLeaseChanged", "other");
  await clock.run(teller.flush());
  const told = double.objects({ group: "", plural: "events" }) as unknown as readonly Event[];
  expect(told.map(({ reason }) => reason).sort()).toEqual(["DHCPLeaseChanged", "DHCPLeaseExpired"]);
  expect(told[0]).toMatchObject({
    metadata: { namespace: "default" },
    involvedObject: { kind: "Pod", name: "web-0", uid: "u1" },
    source: { component: "berth-dhcp", host: "node-a" },
  });
  expect(asked).toBe(1);
});

test("without an API server, or a pod, nothing is told; one that is configured later is found", async () => {
  const client = new Client(double.connect({ client: "agent" }), clock, { namespace: "kube-system" });
  let found: KubeClient | undefined;
  const teller = notices(() => found);
  teller.tell({ ...RECORD, pod: "" }, "DHCPLeaseExpired", "gone");
  expect(asked).toBe(0);
  teller.tell(RECORD, "DHCPLeaseExpired", "gone");
  await clock.run(teller.flush());
  found = client;
  teller.tell(RECORD, "DHCPLeaseExpired", "gone");
  await clock.run(teller.flush());
  expect(double.objects({ group: "", plural: "events" })).toHaveLength(1);
});
