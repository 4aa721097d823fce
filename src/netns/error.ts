import { err, type Result } from "../result.ts";

/** Why something in a network namespace could not be done. */
export type NetnsError = {
  /** `netns_gone`: no namespace at that path. `link_gone`: no such interface. `refused`: the kernel said no. */
  readonly code: "netns_gone" | "link_gone" | "refused";
  readonly message: string;
};

export function netnsError<T>(code: NetnsError["code"], message: string): Result<T, NetnsError> {
  return err({ code, message });
}

// The few that people meet (errno-base.h, errno.h); others are shown by number.
const NAMES: { readonly [errno: number]: string } = {
  1: "not permitted (EPERM): root with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW is needed",
  2: "not found (ENOENT)",
  13: "permission denied (EACCES)",
  17: "it exists already (EEXIST)",
  19: "no such interface (ENODEV)",
  22: "invalid (EINVAL)",
  24: "too many open files (EMFILE): raise LimitNOFILE",
  99: "address not available (EADDRNOTAVAIL)",
  100: "the interface is down (ENETDOWN)",
  105: "no buffer space (ENOBUFS)",
};

/** What an error number of Linux says, for people. */
export function describeErrno(errno: number): string {
  return NAMES[errno] ?? `error ${errno} of the kernel`;
}
