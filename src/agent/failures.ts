import { isObject } from "../cni/json.ts";
import type { CallFrame } from "../cni/wire.ts";
import type { Reply } from "../ipam/invoke.ts";

/** A call that failed, and how often in a row it failed alike. Times are ISO 8601. */
export type CallFailure = {
  readonly first: string;
  readonly last: string;
  readonly count: number;
  readonly plugin: string;
  readonly verb: string;
  /** `namespace/name`; "" where the runtime does not say. */
  readonly pod: string;
  readonly interface: string;
  /** `name` of the CNI configuration. */
  readonly network: string;
  readonly sandbox: string;
  readonly code: number;
  readonly message: string;
};

/** Of more nobody reads; each takes less than 2 KB. */
const MOST = 100;
const LONGEST = 500;
/** Larger configurations are not read again only to say their name. */
const LARGEST = 64 * 1024;

/** The last calls that failed, in memory: `berth status` and `berth explain` show them. */
export class Failures {
  readonly #failures: CallFailure[] = [];

  /** Newest first. */
  get list(): readonly CallFailure[] {
    return this.#failures;
  }

  /** Takes down that a call was answered with an error. `now` in milliseconds since 1970. */
  note({ plugin, env, stdin }: CallFrame, { code, stdout }: Reply, now: number): void {
    const time = new Date(now).toISOString();
    const failure = {
      first: time,
      last: time,
      count: 1,
      plugin,
      verb: env.CNI_COMMAND ?? "",
      pod: podOf(env.CNI_ARGS ?? ""),
      interface: env.CNI_IFNAME ?? "",
      network: textOf(stdin.length <= LARGEST ? stdin : "", "name"),
      sandbox: env.CNI_CONTAINERID ?? "",
      code,
      message: textOf(stdout, "msg").slice(0, LONGEST),
    };
    const at = this.#failures.findIndex((known) => isAlike(known, failure));
    const [known] = at < 0 ? [] : this.#failures.splice(at, 1);
    // A runtime tries again and again, with a new sandbox each time.
    this.#failures.unshift(known ? { ...failure, first: known.first, count: known.count + 1 } : failure);
    this.#failures.splice(MOST);
  }
}

function isAlike(a: CallFailure, b: CallFailure): boolean {
  const keys = ["plugin", "verb", "pod", "interface", "network", "code", "message"] as const;
  return keys.every((key) => a[key] === b[key]) && (a.pod !== "" || a.sandbox === b.sandbox);
}

/** Read leniently: the arguments may be what is wrong. */
function podOf(cniArgs: string): string {
  const last = (key: string) =>
    cniArgs
      .split(";")
      .findLast((pair) => pair.startsWith(`${key}=`))
      ?.slice(key.length + 1) ?? "";
  const name = last("K8S_POD_NAME");
  return name === "" ? "" : `${last("K8S_POD_NAMESPACE")}/${name}`;
}

/** A text of a JSON object; "" where there is none. */
function textOf(json: string, key: string): string {
  try {
    const value: unknown = JSON.parse(json);
    const found = isObject(value) ? value[key] : undefined;
    return typeof found === "string" ? found : "";
  } catch {
    return ""; // what is wrong with it is the failure's own message
  }
}
