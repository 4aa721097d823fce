import type { CallFrame } from "../../src/cni/wire.ts";
import type { Attachment, Sandbox } from "./machine.ts";
import type { Network } from "./scenario.ts";

/** Milliseconds that a runtime waits for one call of a plugin. */
export const PATIENCE = 120_000;

/** The netconf that multus hands to the plugin. */
export function netconf({ name, networkName, ranges, overlapCheck, sliceSize }: Network): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name,
    type: "macvlan",
    ipam: {
      type: "whereabouts",
      kubernetes: { kubeconfig: "/etc/kubeconfig" },
      ipRanges: ranges.map((text) => {
        const [range, ...exclude] = text.split(" -");
        return { range, ...(exclude.length > 0 && { exclude }) };
      }),
      ...(networkName !== "" && { network_name: networkName }),
      ...(!overlapCheck && { enable_overlapping_ranges: false }),
      ...(sliceSize !== undefined && { node_slice_size: sliceSize }),
    },
  });
}

/** A call for one interface of a sandbox. */
export function frameOf(
  verb: "ADD" | "DEL" | "CHECK",
  sandbox: Sandbox,
  { ifname, stdin }: Pick<Attachment, "ifname" | "stdin">,
): CallFrame {
  const [namespace, name] = sandbox.podref.split("/");
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${sandbox.uid}`;
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: sandbox.id,
    CNI_NETNS: `/var/run/netns/${sandbox.id}`,
    CNI_IFNAME: ifname,
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: args,
  };
  return { plugin: "whereabouts", timeout: PATIENCE, env, stdin };
}

/** A call for a network as a whole; `more` goes into its netconf. */
export function networkFrame(verb: "GC" | "STATUS", network: Network, more: object = {}): CallFrame {
  const cniVersion = "1.1.0"; // the first that has these verbs
  const stdin = JSON.stringify({ ...JSON.parse(netconf(network)), cniVersion, ...more });
  return { plugin: "whereabouts", timeout: PATIENCE, env: { CNI_COMMAND: verb, CNI_PATH: "/bin" }, stdin };
}
