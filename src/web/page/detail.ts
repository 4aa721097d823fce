import type { AddressAnswer, ClaimRecord, Holding, StepAnswer, StepRequest } from "../api.ts";
import * as client from "./client.ts";
import { h } from "./dom.ts";
import { ago, span, when } from "./format.ts";

export type DetailOptions = {
  readonly pool: { readonly range: string; readonly network: string };
  readonly writable: boolean;
  readonly close: () => void;
};

/** Everything about one address: who holds it, who held it before, and what can be done. */
export function renderDetail(answer: AddressAnswer, options: DetailOptions): HTMLElement {
  const { address, history } = answer;
  const { range, network } = options.pool;
  const networkName = network === "-" ? "" : network;
  const here = answer.claims.filter((claim) => claim.pool === range && claim.networkName === networkName);
  const elsewhere = answer.claims.filter((claim) => !here.includes(claim));
  return h(
    "div",
    {},
    h("button", { type: "button", class: "close", "aria-label": "Close", onclick: options.close }, "×"),
    h("h2", { class: "mono" }, address),
    ...(here.length > 0 ? here.map(holder) : [h("p", { class: "quiet" }, "Nobody holds it.")]),
    elsewhere.length > 0 && h("h3", {}, "In other pools"),
    ...elsewhere.map(holder),
    h("h3", {}, "History"),
    history === undefined
      ? h(
          "p",
          { class: "quiet" },
          "None is kept here, or it may not be read: the agent of a node and the reconciler keep it.",
        )
      : timeline(history),
    options.writable && actions(address, here[0], options),
  );
}

function holder(claim: ClaimRecord): HTMLElement {
  const { pod, reserved, node, network, sandbox, since, uid, pool, networkName } = claim;
  const rows: [string, string | undefined][] = reserved
    ? [
        ["Reserved by", reserved.by],
        ["Reason", reserved.reason],
        ["Until", reserved.until && when(reserved.until)],
        ["Since", `${when(since)}, ${ago(since)}`],
      ]
    : [
        ["Pod", pod],
        ["Interface", claim.interface],
        ["Node", node],
        ["Network", network],
        ["Since", `${when(since)}, ${ago(since)}`],
        ["Pool", networkName === "" ? pool : `${pool} of ${networkName}`],
        ["Pod UID", uid],
        ["Sandbox", sandbox],
      ];
  const given = rows.filter((row): row is [string, string] => !!row[1]);
  return h(
    "dl",
    { class: "facts" },
    ...given.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

function timeline(history: readonly Holding[]): HTMLElement {
  if (history.length === 0)
    return h("p", { class: "quiet" }, "Nobody has held it as far back as the history goes.");
  const items = history.map(({ pod, interface: ifname, node, from, until }) => {
    const end = until === undefined ? Date.now() : Date.parse(until);
    // Nobody saw the beginning of what was held before the reconciler looked for the first time.
    const began = from === "" ? "?" : when(from);
    const length = from === "" ? "" : ` (${span(end - Date.parse(from))})`;
    return h(
      "li",
      { class: until === undefined ? "now" : undefined },
      h("b", {}, pod),
      h("span", {}, `${ifname} on ${node}`),
      h("span", { class: "time" }, `${began} – ${until === undefined ? "now" : when(until)}${length}`),
    );
  });
  return h("ol", { class: "timeline" }, ...items);
}

/** First what would be done, then a second button that does it. */
function actions(
  address: string,
  claim: ClaimRecord | undefined,
  { pool, close }: DetailOptions,
): HTMLElement {
  const networkName = pool.network === "-" ? "" : pool.network;
  const base = { address, pool: pool.range, networkName };
  const result = h("div", { class: "result", role: "status" });
  const ask = async (verb: "reserve" | "release", request: Omit<StepRequest, "yes">) => {
    const answer = await client.steer(verb, { ...request, yes: false });
    if (!answer.ok) result.replaceChildren(h("p", { class: "trouble" }, answer.error));
    else result.replaceChildren(...confirm(verb, answer.value, () => act(verb, request)));
    result.querySelector("button")?.focus();
  };
  const act = async (verb: "reserve" | "release", request: Omit<StepRequest, "yes">) => {
    const answer = await client.steer(verb, { ...request, yes: true });
    if (answer.ok) close();
    else result.replaceChildren(h("p", { class: "trouble" }, answer.error));
  };
  if (claim) {
    const button = h("button", { type: "button", onclick: () => void ask("release", base) }, "Release…");
    return h("section", { class: "actions", "aria-label": "Actions" }, button, result);
  }
  const owner = h("input", { name: "owner", required: true, maxlength: 100, autocomplete: "username" });
  const reason = h("input", { name: "reason", required: true, maxlength: 300 });
  const submit = (event: Event) => {
    event.preventDefault();
    void ask("reserve", { ...base, owner: owner.value, reason: reason.value });
  };
  const form = h(
    "form",
    { onsubmit: submit },
    h("label", {}, "Owner", owner),
    h("label", {}, "Reason", reason),
    h("button", { type: "submit" }, "Reserve…"),
  );
  return h(
    "section",
    { class: "actions", "aria-label": "Actions" },
    h("h3", {}, "Keep it from pods"),
    form,
    result,
  );
}

function confirm(verb: "reserve" | "release", step: StepAnswer, act: () => void): HTMLElement[] {
  const what = verb === "reserve" ? `This reserves for ${step.who}:` : `This releases from ${step.who}:`;
  const list = h("ul", { class: "mono" }, ...step.addresses.map((line) => h("li", {}, line)));
  const warning =
    "If this pod still runs, it goes on using what the next pod gets: make sure that it is gone.";
  const button = h(
    "button",
    { type: "button", class: verb === "release" ? "danger" : "primary", onclick: act },
    verb === "reserve" ? "Reserve it" : "Release it",
  );
  return [h("p", {}, what), list, ...(step.fromPod ? [h("p", { class: "trouble" }, warning)] : []), button];
}
