// The flame graph: d3-flame-graph on the tree of flame_tree.ts, with controls and keys.
import flamegraph, { type FlameGraph } from "d3-flame-graph/src/flamegraph.js";
import { select } from "d3-selection";
import { timerFlush } from "d3-timer";
import { button, choice, h, section } from "./dom";
import { type FlameNode, type FlameTree, flameTree } from "./flame_tree";
import { bytes, counted, percent, signedBytes } from "./format";
import { Kind, type Stacks, type View } from "./model";
import { isPrinting, onTheme, PAPER_WIDTH, shortcut, theme } from "./page";

// What d3-flame-graph makes of a node.
export interface Drawn {
  data: FlameNode;
  id: number;
  parent: Drawn | null;
  children?: Drawn[];
  value: number;
  highlight?: boolean;
  depth: number;
}

// What a page draws: of which sites, by which of several figures.
export interface FlameSource {
  model: Stacks;
  python: boolean;
  metrics: [id: string, label: string][];
  values: (metric: string) => (number | null)[];
  changes: number[] | null;  // by site: frames are coloured by their sum
  nothing: (metric: string) => string;  // what to say where there is nothing to draw
  explain: (metric: string, tree: FlameTree) => string;
}

const CELL = 20;
const TRANSITION_STEPS = 4;  // scheduled, started, ticked, ended

function hash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; ++i) value = (value * 31 + text.charCodeAt(i)) | 0;
  return Math.abs(value % 1000) / 1000;
}

// One hue for Python, one for native code; the lightness tells neighbours apart. Text on it is
// black in light and dark alike.
function frameColour(node: FlameNode, highlight: boolean): string {
  const dark = theme() === "dark";
  if (highlight) return dark ? "hsl(300 85% 72%)" : "hsl(300 90% 78%)";
  if (node.change !== null) return changeColour(node.change / Math.max(node.value, 1), dark);
  if (node.kind === null) return dark ? "hsl(220 8% 58%)" : "hsl(220 12% 86%)";
  const vary = hash(node.name);
  const light = (dark ? 60 : 74) + 10 * vary;
  if (node.kind === Kind.Python) return `hsl(${205 + 14 * vary} 68% ${light}%)`;
  if (node.kind === Kind.Inlined) return `hsl(${52 + 6 * vary} 72% ${light}%)`;
  return `hsl(${26 + 14 * vary} 82% ${light}%)`;
}

// Red grew, blue shrank, the more of what the frame stands for the stronger; grey stayed.
function changeColour(part: number, dark: boolean): string {
  const strength = Math.min(1, Math.abs(part));
  const light = (dark ? 64 : 88) - (dark ? 8 : 26) * strength;
  if (strength < 0.001) return dark ? "hsl(220 8% 62%)" : "hsl(220 10% 88%)";
  return part > 0 ? `hsl(6 ${35 + 50 * strength}% ${light}%)` : `hsl(214 ${35 + 50 * strength}% ${light}%)`;
}

export class Flame {
  readonly element: HTMLElement;
  private chosen: string;
  private view: View;
  private inverted = false;
  private graph: FlameGraph<Drawn> | null = null;
  private root: Drawn | null = null;
  private focused: Drawn | null = null;
  private zoomed = false;
  private total = 0;
  private drawnWidth = 0;
  private readonly canvas = h("div", {
    class: "flame",
    tabindex: 0,
    role: "application",
    "aria-label": "Flame graph. Arrow keys move, Enter zooms, 0 shows all",
    "aria-describedby": "flame-details",
  });
  private readonly details = h("p", { class: "details", id: "flame-details", "aria-live": "polite" });
  private readonly note = h("p", { class: "note" });
  private readonly search = h("input", {
    type: "search",
    placeholder: "search functions",
    "aria-label": "Search the flame graph",
    id: "flame-search",
  }) as HTMLInputElement;
  private readonly found = h("output", { class: "note", id: "flame-found" });
  readonly setMetric: (value: string) => void;

