import type { ApiError, KubeClient } from "../kube/api.ts";
import { type Attributes, mayI, whoAmI } from "../kube/on-behalf.ts";
import { err, ok, type Result } from "../result.ts";

/** What somebody may do with the page, as the cluster says. */
export type Rights = {
  /** "" where the cluster does not tell. */
  readonly user: string;
  /** What they would need to look, and may not do; all of it is shown to those who may do all of it. */
  readonly missing: readonly string[];
  /** The same for writing. */
  readonly missingToWrite: readonly string[];
  readonly seesEvents: boolean;
};

const WHEREABOUTS = "whereabouts.cni.cncf.io";

/** Asks with the client of somebody what they may do; `namespace` is that of the pools. */
export async function rightsOf(
  client: KubeClient,
  namespace: string,
  withWrites: boolean,
): Promise<Result<Rights, ApiError>> {
  const pools = (verb: string, resource: string): Attributes => {
    return { verb, group: WHEREABOUTS, resource, namespace };
  };
  const look: readonly Attributes[] = [
    pools("list", "ippools"),
    pools("list", "overlappingrangeipreservations"),
    { verb: "list", group: "k8s.cni.cncf.io", resource: "network-attachment-definitions" },
    { verb: "list", group: "", resource: "pods" },
  ];
  const write: readonly Attributes[] = [
    pools("patch", "ippools"),
    pools("create", "overlappingrangeipreservations"),
    pools("delete", "overlappingrangeipreservations"),
  ];
  const ask = async (wanted: readonly Attributes[]): Promise<Result<readonly string[], ApiError>> => {
    const answers = await Promise.all(wanted.map((attributes) => mayI(client, attributes)));
    const failed = answers.find((answer) => !answer.ok);
    if (failed && !failed.ok) return failed;
    return ok(wanted.filter((_, index) => answers[index]?.ok && !answers[index].value).map(describe));
  };
  const [user, missing, missingToWrite, events] = await Promise.all([
    whoAmI(client),
    ask(look),
    withWrites ? ask(write) : ok([]),
    ask([{ verb: "list", group: "", resource: "events" }]),
  ]);
  if (!user.ok) return user;
  if (!missing.ok) return missing;
  if (!missingToWrite.ok) return missingToWrite;
  if (!events.ok) return err(events.error);
  return ok({
    user: user.value,
    missing: missing.value,
    missingToWrite: missingToWrite.value,
    seesEvents: events.value.length === 0,
  });
}

function describe({ verb, resource, group, namespace }: Attributes): string {
  const where = namespace === undefined ? "in all namespaces" : `in ${namespace}`;
  return `${verb} ${resource}${group === "" ? "" : `.${group}`} ${where}`;
}
