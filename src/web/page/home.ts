import type { Finding, Notice, Overview, PoolSummary } from "../api.ts";
import { bar, h } from "./dom.ts";
import { ago, count, percent, plural, when } from "./format.ts";
import { linkTo } from "./route.ts";

/** The first page: how things stand, what is wrong, and every pool by how full it is. */
export function renderHome(overview: Overview): HTMLElement {
  const { pools, findings, notices } = overview;
  const fullest = pools.toSorted((a, b) => b.percent - a.percent);
  return h(
    "div",
    { class: "home" },
    h("h1", {}, "Overview"),
    h(
      "dl",
      { class: "tiles" },
      tile("Addresses held", overview.claims.toLocaleString("en")),
      tile("Pods", overview.pods.toLocaleString("en")),
      tile("Nodes", overview.nodes.toLocaleString("en")),
      tile("Pools", pools.length.toLocaleString("en")),
    ),
    renderFindings(findings, overview.problems),
    notices.length > 0 && renderNotices(notices),
    h("h2", {}, "Pools"),
    pools.length === 0
      ? h("p", { class: "quiet" }, "No pool has been used yet: the first pod makes one.")
      : h("ul", { class: "cards" }, ...fullest.map(card)),
  );
}

function tile(name: string, value: string): HTMLElement {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function renderFindings(findings: readonly Finding[], total: number): HTMLElement {
  if (findings.length === 0) {
    return h(
      "p",
      { class: "well" },
      h("span", { "aria-hidden": true }, "✓ "),
      "Nothing is inconsistent, and no pool is nearly full.",
    );
  }
  const more = total - findings.length;
  const items = findings.map(({ severity, message, hint }) =>
    h(
      "li",
      { class: severity },
      h("span", { class: "tag" }, severity),
      h("p", {}, message),
      h("p", { class: "hint" }, hint),
    ),
  );
  return h(
    "section",
    { class: "findings", "aria-labelledby": "problems" },
    h("h2", { id: "problems" }, plural(total, "problem")),
    h("ul", {}, ...items),
    more > 0 && h("p", { class: "quiet" }, `and ${more} more: berth check lists them`),
  );
}

/** What has gone wrong lately, as `kubectl events` has it. */
function renderNotices(notices: readonly Notice[]): HTMLElement {
  const items = notices.map(({ time, about, reason, message, count: times, hint }) =>
    h(
      "li",
      { class: "warning" },
      h("span", { class: "tag", title: when(time) }, ago(time)),
      h("p", {}, message),
      h(
        "p",
        { class: "hint" },
        `${about}, ${reason}${times > 1 ? `, ${times} times` : ""}${hint === "" ? "" : `: ${hint}`}`,
      ),
    ),
  );
  return h(
    "section",
    { class: "findings", "aria-labelledby": "events" },
    h("h2", { id: "events" }, "Latest events"),
    h("ul", {}, ...items),
  );
}

function card(pool: PoolSummary): HTMLElement {
  const share = percent(pool.percent, pool.used);
  const name = pool.network === "-" ? (pool.networks.length > 0 ? "" : "no network name") : pool.network;
  return h(
    "li",
    {},
    h(
      "a",
      { href: linkTo({ page: "pool", pool: pool.id }), class: "card" },
      h("span", { class: "range mono" }, pool.range),
      h("span", { class: "name" }, [name, ...pool.networks].filter((text) => text !== "").join(" · ")),
      bar(pool.percent, `${share} full`),
      h("span", { class: "numbers" }, `${count(pool.used)} held`, h("span", {}, share)),
    ),
  );
}
