/** Error codes of the CNI specification 1.1, section "Error". 100 and above belong to the plugin. */
export const CniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableLimited: 51,
  /** CHECK: what the pod holds and what the store says differ. */
  checkFailed: 100,
  /** What Go plugins answer for every plain error; callers compare it. */
  internal: 999,
} as const;

/** An error as the CNI protocol carries it to the runtime. */
export type CniError = { readonly code: number; readonly msg: string; readonly details?: string };

export function cniError(code: number, msg: string, details?: string): CniError {
  return details === undefined || details === "" ? { code, msg } : { code, msg, details };
}

/** The text on stdout: four spaces, no cniVersion key, as libcni's skel prints it. */
export function renderError(error: CniError): string {
  return JSON.stringify(cniError(error.code, error.msg, error.details), null, 4);
}
