import { ok, type Result } from "../result.ts";
import { within } from "./enter.ts";
import { type NetnsError, netnsError } from "./error.ts";
import { type Link, linkOf, netnsNumber, setLink } from "./netlink/links.ts";
import { Netlink } from "./netlink/socket.ts";

/** What finds an interface of a pod again, whatever its name is by then. */
export type InterfaceRef = {
  /** The path of the network namespace. */
  readonly netns: string;
  /** Of the namespace (`Inside.identity`): another may lie at the path by now. */
  readonly identity: string;
  readonly index: number;
};

export type Interface = {
  readonly ref: InterfaceRef;
  readonly link: Link;
  /**
   * The interface of this process's own namespace by which the same network is reached: the bridge of a veth, the master of a
   * macvlan or ipvlan. Absent where there is none, or it lies in yet another namespace.
   */
  readonly parent?: string;
};

/** Looks an interface of a namespace up and sets it up: a packet can pass then. */
export function prepareInterface(netns: string, ifname: string): Result<Interface, NetnsError> {
  const found = within(netns, ({ identity, home }) =>
    Netlink.use((netlink) => {
      const link = linkOf(netlink, ifname);
      if (!link.ok) return link;
      const up = link.value.up ? ok(undefined) : setLink(netlink, link.value.index, true);
      if (!up.ok) return up;
      const { peer, peerNetns } = link.value;
      const atHome = peerNetns !== undefined && peerNetns === netnsNumber(netlink, home) ? peer : undefined;
      return ok({ identity, link: link.value, atHome });
    }),
  );
  if (!found.ok) return found;
  const { identity, link, atHome } = found.value;
  const parent = atHome === undefined ? undefined : parentOf(atHome, link.index);
  return ok({ ref: { netns, identity, index: link.index }, link, ...(parent !== undefined && { parent }) });
}

/** Runs `body` where the interface is, if it is still there. */
export function atInterface<T>(
  { netns, identity, index }: InterfaceRef,
  body: (netlink: Netlink, link: Link) => Result<T, NetnsError>,
): Result<T, NetnsError> {
  return within(netns, (inside) => {
    if (inside.identity !== identity)
      return netnsError("netns_gone", `${netns}: another namespace is there now`);
    return Netlink.use((netlink) => {
      const link = linkOf(netlink, index);
      return link.ok ? body(netlink, link.value) : link;
    });
  });
}

/** An interface of the process's own namespace. */
export function ownInterface(name: string): Result<Link, NetnsError> {
  return Netlink.use((netlink) => linkOf(netlink, name));
}

/** From what lies at this end of a pod's interface to what outlives the pod. */
function parentOf(index: number, podIndex: number): string | undefined {
  const parent = Netlink.use((netlink) => {
    const link = linkOf(netlink, index);
    if (!link.ok) return link;
    const { master, peer, name } = link.value;
    if (master !== undefined) {
      const port = linkOf(netlink, master);
      return port.ok ? ok(port.value.name) : port;
    }
    // The other end of a veth without a bridge goes with the pod.
    return ok(peer === podIndex ? undefined : name);
  });
  return parent.ok ? parent.value : undefined;
}
