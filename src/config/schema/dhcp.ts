import * as v from "valibot";
import { CAPABILITIES } from "./common.ts";
import { anything, count, flag, list, text, UINT32 } from "./field.ts";

export const DEFAULT_SOCKET = "/run/cni/dhcp.sock";

export const CLIENT_IDS = ["sandbox", "pod", "mac"] as const;
export const CHANGES = ["apply", "fail"] as const;
export const PROBE_TIMINGS = ["fast", "rfc5227"] as const;

const OPTION =
  "The DHCP option: dhcp-client-identifier, subnet-mask, routers, host-name, user-class, " +
  "vendor-class-identifier, or its number from 0 to 255; required.";
const EXAMPLES = { examples: ["host-name", "60"] };

export const dhcpIpam = v.strictObject({
  type: text("The plugin: dhcp.", { const: "dhcp" }),
  daemonSocketPath: text(`The socket of the DHCP daemon; default ${DEFAULT_SOCKET}.`, {
    default: DEFAULT_SOCKET,
  }),
  provide: list(
    "Options to send to the server; default none.",
    v.strictObject({
      option: text(OPTION, EXAMPLES),
      value: text("The text to send, at most 255 bytes; default none."),
      fromArg: text("The key of CNI_ARGS whose value to send; wins over value; default none.", {
        examples: ["K8S_POD_NAME"],
      }),
    }),
    256,
  ),
  request: list(
    "Options to ask the server for; default none besides the subnet mask and the routers.",
    v.strictObject({
      option: text(OPTION, EXAMPLES),
      skipDefault: flag("Do not ask for the subnet mask and the routers by default; default false.", {
        default: false,
      }),
    }),
    256,
  ),
  priority: count("The metric of all routes that the server sends; default 0, which sets none.", UINT32),
  clientId: text(
    "What the server knows the pod by: sandbox (changes when the sandbox is replaced), pod (its name, network and interface) or mac; default sandbox.",
    { default: "sandbox", enum: CLIENT_IDS },
  ),
  ipv6: flag("Also get an address by DHCPv6; default false.", { default: false }),
  onChange: text(
    "What to do when the server changes address or routes later: apply sets them on the interface, fail leaves it alone and fails CHECK; default apply.",
    { default: "apply", enum: CHANGES },
  ),
  probe: flag("Ask by ARP whether another host has the address before it is used; default true.", {
    default: true,
  }),
  probeTiming: text(
    "How the probe is timed: fast (25 ms) or rfc5227 (as the RFC says: 4 to 7 s of each ADD); default fast.",
    { default: "fast", enum: PROBE_TIMINGS },
  ),
  capabilities: anything(CAPABILITIES),
});
