import type { ClaimRecord } from "../api.ts";
import { h } from "./dom.ts";
import { ago, when } from "./format.ts";
import { linkTo } from "./route.ts";

const COLUMNS = ["Address", "Held by", "Interface", "Network", "Node", "Since"];

/** Held addresses as a table: what the map shows, for those who read rather than look. */
export function claimTable(claims: readonly ClaimRecord[], caption: string): HTMLElement {
  const head = h("tr", {}, ...COLUMNS.map((title) => h("th", { scope: "col" }, title)));
  const rows = claims.map((claim) => {
    const { address, pool, networkName } = claim;
    const link = linkTo({ page: "pool", pool: `${pool}@${networkName}`, address });
    return h(
      "tr",
      {},
      h("td", { class: "mono" }, h("a", { href: link }, address)),
      h("td", {}, holderText(claim)),
      h("td", {}, claim.interface),
      h("td", {}, claim.network),
      h("td", {}, claim.node),
      h("td", { title: when(claim.since) }, ago(claim.since)),
    );
  });
  const table = h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, ...rows));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, table);
}

export function holderText({ pod, reserved }: ClaimRecord): string {
  return reserved ? `reserved by ${reserved.by}: ${reserved.reason}` : pod;
}
