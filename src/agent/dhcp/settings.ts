/** How a daemon deals with DHCP servers. Times in milliseconds. */
export type DhcpSettings = {
  /** Ask servers to broadcast their answers: `-broadcast`. */
  readonly broadcast: boolean;
  /** The wait after the first message; it doubles from there: `-timeout`. Absent: the client's own. */
  readonly firstWait?: number;
  /** Where doubling ends: `-resendmax`. */
  readonly longestWait: number;
  /** For how long an acquisition tries: `-resendtimeout`. */
  readonly budget: number;
  /** What is put before the paths of network namespaces: `-hostprefix`. */
  readonly hostPrefix: string;
  /** How often the interfaces of leases are looked for. */
  readonly sweep: number;
};

export const DEFAULT_DHCP: DhcpSettings = {
  broadcast: false,
  longestWait: 62_000,
  budget: 208_000,
  hostPrefix: "",
  sweep: 30_000,
};
