// The page of `mla diff --html`.
import { BUCKETS } from "./buckets";
import { Chart } from "./chart";
import { type DiffData, type DiffLedger, DiffModel, type DiffSide, MATCH_WORDS } from "./diff_model";
import { append, h, section, table } from "./dom";
import { Flame } from "./flame";
import type { FlameTree } from "./flame_tree";
import { bytes, count, counted, duration, signedBytes } from "./format";
import { navigation } from "./page";
import { numberColumn, SiteTable } from "./site_table";

export function diffPage(app: HTMLElement, data: DiffData): void {
  const model = new DiffModel(data);
  document.title = `${data.b.command} - mla diff`;
  append(
    app,
    navigation([
      { id: "change", text: "Change", key: "1" },
      { id: "timeline", text: "Timeline", key: "2" },
      { id: "flame", text: "Flame graph", key: "3" },
      { id: "sites", text: "Call sites", key: "4" },
      { id: "ledger", text: "Ledger", key: "5" },
      { id: "caveats", text: "Caveats", key: "6" },
    ]),
    h("header", {}, sideHeader("A", data.a), sideHeader("B", data.b)),
    changeSection(model),
    timelineSection(data),
    flame(model).element,
    siteTable(model).element,
    ledgerSection(data),
    caveatsSection(model),
  );
}

