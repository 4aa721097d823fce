import { CNI_VERSIONS } from "../cni/version.ts";
import {
  formatPath,
  ipamOf,
  nearest,
  readDhcp,
  readStatic,
  readWhereabouts,
  renderValue,
  type Segment,
} from "../config/index.ts";
import type { LintIssue } from "./issue.ts";
import type { Attachment } from "./overlap.ts";
import type { Part, Reporter } from "./reporter.ts";
import { isObject, memberOf, type Tree } from "./tree.ts";

const PLUGINS = ["static", "dhcp", "whereabouts"] as const;

/** The flat file of a node usually names the store, and is not at hand here. */
const SOME_FLAT_FILE = { path: "the flat file", content: { kubernetes: { kubeconfig: "/" } } };

/** Where a configuration comes from: Multus gives one in an attachment the name of the attachment. */
export type Origin = { readonly label: string; readonly isAttachment: boolean };

/** Checks a network configuration, a list of plugins, or a bare `{"ipam": …}`; the whereabouts networks in it. */
export function lintNetconf(part: Part, origin: Origin, reporter: Reporter): Attachment[] {
  const { value } = part.tree;
  const add = adder(part, reporter);
  if (!isObject(value)) {
    add("invalid_type", [], value, `${renderValue(value)} is no configuration`, "an object is wanted");
    return [];
  }
  const plugins = memberOf(part.tree, "plugins");
  if (!isFragment(part.tree)) checkHead(part.tree, origin, add);
  if (plugins === undefined) {
    if (!isFragment(part.tree)) checkPluginType(part.tree, [], add);
    return lintIpam(part, part.tree, [], origin, reporter);
  }
  if (plugins.items === undefined) {
    add(
      "invalid_type",
      ["plugins"],
      plugins.value,
      `${renderValue(plugins.value)} has the wrong type`,
      "a list is wanted",
    );
    return [];
  }
  return plugins.items.flatMap((plugin, index) => {
    checkPluginType(plugin, ["plugins", index], add);
    return lintIpam(part, plugin, ["plugins", index], origin, reporter);
  });
}

/** What kind of configuration it is, for the summary. */
export function kindOf(tree: Tree): string {
  if (memberOf(tree, "plugins") !== undefined) return "conflist";
  return isFragment(tree) ? "ipam fragment" : "netconf";
}

/** Documents show just the ipam part. */
function isFragment(tree: Tree): boolean {
  const has = (key: string) => memberOf(tree, key) !== undefined;
  return has("ipam") && !["name", "cniVersion", "type", "plugins"].some(has);
}

export type Add = (
  code: LintIssue["code"],
  path: readonly Segment[],
  value: unknown,
  message: string,
  hint: string,
  severity?: LintIssue["severity"],
) => void;

export function adder(part: Part, reporter: Reporter): Add {
  return (code, path, value, message, hint, severity = "error") =>
    reporter.add(part, { severity, code, path: formatPath(path), value, message, hint });
}

/** `name` and `cniVersion`, which stand once for all plugins. */
function checkHead(tree: Tree, { isAttachment }: Origin, add: Add): void {
  const name = memberOf(tree, "name")?.value;
  if (name === undefined || name === null || name === "") {
    const hint = isAttachment
      ? "Multus fills in the name of the attachment; write it, so that other tools see it too"
      : 'write "name": "my-network"';
    add(
      "missing_name",
      ["name"],
      name,
      "the configuration has no name",
      hint,
      isAttachment ? "warning" : "error",
    );
  } else if (typeof name !== "string" || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    const hint = "it starts with a letter or digit, and has letters, digits, _ . - only";
    add("invalid_name", ["name"], name, `${renderValue(name)} is not a network name`, hint);
  }
  const version = memberOf(tree, "cniVersion")?.value;
  if (version === undefined || version === null || version === "") {
    const what = "the configuration has no cniVersion, which means 0.1.0";
    add("missing_cni_version", ["cniVersion"], version, what, 'write "cniVersion": "1.0.0"', "warning");
  } else if (!CNI_VERSIONS.some((known) => known === version)) {
    const what = `${renderValue(version)} is not a version of CNI`;
    add("unsupported_cni_version", ["cniVersion"], version, what, `known: ${CNI_VERSIONS.join(", ")}`);
  }
}

function checkPluginType(plugin: Tree, path: readonly Segment[], add: Add): void {
  const type = memberOf(plugin, "type")?.value;
  if (typeof type === "string" && type !== "") return;
  const what = `the plugin has ${type ? "a type that is no text" : "no type"}`;
  add(
    "missing_plugin_type",
    [...path, "type"],
    type,
    what,
    'write the main plugin, such as "type": "macvlan"',
  );
}

function lintIpam(
  part: Part,
  plugin: Tree,
  path: readonly Segment[],
  origin: Origin,
  reporter: Reporter,
): Attachment[] {
  const ipam = ipamOf(plugin.value);
  if (ipam === undefined || ipam === null) return [];
  const add = adder(part, reporter);
  const place = [...path, "ipam"];
  if (!isObject(ipam)) {
    add(
      "invalid_type",
      place,
      ipam,
      `${renderValue(ipam)} has the wrong type`,
      'an object such as {"type": "dhcp"} is wanted',
    );
    return [];
  }
  const known = PLUGINS.find((name) => name === ipam.type);
  if (known === undefined) {
    lintOtherIpam(ipam, place, add, reporter);
    return [];
  }
  const base = path.length > 0 ? `${formatPath(path)}.` : "";
  const addAll = (issues: readonly LintIssue[]) => {
    for (const issue of issues) reporter.add(part, { ...issue, path: base + issue.path });
  };
  if (known !== "whereabouts") {
    addAll((known === "static" ? readStatic : readDhcp)(ipam).issues);
    return [];
  }
  const { config, issues } = readWhereabouts(ipam, SOME_FLAT_FILE);
  addAll(issues);
  return config ? [{ label: origin.label, config, part, base }] : [];
}

/** Another plugin's, which is not checked, or one of ours misspelt. */
function lintOtherIpam(
  ipam: { readonly [key: string]: unknown },
  place: Segment[],
  add: Add,
  reporter: Reporter,
): void {
  const { type } = ipam;
  const shown = renderValue(type);
  const list = "static, dhcp or whereabouts";
  if (type === undefined || type === null || type === "") {
    if (Object.keys(ipam).length === 0) return;
    const what = "ipam has no type, so most plugins give the interface no address";
    add("missing_ipam_type", [...place, "type"], type, what, `write "type": ${list}`, "warning");
    return;
  }
  if (typeof type !== "string") {
    add(
      "invalid_type",
      [...place, "type"],
      type,
      `${shown} has the wrong type`,
      `the text ${list} is wanted`,
    );
    return;
  }
  const meant = nearest(type, PLUGINS);
  if (meant === undefined) {
    reporter.note(`ipam type ${shown} is not checked`);
    return;
  }
  const what = `${shown} is not a plugin that Berth knows; names are exact`;
  add("unknown_ipam_type", [...place, "type"], type, what, `did you mean "${meant}"?`, "warning");
}
