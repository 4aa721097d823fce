import type { AddressCell, AddressState, BlockCell, MapAnswer } from "../api.ts";
import { h } from "./dom.ts";
import { count, percent } from "./format.ts";

/** What each state is called, and the letter that says it without colour. */
export const STATES: Record<AddressState, { readonly name: string; readonly mark: string }> = {
  held: { name: "held by a pod", mark: "" },
  vanished: { name: "held by a pod that is gone", mark: "!" },
  elsewhere: { name: "held in another pool", mark: "∩" },
  reserved: { name: "reserved", mark: "R" },
  quarantined: { name: "quarantined", mark: "Q" },
  gateway: { name: "gateway", mark: "G" },
  excluded: { name: "excluded", mark: "" },
  unusable: { name: "never handed out", mark: "" },
  free: { name: "free", mark: "" },
};

export type GridEvents = {
  /** A cell was opened: an address, or a block. */
  readonly open: (cell: AddressCell | BlockCell) => void;
  /** A cell is looked at. */
  readonly look: (text: string) => void;
  readonly up: () => void;
};

/** The map as a grid of cells, one of which is in the tab order; arrow keys move between them (WAI-ARIA "grid"). */
export class Grid {
  readonly element: HTMLElement;
  readonly #cells: HTMLElement[] = [];
  readonly #columns: number;
  readonly #events: GridEvents;
  #map: MapAnswer;
  #at = 0;

  constructor(map: MapAnswer, events: GridEvents) {
    this.#map = map;
    this.#events = events;
    this.#columns = columnsFor(map);
    const label = `Map of ${map.block}`;
    this.element = h("div", { class: `map ${map.kind}`, role: "grid", "aria-label": label });
    this.element.style.setProperty("--columns", String(this.#columns));
    if (this.#columns > 16) this.element.classList.add("wide");
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusin", ({ target }) => this.#focused(target));
    this.element.addEventListener("pointerover", ({ target }) => this.#looked(target));
    this.element.addEventListener("click", ({ target }) => this.#clicked(target));
    for (let from = 0; from < map.cells.length; from += this.#columns) this.#addRow(from);
  }

  /** Takes over a newer state of the same block without disturbing focus; false if it is another block. */
  update(map: MapAnswer): boolean {
    const same = map.block === this.#map.block && map.cells.length === this.#map.cells.length;
    if (!same) return false;
    const before = this.#map.cells;
    this.#map = map;
    for (const [index, cell] of map.cells.entries()) {
      const element = this.#cells[index];
      const old = before[index];
      if (!element || (old && JSON.stringify(old) === JSON.stringify(cell))) continue;
      paint(element, cell);
      element.classList.remove("changed");
      void element.offsetWidth; // starts the animation anew
      element.classList.add("changed");
    }
    return true;
  }

  select(address: string | undefined): void {
    for (const [index, cell] of this.#map.cells.entries()) {
      const selected = "address" in cell && cell.address === address;
      this.#cells[index]?.setAttribute("aria-selected", String(selected));
      if (selected) this.#moveTo(index, false);
    }
  }

  focus(): void {
    this.#cells[this.#at]?.focus();
  }

  #addRow(from: number): void {
    const cells = this.#map.cells.slice(from, from + this.#columns);
    const [first] = cells;
    const row = h("div", { class: "row", role: "row" });
    row.append(
      h("span", { class: "from", role: "rowheader" }, first ? shortName(nameOf(first), this.#map.block) : ""),
    );
    for (const [index, cell] of cells.entries()) {
      const element = h("span", { role: "gridcell", tabindex: from + index === 0 ? 0 : -1 });
      element.dataset.index = String(from + index);
      paint(element, cell);
      this.#cells.push(element);
      row.append(element);
    }
    this.element.append(row);
  }

  #indexOf(target: EventTarget | null): number | undefined {
    const cell = target instanceof Element ? target.closest("[data-index]") : null;
    return cell instanceof HTMLElement ? Number(cell.dataset.index) : undefined;
  }

  #focused(target: EventTarget | null): void {
    const index = this.#indexOf(target);
    if (index === undefined) return;
    this.#moveTo(index, false);
    this.#looked(target);
  }

  #looked(target: EventTarget | null): void {
    const cell = this.#map.cells[this.#indexOf(target) ?? -1];
    if (cell) this.#events.look(describe(cell));
  }

  #clicked(target: EventTarget | null): void {
    const cell = this.#map.cells[this.#indexOf(target) ?? -1];
    if (cell) this.#events.open(cell);
  }

  #key(event: KeyboardEvent): void {
    const last = this.#cells.length - 1;
    const inRow = this.#at % this.#columns;
    const moves: Record<string, number> = {
      ArrowRight: this.#at + 1,
      ArrowLeft: this.#at - 1,
      ArrowDown: this.#at + this.#columns,
      ArrowUp: this.#at - this.#columns,
      Home: event.ctrlKey ? 0 : this.#at - inRow,
      End: event.ctrlKey ? last : Math.min(last, this.#at - inRow + this.#columns - 1),
    };
    const to = moves[event.key];
    const cell = this.#map.cells[this.#at];
    if (to !== undefined) this.#moveTo(Math.max(0, Math.min(last, to)), true);
    else if ((event.key === "Enter" || event.key === " ") && cell) this.#events.open(cell);
    else if (event.key === "Backspace" || event.key === "Escape") this.#events.up();
    else return;
    event.preventDefault();
  }

  #moveTo(index: number, focus: boolean): void {
    this.#cells[this.#at]?.setAttribute("tabindex", "-1");
    this.#at = index;
    const cell = this.#cells[index];
    cell?.setAttribute("tabindex", "0");
    if (focus) cell?.focus();
  }
}

function columnsFor({ kind, cells }: MapAnswer): number {
  const narrow = matchMedia("(max-width: 700px)").matches;
  if (kind === "addresses")
    return Math.min(cells.length, cells.length > 256 && !narrow ? 32 : narrow && cells.length <= 64 ? 8 : 16);
  return Math.min(cells.length, cells.length > 64 && !narrow ? 16 : 8);
}

function nameOf(cell: AddressCell | BlockCell): string {
  return "address" in cell ? cell.address : cell.block;
}

/** The end of a name: the rest is in the heading. */
function shortName(name: string, block: string): string {
  const [base = ""] = name.split("/");
  if (base.includes(":")) return base.length > 13 ? `…${base.slice(-12)}` : base;
  const octets = base.split(".");
  return Number(block.split("/")[1]) >= 24
    ? `.${octets[3]}`
    : `…${octets.slice(name.includes("/") ? 1 : 2).join(".")}`;
}

function paint(element: HTMLElement, cell: AddressCell | BlockCell): void {
  element.className = `cell ${cell.state}`;
  element.setAttribute("aria-label", describe(cell));
  if ("address" in cell) {
    element.textContent = STATES[cell.state].mark;
    return;
  }
  const used = cell.used !== "0";
  element.style.setProperty("--level", `${used ? Math.max(6, Math.round(cell.fill * 100)) : 0}%`);
}

/** A cell in words. */
export function describe(cell: AddressCell | BlockCell): string {
  if ("address" in cell) {
    const { name } = STATES[cell.state];
    const note = cell.note === undefined || cell.note === name ? "" : `: ${cell.note}`;
    return `${cell.address} ${name}${note}`;
  }
  if (cell.state === "excluded") return `${cell.block} never handed out`;
  const share = percent(Math.round(cell.fill * 1000) / 10, cell.used);
  return `${cell.block} ${count(cell.used)} of ${count(cell.size)} held, ${share}`;
}
