import type { Clock } from "../clock.ts";
import type { ApiError, KubeClient } from "../kube/api.ts";
import type { Log } from "../log.ts";
import { MANAGER } from "./ownership.ts";
import type { Pace } from "./pace.ts";
import { type Action, nameOf, type Problem } from "./plan.ts";
import { resourceOf } from "./resources.ts";
import type { View } from "./view.ts";

export type Hands = {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: View;
  readonly pace: Pace;
  /** Told of every object that was made, repaired or removed. */
  readonly tell: (reason: "Created" | "Repaired" | "Removed", name: string) => void;
  /** Told of every write that failed. */
  readonly refused: (name: string) => void;
};

/** What became of the actions of a pass. */
export type Outcome = {
  readonly problems: readonly Problem[];
  /** Milliseconds until another pass is worth while; undefined: when something changes. */
  readonly again?: number;
};

/** After so many writes without a rest someone else writes too. */
const CONTESTED = 4;
/** Milliseconds. */
const TIMEOUT = 10_000;
const AGAIN_SOON = 2_000;
const AGAIN_LATER = 60_000;

/** Carries out one action after the other; what fails is a problem of its own and the rest goes on. */
export async function carryOut(
  actions: readonly Action[],
  hands: Hands,
  signal: AbortSignal,
): Promise<Outcome> {
  const problems: Problem[] = [];
  let again = Number.POSITIVE_INFINITY;
  for (const action of actions) {
    if (signal.aborted) break;
    const id = nameOf(action.do === "apply" ? action.manifest : action.object);
    const wait = hands.pace.wait(id);
    if (wait > 0) again = Math.min(again, wait);
    else {
      const error = await act(action, id, hands, signal);
      if (error) {
        hands.refused(id);
        problems.push(problemOf(error, action.path));
        again = Math.min(again, error.retryAfter ?? (error.retry === "permanent" ? AGAIN_LATER : AGAIN_SOON));
      }
    }
    if (hands.pace.count(id) >= CONTESTED) problems.push(contested(id, action.path));
  }
  return { problems, ...(Number.isFinite(again) && { again }) };
}

async function act(
  action: Action,
  id: string,
  hands: Hands,
  signal: AbortSignal,
): Promise<ApiError | undefined> {
  const { client, view, log, pace, tell } = hands;
  const object = action.do === "apply" ? action.manifest : action.object;
  const resource = resourceOf(object);
  if (resource === undefined) return undefined;
  const { name, namespace, uid } = object.metadata;
  const target = { name, ...(namespace !== undefined && { namespace }) };
  const call = { timeout: TIMEOUT, signal };
  pace.wrote(id);
  const startedAt = hands.clock.elapsed();
  const ms = () => Math.round(hands.clock.elapsed() - startedAt);
  if (action.do === "apply") {
    const patch = { type: "apply", patch: action.manifest, fieldManager: MANAGER, force: true } as const;
    const applied = await client.patch(resource, target, patch, call);
    if (!applied.ok) return fail("cannot apply", applied.error);
    view.put(applied.value);
    const reason = action.isNew ? "Created" : "Repaired";
    log("verbose", reason === "Created" ? "created" : "brought up to date", { object: id, ms: ms() });
    tell(reason, id);
    return undefined;
  }
  const only = { propagation: "Background", ...(uid !== undefined && { uid }) } as const;
  const deleted = await client.delete(resource, target, { ...call, ...only });
  if (!deleted.ok && deleted.error.code !== "not_found") return fail("cannot delete", deleted.error);
  view.remove(action.object);
  log("verbose", "removed", { object: id, ms: ms() });
  tell("Removed", id);
  return undefined;

  function fail(what: string, error: ApiError): ApiError {
    const { code, message, hint } = error;
    log("error", what, { object: id, code, message, hint, ms: ms() });
    return error;
  }
}

function problemOf({ code, message, hint }: ApiError, path: string): Problem {
  return { reason: code === "forbidden" ? "Forbidden" : "Failed", path, message, hint };
}

function contested(id: string, path: string): Problem {
  return {
    reason: "Contested",
    path,
    message: `${id} is changed by someone else again and again`,
    hint: "kubectl get -o yaml --show-managed-fields names who; one of the two has to stop",
  };
}
