import type { KubeObject } from "../../kube/api.ts";
import type { WorkloadSettings } from "./settings.ts";

/** An object to apply, whole. */
export type Manifest = KubeObject & { readonly [key: string]: unknown };

/** What tells Berth's objects from others', for people and for the operator's own clean-up. */
export const MANAGED_BY = "app.kubernetes.io/managed-by";
export const PART_OF = { "app.kubernetes.io/part-of": "berth" } as const;

export type Labels = { readonly [key: string]: string };

export function componentLabels(component: string): Labels {
  return { "app.kubernetes.io/name": "berth", "app.kubernetes.io/component": component, ...PART_OF };
}

/** A process that needs nothing but the API server. */
export const UNPRIVILEGED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
} as const;

export const LINUX = { "kubernetes.io/os": "linux" } as const;

/** Pods of networks may run on every node, whatever its taints, and need their addresses there. */
export const EVERYWHERE = [{ operator: "Exists" }] as const;

/** Memory as measured (the operator with 500 attachments: 53 MiB), with room; no CPU limit, which would only add waiting. */
export function resources(cpu: string, memory: string, memoryLimit: string): object {
  return { requests: { cpu, memory }, limits: { memory: memoryLimit } };
}

export const NODE_NAME = {
  name: "NODENAME",
  valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } },
} as const;
export const POD_NAME = {
  name: "POD_NAME",
  valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
} as const;
export const POD_IP = {
  name: "POD_IP",
  valueFrom: { fieldRef: { fieldPath: "status.podIP" } },
} as const;
export const POD_NAMESPACE = {
  name: "POD_NAMESPACE",
  valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } },
} as const;
/** The pools lie in the namespace of the workloads, as whereabouts has it. */
export const POOL_NAMESPACE = {
  name: "WHEREABOUTS_NAMESPACE",
  valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } },
} as const;

export type HostFolder = {
  readonly name: string;
  readonly path: string;
  /** In the container; the same path unless given. */
  readonly at?: string;
  readonly readOnly?: boolean;
  /** Mounts that the host makes later are seen: network namespaces appear that way. */
  readonly follows?: boolean;
  readonly create?: boolean;
};

/** Volumes and mounts of folders of the host. */
export function hostFolders(folders: readonly HostFolder[]): { volumes: object[]; volumeMounts: object[] } {
  return {
    volumes: folders.map(({ name, path, create = true }) => {
      return { name, hostPath: { path, type: create ? "DirectoryOrCreate" : "Directory" } };
    }),
    volumeMounts: folders.map(({ name, path, at = path, readOnly, follows }) => ({
      name,
      mountPath: at,
      ...(readOnly && { readOnly }),
      ...(follows && { mountPropagation: "HostToContainer" }),
    })),
  };
}

/** Fields of every pod of Berth. */
export function podBasics(settings: WorkloadSettings, serviceAccountName: string): object {
  return {
    serviceAccountName,
    imagePullSecrets: settings.imagePullSecrets,
    nodeSelector: LINUX,
  };
}

/** Fields of every container of Berth; `command` is a subcommand of berth with its options. */
export function container(
  settings: WorkloadSettings,
  name: string,
  command: readonly string[],
): { name: string; [key: string]: unknown } {
  return {
    name,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: command,
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** Two replicas of one elected part: on different nodes where that is possible. */
export function apart(labels: Labels): object {
  const term = { labelSelector: { matchLabels: labels }, topologyKey: "kubernetes.io/hostname" };
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
    },
  };
}

const PAGES_PORT = 9479;

/** Arguments for the pages of an elected part; on the pod's address alone, in brackets so that it may be of either family. Needs POD_IP. */
export const SERVE_PAGES = ["--metrics-address", `[$(POD_IP)]:${PAGES_PORT}`] as const;

const page = (path: string) => ({ httpGet: { port: "metrics", path } });

/** Port and probes of a container with SERVE_PAGES. */
export const PAGES = {
  ports: [{ name: "metrics", containerPort: PAGES_PORT }],
  readinessProbe: { ...page("/readyz"), periodSeconds: 10 },
  livenessProbe: { ...page("/healthz"), initialDelaySeconds: 10, periodSeconds: 20, failureThreshold: 5 },
} as const;
