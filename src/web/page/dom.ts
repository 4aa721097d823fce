type Attributes = {
  readonly [name: string]: string | number | boolean | undefined | ((event: Event) => void);
};
type Child = Node | string | undefined | false;

/** An element. Texts become text nodes, never markup: names of pods come from outside. `on…` attributes are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** The element with this id; the page has it, or is broken. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** A bar that is so many percent full. */
export function bar(percent: number, label: string): HTMLElement {
  const fill = h("span", { class: "fill" });
  fill.style.setProperty("width", `${percent > 0 ? Math.max(percent, 1.5) : 0}%`);
  return h("span", { class: `bar ${level(percent)}`, role: "img", "aria-label": label }, fill);
}

/** How alarming it is that so many percent are used. */
export function level(percent: number): "calm" | "high" | "full" {
  return percent >= 90 ? "full" : percent >= 80 ? "high" : "calm";
}
