import { formatPath, nearestHint, renderValue, type Segment } from "../config/index.ts";
import { readEmbedded, readMisplacedObject } from "./embedded.ts";
import { checkKeys, lintMacvlan } from "./macvlan.ts";
import { checkNames } from "./names.ts";
import { type Add, adder, lintNetconf } from "./netconf.ts";
import type { Attachment } from "./overlap.ts";
import type { Part, Reporter } from "./reporter.ts";
import { memberOf, type Tree } from "./tree.ts";

const NETWORK_TYPES = ["Raw", "SimpleMacvlan"];
const NETWORK_KEYS = ["name", "namespace", "type", "rawCNIConfig", "simpleMacvlanConfig"];

/** Checks the `spec` of a NetworkAttachmentDefinition. */
export function lintAttachmentSpec(part: Part, name: string, reporter: Reporter): Attachment[] {
  const spec = memberOf(part.tree, "spec");
  const config = memberOf(spec, "config");
  const found = lintConfigText(part, config, ["spec", "config"], `the attachment ${name}`, reporter);
  if (spec) checkKeys(spec, ["spec"], ["config"], adder(part, reporter));
  const isEmpty = config === undefined || config.value === null || config.value === "";
  if (isEmpty) reporter.note("no config: Multus takes the file of this name on the node");
  return found;
}

/** Checks `spec.additionalNetworks` of the Network of the Cluster Network Operator, and nothing else of it. */
export function lintNetworkSpec(part: Part, _name: string, reporter: Reporter): Attachment[] {
  const path: Segment[] = ["spec", "additionalNetworks"];
  const networks = memberOf(memberOf(part.tree, "spec"), "additionalNetworks");
  if (networks === undefined || networks.value === null) {
    reporter.note("no additionalNetworks");
    return [];
  }
  if (networks.items !== undefined) {
    return networks.items.flatMap((network, index) => lintNetwork(part, network, [...path, index], reporter));
  }
  const what = `${renderValue(networks.value)} has the wrong type`;
  adder(part, reporter)("invalid_type", path, networks.value, what, "a list is wanted");
  return [];
}

function lintNetwork(part: Part, network: Tree, path: readonly Segment[], reporter: Reporter): Attachment[] {
  const add = adder(part, reporter);
  const name = memberOf(network, "name")?.value;
  checkNames(network, path, true, add);
  checkKeys(network, path, NETWORK_KEYS, add);
  const type = memberOf(network, "type")?.value;
  const label = `the network ${typeof name === "string" ? name : ""}`;
  switch (NETWORK_TYPES.find((known) => known.toLowerCase() === String(type).toLowerCase())) {
    case "Raw":
      return lintRaw(part, network, path, label, reporter);
    case "SimpleMacvlan": {
      const macvlan = memberOf(network, "simpleMacvlanConfig");
      if (macvlan && macvlan.value !== null) lintMacvlan(macvlan, [...path, "simpleMacvlanConfig"], add);
      return [];
    }
    default: {
      const what =
        type === undefined ? "the type is missing" : `${renderValue(type)} is not a type of network`;
      add("unknown_network_type", [...path, "type"], type, what, nearestHint(String(type), NETWORK_TYPES));
      // Without a type it can still be read.
      return memberOf(network, "rawCNIConfig") ? lintRaw(part, network, path, label, reporter) : [];
    }
  }
}

function lintRaw(
  part: Part,
  network: Tree,
  path: readonly Segment[],
  label: string,
  reporter: Reporter,
): Attachment[] {
  const config = memberOf(network, "rawCNIConfig");
  const place = [...path, "rawCNIConfig"];
  if (config !== undefined && config.value !== null && config.value !== "") {
    return lintConfigText(part, config, place, label, reporter);
  }
  const hint = "write the configuration as JSON below rawCNIConfig: |-";
  adder(part, reporter)(
    "missing_key",
    place,
    config?.value,
    "a network of type Raw needs rawCNIConfig",
    hint,
  );
  return [];
}

/** A configuration in JSON that stands in a text of the object. */
function lintConfigText(
  part: Part,
  config: Tree | undefined,
  path: readonly Segment[],
  label: string,
  reporter: Reporter,
): Attachment[] {
  if (config === undefined || config.value === null || config.value === "") return [];
  const add = adder(part, reporter);
  const key = String(path.at(-1));
  const embedded = readConfig(part, config, path, key, add, reporter);
  return embedded ? lintNetconf(embedded, { label, isAttachment: true }, reporter) : [];
}

function readConfig(
  part: Part,
  config: Tree,
  path: readonly Segment[],
  key: string,
  add: Add,
  reporter: Reporter,
): Part | undefined {
  const place = formatPath(path);
  if (typeof config.value === "string") return readEmbedded(part, config, place, reporter);
  const hint = `write ${key}: |- and below it the JSON, indented with spaces`;
  if (config.members === undefined) {
    add("invalid_type", path, config.value, `${renderValue(config.value)} has the wrong type`, hint);
    return undefined;
  }
  const embedded = readMisplacedObject(part, config, place, reporter);
  add(
    "config_not_text",
    path,
    config.value,
    `${key} is an object, and a text with JSON in it is wanted`,
    hint,
  );
  return embedded;
}
