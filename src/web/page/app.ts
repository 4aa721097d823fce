import type { Overview } from "../api.ts";
import * as client from "./client.ts";
import { renderDetail } from "./detail.ts";
import { byId, h } from "./dom.ts";
import { renderHome } from "./home.ts";
import { PagedTable } from "./paged.ts";
import { PoolPage } from "./pool.ts";
import { linkTo, type Route, readRoute } from "./route.ts";
import { renderSide } from "./side.ts";
import { signInForm } from "./sign-in.ts";

const main = byId("main");
const side = byId("side");
const detail = byId("detail");
const searchField = byId("search") as HTMLInputElement;

let overview: Overview | undefined;
let poolPage: PoolPage | undefined;
let found: { readonly text: string; readonly table: PagedTable } | undefined;
let unfollow: (() => void) | undefined;
/** Answers that come after the reader has gone on are not shown. */
let turn = 0;

/** Shows where the reader is. `moved`: they have just come here, so the page begins at its top. */
async function show(moved: boolean): Promise<void> {
  const mine = ++turn;
  const route = readRoute(location.hash);
  const answer = await client.overview();
  if (mine !== turn) return;
  if (!answer.ok && answer.status === 401) return showSignIn(answer.error);
  if (answer.ok) overview = answer.value;
  showUser();
  unfollow ??= client.follow(changed, connected);
  showState(answer.ok ? answer.value.trouble : answer.error);
  if (!overview) {
    main.replaceChildren(h("p", { class: "trouble" }, answer.ok ? "" : answer.error));
    return;
  }
  side.replaceChildren(renderSide(overview.pools, route.page === "pool" ? route.pool : undefined));
  document.body.dataset.page = route.page;
  if (route.page === "home") showHome(overview);
  else if (route.page === "search") await showSearch(route.text, mine);
  else await showPool(route, mine);
  if (moved && mine === turn && route.page !== "pool") scrollTo(0, 0);
}

/** Nobody is let in: nothing of what was shown before stays. */
function showSignIn(why: string): void {
  const isFirst = overview === undefined;
  unfollow?.();
  unfollow = overview = poolPage = undefined;
  document.title = "Sign in – Berth";
  document.body.dataset.page = "sign-in";
  side.replaceChildren();
  hideDetail();
  showUser();
  byId("live").dataset.state = "trouble";
  byId("live-text").textContent = "Not signed in";
  main.replaceChildren(signInForm(isFirst ? undefined : why, () => void show(true)));
  main.querySelector("input")?.focus();
}

function showUser(): void {
  const leave = async () => {
    await client.signOut();
    overview = undefined;
    await show(true);
  };
  const button = h("button", { type: "button", onclick: () => void leave() }, "Sign out");
  const name = h("span", {}, overview?.user ?? "");
  byId("user").replaceChildren(...(overview?.user ? [name] : []), ...(overview?.canLeave ? [button] : []));
}

function showHome(current: Overview): void {
  poolPage = undefined;
  document.title = "Berth";
  hideDetail();
  main.replaceChildren(renderHome(current));
}

async function showSearch(text: string, mine: number): Promise<void> {
  poolPage = undefined;
  document.title = `${text} – Berth`;
  hideDetail();
  if (searchField !== document.activeElement) searchField.value = text;
  if (found?.text !== text || !main.contains(found.table.element)) {
    const words = {
      caption: `Found for “${text}”`,
      none: `No address is held that has “${text}” in its address, pod, node or network.`,
    };
    found = { text, table: new PagedTable((offset) => client.search(text, offset), words) };
  }
  const { table } = found;
  await table.refresh();
  if (mine === turn && !main.contains(table.element))
    main.replaceChildren(h("h1", {}, "Search"), table.element);
}

async function showPool(route: Extract<Route, { page: "pool" }>, mine: number): Promise<void> {
  const known = poolPage?.id === route.pool ? poolPage : undefined;
  // A selected address without a block: the part where it lies is found by the /24 or /120 around it.
  const block = route.block ?? (route.address ? blockAround(route.address, route.pool) : undefined);
  const answer = await client.map(route.pool, block);
  if (mine !== turn) return;
  if (!answer.ok) {
    poolPage = undefined;
    hideDetail();
    main.replaceChildren(
      h("p", { class: "trouble" }, answer.error),
      h("a", { href: "#/" }, "To the overview"),
    );
    return;
  }
  document.title = `${answer.value.pool.range} – Berth`;
  if (known) {
    const hadFocus = known.element.querySelector('[role="grid"]')?.contains(document.activeElement) === true;
    const before = known.block;
    known.update(answer.value);
    if (hadFocus && known.block !== before) known.focusMap();
  } else {
    poolPage = new PoolPage(answer.value);
    main.replaceChildren(poolPage.element);
  }
  poolPage?.select(route.address);
  if (route.address) await showDetail(route.address, route, mine);
  else hideDetail();
}

async function showDetail(
  address: string,
  route: Extract<Route, { page: "pool" }>,
  mine: number,
): Promise<void> {
  const answer = await client.address(address);
  if (mine !== turn || !poolPage) return;
  if (detail.contains(document.activeElement) && detail.dataset.address === address) return; // do not disturb a form
  const close = () => {
    location.hash = linkTo({ page: "pool", pool: route.pool, ...(poolPage && { block: poolPage.block }) });
    poolPage?.focusMap();
  };
  const options = { pool: poolPage.pool, writable: overview?.writable === true, close };
  detail.dataset.address = address;
  detail.hidden = false;
  detail.replaceChildren(
    answer.ok ? renderDetail(answer.value, options) : h("p", { class: "trouble" }, answer.error),
  );
}

function hideDetail(): void {
  detail.hidden = true;
  delete detail.dataset.address;
  detail.replaceChildren();
}

/** The block of addresses that the map shows for one of them; the whole pool if that is no larger. */
function blockAround(address: string, pool: string): string {
  const [range = ""] = pool.split("@");
  const prefix = Number(range.split("/")[1]);
  const small = address.includes(":") ? 118 : 22;
  if (prefix >= small) return range;
  return `${address}/${address.includes(":") ? 120 : 24}`;
}

function showState(trouble: string | undefined): void {
  byId("live").dataset.state = trouble === undefined ? "live" : "trouble";
  byId("live-text").textContent = trouble ?? overview?.store ?? "";
}

/** Changes come in bursts: one look behind them is enough. */
let isPending = false;
function changed(): void {
  if (isPending) return;
  isPending = true;
  setTimeout(() => {
    isPending = false;
    void show(false);
  }, 100);
}

/** A stream that breaks may mean that the session has ended: looking again tells. */
function connected(isConnected: boolean): void {
  if (!isConnected) showState("No connection to berth ui; trying again");
  changed();
}

let typing: ReturnType<typeof setTimeout> | undefined;
searchField.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const text = searchField.value.trim();
    location.hash = text === "" ? "#/" : linkTo({ page: "search", text });
  }, 150);
});
document.querySelector("form.search")?.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const typesText = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !typesText) {
    event.preventDefault();
    searchField.focus();
    searchField.select();
  } else if (event.key === "Escape" && !detail.hidden) detail.querySelector<HTMLElement>(".close")?.click();
});
addEventListener("hashchange", () => void show(true));
void show(true);
