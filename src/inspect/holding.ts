/** Who held an address from when to when. */
export type Holding = {
  readonly address: string;
  /** `namespace/name`, or by whom it was reserved. */
  readonly pod: string;
  readonly uid?: string;
  readonly interface: string;
  readonly node: string;
  readonly pool: string;
  readonly networkName: string;
  readonly sandbox: string;
  /** ISO 8601. */
  readonly from: string;
  /** Absent: still. */
  readonly until?: string;
};