  constructor(private readonly source: FlameSource) {
    const { python, metrics } = source;
    this.view = python ? "merged" : "all";
    this.chosen = metrics[0][0];
    const metric = choice("bytes", metrics, this.chosen, (value) => {
      this.chosen = value;
      this.draw();
    });
    this.setMetric = metric.set;
    const view = choice(
      "frames",
      [
        ["merged", "merged"],
        ["python", "Python"],
        ["native", "native"],
        ["all", "all"],
      ],
      this.view,
      (value) => {
        this.view = value as View;
        this.draw();
      },
    );
    const invert = h("input", {
      type: "checkbox",
      id: "flame-invert",
      change: () => this.setInverted((invert as HTMLInputElement).checked),
    });
    this.search.addEventListener("input", () => this.find());
    this.element = section(
      "Flame graph",
      "flame",
      h(
        "div",
        { class: "controls" },
        metric.element,
        python && view.element,
        h("label", { class: "check" }, invert, h("span", {}, "invert: from the allocation out")),
        button("Reset zoom", () => this.resetZoom(), { title: "key: 0" }),
        this.search,
        this.found,
      ),
      this.details,
      this.canvas,
      this.note,
    );
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    shortcut("f", "search the flame graph", () => this.search.focus());
    shortcut("i", "invert the flame graph", () => {
      const box = invert as HTMLInputElement;
      box.checked = !box.checked;
      this.setInverted(box.checked);
    });
    shortcut("0", "flame graph: show all", () => this.resetZoom());
    onTheme(() => this.draw());
    new ResizeObserver(() => {
      if (Math.abs(this.canvas.clientWidth - this.drawnWidth) > 1) this.draw();
    }).observe(this.canvas);
  }

  get metric(): string {
    return this.chosen;
  }

  private setInverted(inverted: boolean): void {
    this.inverted = inverted;
    this.draw();
  }

  draw(): void {
    const room = this.canvas.clientWidth;
    if (room === 0) return;
    this.drawnWidth = room;
    const width = isPrinting() ? PAPER_WIDTH : room;
    const { source } = this;
    const tree = flameTree(source.model, source.values(this.chosen), this.view, this.inverted, source.changes);
    this.total = tree.root.value;
    this.zoomed = false;
    this.focused = null;
    this.say(null);
    this.note.textContent = source.explain(this.chosen, tree);
    this.graph?.destroy();
    this.graph = null;
    this.canvas.replaceChildren();
    if (this.total === 0) {
      this.canvas.append(h("p", { class: "empty" }, source.nothing(this.chosen)));
      return;
    }
    this.graph = flamegraph<Drawn>()
      .width(width)
      .cellHeight(CELL)
      .minFrameSize(1)
      .resetHeightOnZoom(true)
      .transitionDuration(0)
      .inverted(true)
      .sort((a, b) => b.data.value - a.data.value)
      .label((d) => this.describe(d.data))
      .setColorMapper((d) => frameColour(d.data, d === this.focused || d.highlight === true))
      .setSearchMatch((d, term) => matches(d.data, term))
      .setSearchHandler((results, sum) => this.report(results, sum))
      .setDetailsHandler((text) => this.say(text))
      .onClick((d) => {
        this.zoomed = d.parent !== null;
        this.focused = d;
        this.say(this.describe(d.data));
      });
    const selection = select(this.canvas).datum(tree.root);
    this.graph(selection);
    this.root = selection.datum() as unknown as Drawn;
    this.find();
    // Widths and labels are set by transitions. What is printed is printed now: not in a moment.
    for (let i = 0; i < TRANSITION_STEPS; ++i) timerFlush();
  }

  private describe(node: FlameNode): string {
    const source = node.source ? `  ${node.source}` : "";
    const change = node.change === null ? "" : `, changed by ${signedBytes(node.change)}`;
    return `${node.name}${source}  ${bytes(node.value)}, ${percent(node.value, this.total)}${change}`;
  }

  private say(text: string | null): void {
    this.details.textContent = text ?? "Point at a frame for its figures, click it to zoom.";
  }

  private find(): void {
    const term = this.search.value.trim();
    this.found.textContent = "";
    if (!this.graph) return;
    if (term) this.graph.search(term);
    else this.graph.clear();
  }

  private report(results: Drawn[], sum: number): void {
    this.found.textContent = results.length
      ? `${counted(results.length, "frame")}, ${bytes(sum)}, ${percent(sum, this.total)}`
      : "nothing found";
  }

  private zoomTo(d: Drawn): void {
    this.graph?.zoomTo(d);
  }

  private resetZoom(): void {
    if (this.zoomed && this.root) this.zoomTo(this.root);
  }

  private key(event: KeyboardEvent): void {
    const at = this.focused ?? this.root;
    if (!at || event.ctrlKey || event.altKey || event.metaKey) return;
    const siblings = at.parent?.children ?? [at];
    const beside = (step: number): Drawn | undefined => siblings[siblings.indexOf(at) + step];
    const target = {
      ArrowDown: at.children?.[0],
      ArrowUp: at.parent ?? undefined,
      ArrowLeft: beside(-1),
      ArrowRight: beside(1),
    }[event.key];
    if (event.key === "Enter") {
      this.zoomTo(at);
    } else if (target) {
      this.focused = target;
      this.graph?.update();
      this.say(this.describe(target.data));
    } else if (!event.key.startsWith("Arrow")) {
      return;
    }
    event.preventDefault();
  }
}

function matches(node: FlameNode, term: string): boolean {
  const wanted = term.toLowerCase();
  return node.name.toLowerCase().includes(wanted) || node.source.toLowerCase().includes(wanted);
}
