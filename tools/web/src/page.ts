// What every page of mla shares: reading its data, light and dark, keys, printing.
import { append, button, h } from "./dom";

// The data in the page: base64 of zlib's format.
export async function readData(): Promise<unknown> {
  const element = document.getElementById("data");
  const text = atob(element?.textContent?.trim() ?? "");
  element?.remove();
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

export type Theme = "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");
const themeListeners: (() => void)[] = [];
let chosen: Theme | null = null;
let printing = false;

export const theme = (): Theme => (printing ? "light" : (chosen ?? (dark.matches ? "dark" : "light")));

export function onTheme(listener: () => void): void {
  themeListeners.push(listener);
}

function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
  for (const listener of themeListeners) listener();
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export const isPrinting = (): boolean => printing;

// Pixels: what A4 and letter have room for. What is drawn before printing cannot measure the paper.
export const PAPER_WIDTH = 690;

const printListeners: ((printing: boolean) => void)[] = [];

// Called before and after printing, with the page already in the colours of paper.
export function onPrint(listener: (printing: boolean) => void): void {
  printListeners.push(listener);
}

export function toggleTheme(): void {
  chosen = theme() === "dark" ? "light" : "dark";
  applyTheme();
}

interface Shortcut {
  key: string;
  does: string;
  run: () => void;
}

const shortcuts: Shortcut[] = [];
let help: HTMLDialogElement | null = null;

export function shortcut(key: string, does: string, run: () => void): void {
  shortcuts.push({ key, does, run });
}

function showHelp(): void {
  help?.remove();
  help = h("dialog", { "aria-label": "Keyboard shortcuts", class: "help" }) as HTMLDialogElement;
  const rows = shortcuts.map(({ key, does }) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)));
  append(
    help,
    h("h2", {}, "Keyboard shortcuts"),
    h("dl", {}, ...rows),
    button("Close", () => help?.close(), { autofocus: true }),
  );
  document.body.append(help);
  help.showModal();
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement && target.type !== "radio" && target.type !== "checkbox";

export function startPage(): void {
  shortcut("?", "this list", showHelp);
  shortcut("t", "light or dark", toggleTheme);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) (event.target as HTMLElement).blur();
    if (typing(event.target) && event.key !== "Escape") return;
    if (help?.open) return;
    const found = shortcuts.find(({ key }) => key === event.key || (key === "Esc" && event.key === "Escape"));
    if (!found) return;
    event.preventDefault();
    found.run();
  });
  dark.addEventListener("change", applyTheme);
  for (const [name, now] of [["beforeprint", true], ["afterprint", false]] as const) {
    addEventListener(name, () => {
      printing = now;
      applyTheme();
      for (const listener of printListeners) listener(now);
    });
  }
  applyTheme();
}

export interface NavEntry {
  id: string;
  text: string;
  key: string;
}

export function navigation(entries: NavEntry[]): HTMLElement {
  const links = entries.map(({ id, text, key }) => {
    shortcut(key, text, () => document.getElementById(id)?.scrollIntoView());
    return h("a", { href: `#${id}` }, text);
  });
  return h(
    "nav",
    { "aria-label": "Sections" },
    ...links,
    h("span", { class: "space" }),
    button("Light / dark", toggleTheme, { title: "key: t" }),
    button("Keys", showHelp, { title: "key: ?", "aria-label": "Keyboard shortcuts" }),
  );
}
