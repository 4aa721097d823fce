import * as v from "valibot";
import { count, list, object, text, UINT32 } from "./field.ts";

/** Far above any real use; a bound there must be. */
export const MOST_ENTRIES = 1000;

export const addresses = list(
  "Addresses that every pod of this network gets as they are; default none.",
  v.strictObject({
    address: text("The address with the prefix length of its network; required.", {
      examples: ["192.0.2.7/24", "2001:db8::7/64"],
    }),
    gateway: text("The gateway of this address; default none.", { examples: ["192.0.2.1"] }),
  }),
  MOST_ENTRIES,
);

export const routes = list(
  "Routes to set in the pod; default none.",
  v.strictObject({
    dst: text("The destination network; required.", { examples: ["0.0.0.0/0", "192.168.0.0/16"] }),
    gw: text("The next hop; default the gateway of the address.", { examples: ["192.0.2.1"] }),
    mtu: count("The MTU of the route; default 0, which leaves it to the kernel.", UINT32),
    advmss: count("The TCP segment size to advertise; default 0, which leaves it to the kernel.", UINT32),
    priority: count("The metric of the route; default 0, which leaves it to the kernel.", UINT32),
    table: count("The number of the routing table; default the main table.", UINT32),
    scope: count(
      "The scope: 0 global, 253 link, 254 host; default global with a gateway and link without.",
      255,
    ),
  }),
  MOST_ENTRIES,
);

const names = (description: string) => list(description, v.string(), MOST_ENTRIES);

export const dns = object("Name resolution, handed on to the runtime; default none.", {
  nameservers: names("Addresses of name servers; default none."),
  domain: text("The local domain for short names; default none.", { examples: ["example.com"] }),
  search: names("Domains to try for short names; default none."),
  options: names("Options of the resolver, such as ndots:2; default none."),
});

/** The Cluster Network Operator writes a list of capabilities into `ipam`, where no plugin reads it. */
export const CAPABILITIES =
  "Accepted because the Cluster Network Operator writes it; no effect; default none.";
