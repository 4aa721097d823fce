/** `error`: the configuration is refused. `warning`: it is used, but hardly means what its author meant. */
export type Severity = "error" | "warning";

/** The Go plugins refuse it too, and answer 999 to every plain error; callers compare that code. */
const REFUSED_BY_UPSTREAM = { cni: 999 };
/** Upstream takes it silently and does something else than written: "invalid network config" of the CNI spec. */
const REFUSED_BY_BERTH = { cni: 7 };
/** Never an error by itself; 7 if a caller chooses to refuse warnings. */
const WARNING = { cni: 7 };

/** Every code, with the error code of the CNI protocol that an issue of severity `error` becomes. */
export const ISSUE_CODES = {
  missing_ipam: REFUSED_BY_UPSTREAM,
  invalid_type: REFUSED_BY_UPSTREAM,
  wrong_plugin: REFUSED_BY_UPSTREAM,
  invalid_address: REFUSED_BY_UPSTREAM,
  invalid_cidr: REFUSED_BY_UPSTREAM,
  invalid_range: REFUSED_BY_UPSTREAM,
  missing_range: REFUSED_BY_UPSTREAM,
  range_too_small: REFUSED_BY_UPSTREAM,
  range_empty: REFUSED_BY_UPSTREAM,
  no_store: REFUSED_BY_UPSTREAM,
  unknown_option: REFUSED_BY_UPSTREAM,
  option_too_long: REFUSED_BY_UPSTREAM,

  range_reversed: REFUSED_BY_BERTH,
  invalid_bound: REFUSED_BY_BERTH,
  bound_outside: REFUSED_BY_BERTH,
  bounds_empty: REFUSED_BY_BERTH,
  exclude_outside: REFUSED_BY_BERTH,
  only_gateway_left: REFUSED_BY_BERTH,
  gateway_without_range: REFUSED_BY_BERTH,
  missing_destination: REFUSED_BY_BERTH,
  number_out_of_bounds: REFUSED_BY_BERTH,
  invalid_network_name: REFUSED_BY_BERTH,
  invalid_slice_size: REFUSED_BY_BERTH,
  unknown_datastore: REFUSED_BY_BERTH,
  path_not_absolute: REFUSED_BY_BERTH,
  unknown_choice: REFUSED_BY_BERTH,
  too_many: REFUSED_BY_BERTH,

  unknown_key: WARNING,
  key_case: WARNING,
  ignored_key: WARNING,
  bound_without_range: WARNING,
  gateway_outside: WARNING,
  duplicate_range: WARNING,
  unknown_log_level: WARNING,
  option_without_value: WARNING,
} as const satisfies Record<string, { cni: number }>;

export type IssueCode = keyof typeof ISSUE_CODES;

/** One thing that is wrong with a configuration. `Code` is wider where `berth lint` adds codes of its own. */
export type Issue<Code extends string = IssueCode> = {
  readonly severity: Severity;
  readonly code: Code;
  /** Where, such as `ipam.ipRanges[1].range_start`, or `/etc/…/whereabouts.conf: range`. */
  readonly path: string;
  /** What stands there, as it was read; show it with `renderValue`, which bounds it. */
  readonly value: unknown;
  /** What is wrong, with the value. */
  readonly message: string;
  /** What would be right. */
  readonly hint: string;
};

/** What reading a configuration gives: `config` is there if, and only if, no issue is an error. */
export type Checked<T> = { readonly config?: T; readonly issues: readonly Issue[] };

/** The code of the CNI protocol for the first error, or undefined if there is none. */
export function cniCodeOf(issues: readonly Issue[]): number | undefined {
  const first = issues.find(({ severity }) => severity === "error");
  return first && ISSUE_CODES[first.code].cni;
}

/** One line for people: the place, what is wrong, and in brackets what would be right. */
export function formatIssue({ path, message, hint }: Issue<string>): string {
  const where = path === "" ? "" : `${path}: `;
  return `${where}${message}${hint === "" ? "" : ` (${hint})`}`;
}

const LONGEST_VALUE = 60;

/** The value on one short line, whatever it is: configurations come from outside and may be huge. */
export function renderValue(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value);
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (value === undefined) return "nothing";
  return String(value);
}
