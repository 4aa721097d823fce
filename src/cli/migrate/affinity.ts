import type { DaemonSet } from "../../kube/objects.ts";
import { LABEL } from "./situation.ts";

/** Only what is read and written of a pod template. */
type Term = { readonly matchExpressions?: readonly Expression[]; readonly matchFields?: readonly unknown[] };
type Expression = { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] };
type Affinity = {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
      readonly nodeSelectorTerms?: readonly Term[];
    } | null;
  };
};

const NOT_OVER: Expression = { key: LABEL.key, operator: "NotIn", values: [LABEL.value] };

/** Whether the pods of the DaemonSet keep off nodes with the label: each of its terms says so. */
export function isKeptOff(set: DaemonSet): boolean {
  const terms = termsOf(set);
  return terms.length > 0 && terms.every(({ matchExpressions = [] }) => matchExpressions.some(isOurs));
}

/** A merge patch after which they do; terms of others stay, and none of them lets a node with the label pass. */
export function keepOff(set: DaemonSet): object {
  const terms = termsOf(set);
  const all: readonly Term[] = terms.length > 0 ? terms : [{}];
  return patchOf(
    set,
    all.map((term) => ({ ...term, matchExpressions: [...without(term), NOT_OVER] })),
  );
}

/** A merge patch that takes back what `keepOff` added. */
export function letOn(set: DaemonSet): object {
  const terms = termsOf(set).flatMap((term): Term[] => {
    const { matchExpressions: _, ...rest } = term;
    const matchExpressions = without(term);
    if (matchExpressions.length > 0) return [{ ...rest, matchExpressions }];
    return (rest.matchFields ?? []).length > 0 ? [rest] : [];
  });
  return patchOf(set, terms);
}

function patchOf({ metadata }: DaemonSet, terms: readonly Term[]): object {
  // A list of no terms would match no node.
  const required = terms.length > 0 ? { nodeSelectorTerms: terms } : null;
  const affinity: Affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  return {
    metadata: { resourceVersion: metadata.resourceVersion },
    spec: { template: { spec: { affinity } } },
  };
}

function termsOf({ spec }: DaemonSet): readonly Term[] {
  const { template } = (spec ?? {}) as { template?: { spec?: { affinity?: Affinity } } };
  const required = template?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms ?? [];
}

function without({ matchExpressions = [] }: Term): readonly Expression[] {
  return matchExpressions.filter((expression) => !isOurs(expression));
}

function isOurs({ key, operator, values }: Expression): boolean {
  return key === NOT_OVER.key && operator === NOT_OVER.operator && values?.join() === LABEL.value;
}