function sideHeader(letter: string, side: DiffSide): HTMLElement {
  const { process } = side;
  const facts = [
    `pid ${process.pid}`,
    side.status,
    `figures after ${duration(side.t_s)}`,
    [process.allocator.name, process.allocator.version].filter(Boolean).join(" "),
    process.python && `Python ${process.python.version}`,
    process.host && `host ${process.host}`,
    side.recording.path,
  ];
  return h(
    "div",
    { class: "side" },
    h("h1", {}, `${letter}  ${side.command}`),
    h("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
  );
}

const tone = (change: number): string => (change > 0 ? "more" : change < 0 ? "less" : "");

function changed(change: number, text: string): HTMLElement {
  return h("span", { class: tone(change) }, text);
}

function changeSection(model: DiffModel): HTMLElement {
  const { a, b, change } = model.data;
  const element = section("Change", "change");
  const error = change.live_bytes_se >= 1 ? ` ± ${bytes(change.live_bytes_se)}` : "";
  const headline = change.live_bytes === 0 ? "As much is alive" : `Live ${signedBytes(change.live_bytes)}${error}`;
  const known = model.change.filter((_, row) => !model.data.sites.within_error[row]);
  const grew = known.filter((n) => n > 0);
  const shrank = known.filter((n) => n < 0);
  const sum = (values: number[]): number => values.reduce((all, n) => all + n, 0);
  append(
    element,
    h(
      "div",
      { class: "verdict" },
      h("p", { class: "headline" }, changed(change.within_error ? 0 : change.live_bytes, headline)),
      change.within_error ? h("p", {}, "Within the sampling error: it may not have changed.") : null,
      h(
        "p",
        {},
        `${counted(grew.length, "call site")} larger, ${signedBytes(sum(grew))}; ` +
          `${count(shrank.length)} smaller, ${signedBytes(sum(shrank))}.`,
      ),
      timesApart(model.data),
    ),
  );
  const rows: [string, number | null, number | null, (n: number) => string][] = [
    ["live", a.live_bytes, b.live_bytes, bytes],
    ["live blocks", a.live_count, b.live_count, count],
    ["peak", a.peak_live_bytes, b.peak_live_bytes, bytes],
    ["allocated", a.alloc_bytes, b.alloc_bytes, bytes],
    ["mapped by the program", a.mapped_bytes, b.mapped_bytes, bytes],
    ["RSS", a.rss_bytes, b.rss_bytes, bytes],
  ];
  const cells = rows.flatMap(([name, from, to, text]) =>
    from === null || to === null ? [] : [[name, text(from), text(to), signed(to - from, text)]],
  );
  append(element, h("div", { class: "figures" }, table("Figures of both", ["", "A", "B", "change"], cells, [1, 2, 3])));
  return element;
}

function signed(change: number, text: (n: number) => string): HTMLElement {
  return changed(change, (change > 0 ? "+" : "") + text(change));
}

function timesApart({ a, b, moments, same_process: same }: DiffData): HTMLElement | null {
  const [short, long] = a.t_s < b.t_s ? [a.t_s, b.t_s] : [b.t_s, a.t_s];
  if (moments || same) return h("p", {}, `A and B are of one process, ${duration(long - short)} apart.`);
  if (long <= 1.2 * short) return null;
  const longer = a.t_s > b.t_s ? "A" : "B";
  return h(
    "p",
    {},
    `A is after ${duration(a.t_s)}, B after ${duration(b.t_s)}: what grows with time or work had longer in ${longer}.`,
  );
}

// Both runs on one axis, which begins where each of them began.
function timelineSection({ a, b, moments }: DiffData): HTMLElement {
  const element = section("Timeline", "timeline");
  const sides = moments ? [a] : [a, b];
  const times = [...new Set(sides.flatMap((side) => side.timeline.t_s))].sort((x, y) => x - y);
  if (times.length === 0) {
    append(element, h("p", { class: "empty" }, "The recordings have no timelines: they were too short."));
    return element;
  }
  const along = (side: DiffSide, values: (number | null)[]): (number | null)[] => {
    const at = new Map(side.timeline.t_s.map((t, i) => [t, values[i]]));
    return times.map((t) => at.get(t) ?? null);
  };
  const name = (text: string, letter: string): string => (moments ? text : `${text} of ${letter}`);
  for (const [title, key] of [["RSS", "rss_bytes"], ["Live bytes", "live_bytes"]] as const) {
    const lines = sides.map((side, i) => ({
      label: name(title, i === 0 ? "A" : "B"),
      values: along(side, side.timeline[key]),
      colour: i === 0 && !moments ? "c-a" : "c-b",
    }));
    const chart = new Chart({
      label: `${title} over time`,
      times,
      lines,
      height: 200,
      range: { from: 0, to: times[times.length - 1] },
      sync: "timeline",
      shade: () => (moments ? { from: a.t_s, to: b.t_s } : null),
    });
    append(element, h("h3", {}, title), chart.element);
  }
  return element;
}

function flame(model: DiffModel): Flame {
  const { sites, a, b } = model.data;
  const size = model.change.map(Math.abs);
  const words: Record<string, string> = {
    change: "Width: by how much the call sites of a frame grew or shrank, added up. A frame may hold both.",
    b: "Width: bytes alive in B. What has gone is not in it.",
    a: "Width: bytes alive in A. What is new is not in it.",
  };
  return new Flame({
    model,
    python: a.process.python !== null || b.process.python !== null,
    metrics: [
      ["change", "change"],
      ["b", "alive in B"],
      ["a", "alive in A"],
    ],
    values: (metric) => (metric === "change" ? size : metric === "a" ? sites.a_live_bytes : sites.b_live_bytes),
    changes: model.change,
    nothing: (metric) => (metric === "change" ? "No call site has changed." : "Nothing is alive."),
    explain: (metric, tree: FlameTree) =>
      `${words[metric]} Total ${bytes(tree.root.value)}. Red grew, blue shrank, grey stayed; ` +
      "the stronger, the more of its width. Mappings are not in it.",
  });
}

function siteTable(model: DiffModel): SiteTable {
  const { sites } = model.data;
  const blocks = (row: number): number => sites.b_live_count[row] - sites.a_live_count[row];
  const signedCount = (n: number): string => (n > 0 ? "+" : "") + count(n);
  const match = (row: number): string => MATCH_WORDS[model.matchOf(row)];
  return new SiteTable({
    model,
    kind: "diff",
    columns: [
      {
        id: "change",
        title: "change",
        numeric: true,
        value: (row) => Math.abs(model.change[row]),  // what matters most comes first
        text: (row) => signedBytes(model.change[row]),
        tone: (row) => (sites.within_error[row] ? "" : tone(model.change[row])),
      },
      numberColumn("a", "A", (row) => sites.a_live_bytes[row], bytes),
      numberColumn("b", "B", (row) => sites.b_live_bytes[row], bytes),
      numberColumn("blocks", "blocks", blocks, signedCount),
      { id: "match", title: "matched", numeric: false, value: match, text: match },
    ],
    sortBy: "change",
    ascending: ["match"],
    keep: (row) => sites.a_live_bytes[row] !== 0 || sites.b_live_bytes[row] !== 0,
    note: (shown, filtered) => {
      const all = counted(model.siteCount, "row");
      return `${filtered ? `${count(shown)} of ${all}` : all}; a row is one call site, or several that cannot be told apart.`;
    },
    facts: (row) => facts(model, row),
  });
}

function facts(model: DiffModel, row: number): string[] {
  const { sites, moments } = model.data;
  const noun = sites.mapping[row] ? "mapping" : "block";
  const side = (letter: string, live: number, blocks: number): string =>
    `${letter} ${count(live)} bytes in ${counted(blocks, noun)}`;
  const lines = [
    side("A", sites.a_live_bytes[row], sites.a_live_count[row]),
    side("B", sites.b_live_bytes[row], sites.b_live_count[row]),
  ];
  if (!moments) lines.push(`allocated ${signedBytes(sites.b_alloc_bytes[row] - sites.a_alloc_bytes[row])}`);
  if (sites.change_se[row] >= 1) {
    const within = sites.within_error[row] ? ", within the sampling error" : "";
    lines.push(`standard error of the change ${bytes(sites.change_se[row])}${within}`);
  }
  if (sites.a_sites[row] + sites.b_sites[row] > 2) {
    lines.push(`${counted(sites.a_sites[row], "call site")} of A, ${count(sites.b_sites[row])} of B; the stack is of one`);
  }
  return lines;
}

function ledgerSection({ a, b, moments }: DiffData): HTMLElement {
  const element = section("RSS ledger", "ledger");
  if (!a.ledger || !b.ledger) {
    append(element, h("p", { class: "empty" }, "One of them had not looked at its pages yet."));
    return element;
  }
  const [from, to] = [a.ledger, b.ledger];
  const most = Math.max(from.rss_bytes, to.rss_bytes, 1);
  const bar = (ledger: DiffLedger, id: string, colour: string): HTMLElement => {
    const inner = h("span", { class: "bar" });
    inner.style.width = `${Math.min(100, (100 * ledger.buckets[id]) / most)}%`;
    inner.style.background = `var(--${colour})`;
    return h("span", { class: "track" }, inner);
  };
  const rows = BUCKETS.filter(({ id }) => from.buckets[id] > 0 || to.buckets[id] > 0).map(({ id, label, colour }) => [
    label,
    bytes(from.buckets[id]),
    bytes(to.buckets[id]),
    signed(to.buckets[id] - from.buckets[id], bytes),
    h("span", { class: "pair" }, bar(from, id, colour), bar(to, id, colour)),
  ]);
  const residual = to.residual_bytes - from.residual_bytes;
  rows.push(["residual", bytes(from.residual_bytes), bytes(to.residual_bytes), signed(residual, bytes), h("span")]);
  rows.push(["RSS", bytes(from.rss_bytes), bytes(to.rss_bytes), signed(to.rss_bytes - from.rss_bytes, bytes), h("span")]);
  const bars = table("RSS by bucket of both", ["bucket", "A", "B", "change", "A above B"], rows, [1, 2, 3]);
  bars.classList.add("ledger-bars");
  append(element, bars);
  if (moments) {
    append(
      element,
      h("p", { class: "note" }, `Looked at after ${duration(from.t_s)} and ${duration(to.t_s)}, nearest to the moments.`),
    );
  }
  return element;
}

function caveatsSection(model: DiffModel): HTMLElement {
  const { data } = model;
  const lines: string[] = [];
  const matched = Object.entries(data.matched)
    .filter(([, rows]) => rows > 0)
    .map(([kind, rows]) => `${count(rows)} ${MATCH_WORDS[kind]}`);
  if (!data.moments) lines.push(`Call sites were matched: ${matched.join(", ")}.`);
  if (data.unnoted && data.unnoted.sites > 0) {
    lines.push(
      `${counted(data.unnoted.sites, "call site")} are not compared: not among the largest at both moments, of ` +
        `${bytes(Math.max(...data.unnoted.most_bytes))} at most; those of the heap changed by ` +
        `${signedBytes(data.unnoted.change_bytes)} together.`,
    );
  }
  for (const [letter, side] of [["A", data.a], ["B", data.b]] as const) {
    if (side.totals.lost_events > 0) lines.push(`${letter} lacks ${counted(side.totals.lost_events, "event")}: see its report.`);
    if (side.sampling.estimates) lines.push(`${letter} was sampled: its figures are unbiased estimates.`);
    lines.push(...side.warnings.map((warning) => `${letter}: ${warning}`));
  }
  lines.push(`Compared by mla ${data.generator.version}. Bytes are those the program asked for.`);
  return section("Matching and caveats", "caveats", h("ul", {}, ...lines.map((line) => h("li", {}, line))));
}
