import { formatAddress } from "../../src/ip/address.ts";
import { Client } from "../../src/kube/client.ts";
import type { Transport } from "../../src/kube/transport.ts";
import { Turns } from "../../src/turns.ts";
import { NAMESPACE } from "../store/cluster.ts";
import { GoWhereabouts } from "../store/go-whereabouts.ts";
import type { Attachment, Sandbox } from "./machine.ts";
import type { Process } from "./process.ts";
import type { Network } from "./scenario.ts";

/** Go whereabouts on a node of its own, for networks without name and slices. */
export class GoPlugin {
  readonly #go: GoWhereabouts;

  constructor(process: Process, wire: Transport) {
    const client = new Client(process.wire(wire), process.clock, { namespace: NAMESPACE });
    this.#go = new GoWhereabouts(client, process.clock, new Turns(), true);
  }

  /** The addresses with their prefix lengths; undefined: an error. */
  async add(
    { podref, id }: Sandbox,
    { ifname }: Attachment,
    { ranges }: Network,
  ): Promise<readonly string[] | undefined> {
    const ips: string[] = [];
    for (const [range = ""] of ranges.map((text) => text.split(" -"))) {
      const address = await this.#go.add({ podref, ifname, id }, range);
      if (!address) return undefined;
      ips.push(`${formatAddress(address)}/${range.split("/")[1]}`);
    }
    return ips;
  }

  async del({ podref, id }: Sandbox, { ifname, stdin }: Attachment): Promise<boolean> {
    const { ipam }: { ipam: { ipRanges: { range: string }[] } } = JSON.parse(stdin);
    for (const { range } of ipam.ipRanges)
      if (!(await this.#go.del({ podref, ifname, id }, range))) return false;
    return true;
  }
}
