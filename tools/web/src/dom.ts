// Elements made from text alone: whatever a recording holds (names of functions, arguments, paths)
// is set as text, and never read as HTML.

type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | EventListener>;

export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  append(element, ...children);
  return element;
}

export function append(element: HTMLElement, ...children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

let sections = 0;

export function section(title: string, id: string, ...children: Child[]): HTMLElement {
  const heading = `heading-${++sections}`;
  return h("section", { id, "aria-labelledby": heading }, h("h2", { id: heading }, title), ...children);
}

// A choice of one of a few, as radio buttons that look like one control.
export function choice(
  label: string,
  options: [value: string, text: string][],
  chosen: string,
  onChange: (value: string) => void,
): { element: HTMLElement; set: (value: string) => void } {
  const name = `choice-${++sections}`;
  const inputs = new Map<string, HTMLInputElement>();
  const element = h("fieldset", { class: "choice" }, h("legend", {}, label));
  for (const [value, text] of options) {
    const input = h("input", {
      type: "radio",
      name,
      value,
      change: () => onChange(value),
    }) as HTMLInputElement;
    input.checked = value === chosen;
    inputs.set(value, input);
    element.append(h("label", {}, input, h("span", {}, text)));
  }
  const set = (value: string): void => {
    const input = inputs.get(value);
    if (input && !input.checked) {
      input.checked = true;
      onChange(value);
    }
  };
  return { element, set };
}

export function button(text: string, onClick: () => void, attributes: Attributes = {}): HTMLElement {
  return h("button", { type: "button", click: onClick, ...attributes }, text);
}

// A table of rows that are few.
export function table(
  caption: string,
  head: string[],
  rows: Child[][],
  numeric: number[] = [],
): HTMLElement {
  const cell = (tag: string, i: number, content: Child): HTMLElement =>
    h(tag, { class: numeric.includes(i) ? "number" : null, scope: tag === "th" ? "col" : null }, content);
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, ...head.map((text, i) => cell("th", i, text)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((text, i) => cell("td", i, text))))),
    ),
  );
}

export function definitions(rows: [string, Child][]): HTMLElement {
  const list = h("dl", {});
  for (const [term, value] of rows) list.append(h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  return list;
}
