// The head of the page: what was recorded, what is wrong with it, and why one may believe it.
import { Chart } from "./chart";
import { append, button, definitions, h, section } from "./dom";
import { bytes, counted, duration, percent, rate } from "./format";
import type { Model } from "./model";

const WORDS: Record<string, [title: string, tone: string]> = {
  leak: ["Leak", "bad"],
  bounded: ["Growth that levelled off", "good"],
  step: ["Changed its level", "good"],
  retention: ["Retention: the allocator keeps memory", "warn"],
  stable: ["No leak", "good"],
  insufficient: ["Not enough data", "warn"],
};

export function header(model: Model): HTMLElement {
  const { data } = model;
  const { process } = data;
  const allocator = [process.allocator.name, process.allocator.version].filter(Boolean).join(" ");
  const facts = [
    `pid ${process.pid}`,
    data.status_detail ? `${data.status} (${data.status_detail})` : data.status,
    `recorded for ${duration(data.recording.duration_s)}`,
    allocator,
    process.python && `Python ${process.python.version}`,
    process.host && `host ${process.host}`,
    process.start_unix_s > 0 && new Date(process.start_unix_s * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC",
  ];
  return h(
    "header",
    {},
    h("h1", {}, data.command),
    h("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
  );
}

export function verdictSection(model: Model, showSite: (site: number) => void): HTMLElement {
  const { data } = model;
  const { verdict } = data;
  const [title, tone] = WORDS[verdict.verdict] ?? [verdict.verdict, "warn"];
  const headline =
    verdict.verdict === "leak" && verdict.rate_bytes_per_hour
      ? `${title}: ${rate(verdict.rate_bytes_per_hour.value)}`
      : title;
  const element = section("Verdict", "verdict");
  append(
    element,
    h(
      "div",
      { class: `verdict ${tone}` },
      h("p", { class: "headline" }, headline),
      h("p", {}, verdict.verdict === "leak" ? sentence(verdict.reason) : verdict.line),
      diagnosis(model),
      verdict.next ? h("p", {}, verdict.next) : null,
    ),
    totals(model),
  );
  const columns = h("div", { class: "columns" });
  append(columns, h("div", {}, h("h3", {}, "Evidence"), evidence(verdict.evidence)), chartOf(model));
  append(element, columns, growing(model, showSite));
  return element;
}

// Beside a leak only what else is known of the growth.
function diagnosis({ data }: Model): HTMLElement | null {
  if (!data.ledger?.sentence) return null;
  if (data.verdict.verdict === "leak" && data.ledger.diagnosis !== "live_growth") return null;
  const when = data.status === "exited" ? "At its end: " : "";
  return h("p", { class: "diagnosis" }, when + data.ledger.sentence);
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

// The lines of `mla leaks`: a name, two spaces or more, what is known.
function evidence(text: string): HTMLElement {
  const rows: [string, string][] = [];
  for (const line of text.split("\n")) {
    const match = /^ {2}(\S.*?) {2,}(.*)$/.exec(line);
    if (match) rows.push([match[1], match[2]]);
  }
  return definitions(rows);
}

function totals(model: Model): HTMLElement {
  const { totals: t, timeline } = model.data;
  const rss = timeline.rss_bytes.filter((value) => value !== null);
  const freed = t.alloc_bytes > 0 ? `, ${percent(t.freed_bytes, t.alloc_bytes)} freed again` : "";
  const cards: [string, string, string][] = [
    ["live", bytes(t.live_bytes), `in ${counted(t.live_count, "block")}`],
    ["peak", bytes(t.peak_live_bytes), `after ${duration(t.peak_t_s)}`],
    ["allocated", bytes(t.alloc_bytes), `${counted(t.alloc_count, "time")}${freed}`],
    ["mapped", bytes(t.mapped_bytes), "by the program, anonymous"],
  ];
  if (t.inherited_bytes > 0) cards.push(["inherited", bytes(t.inherited_bytes), "of its parent, alive"]);
  if (rss.length) cards.push(["RSS", bytes(rss[rss.length - 1] ?? 0), "at the end"]);
  cards.push(["mla itself", bytes(t.own_bytes), "of the recorded process"]);
  const element = h("div", { class: "cards" });
  for (const [name, value, more] of cards) {
    append(element, h("div", {}, h("span", {}, name), h("strong", {}, value), h("small", {}, more)));
  }
  return element;
}

function chartOf(model: Model): HTMLElement | null {
  const { verdict_series: series, verdict } = model.data;
  if (series.t_s.length < 2) return null;
  const segment = verdict.segment_s;
  const whole = series.t_s[series.t_s.length - 1] - series.t_s[0];
  const note = segment && segment[1] - segment[0] < 0.98 * whole ? "Shaded: the time the rate is of." : "";
  const chart = new Chart({
    label: `What the verdict was made from: live bytes over ${duration(series.t_s[series.t_s.length - 1])}`,
    times: series.t_s,
    lines: [{ label: "live bytes, judged", values: series.live_bytes, colour: "c-live" }],
    height: 200,
    range: { from: series.t_s[0], to: series.t_s[series.t_s.length - 1] },
    shade: () => (segment && note ? { from: segment[0], to: segment[1] } : null),
  });
  return h("div", {}, h("h3", {}, "What was judged"), chart.element, h("p", { class: "note" }, note));
}

const SHOWN = 8;
const UNJUDGED_SHOWN = 3;

function siteLine(model: Model, site: number, badge: string, facts: string, showSite: (site: number) => void): HTMLElement {
  return h(
    "li",
    {},
    h("span", { class: `badge ${badge === "leak" ? "bad" : "warn"}` }, badge),
    button(model.nameOf(site), () => showSite(site), { class: "link", title: "Show its stack" }),
    h("span", { class: "source" }, model.placeOf(site)),
    h("span", { class: "facts" }, facts),
  );
}

function growing(model: Model, showSite: (site: number) => void): HTMLElement {
  const { growing: all, verdict } = model.data;
  const element = h("div", { class: "growing" }, h("h3", {}, "Where it grows"));
  if (all.length === 0) {
    append(element, h("p", {}, "No call site is known to grow steadily."));
    if (verdict.verdict === "leak" || verdict.verdict === "insufficient") append(element, grewMost(model, showSite));
    return element;
  }
  const list = h("ol", {});
  for (const one of all.slice(0, SHOWN)) {
    const share = one.growth_share > 0 ? `, ${percent(one.growth_share, 1)} of the growth` : "";
    const speed = one.rate_bytes_per_hour ? `, ${rate(one.rate_bytes_per_hour.value)}` : "";
    append(list, siteLine(model, one.site, one.verdict, one.live_words + speed + share, showSite));
  }
  append(element, list);
  if (all.length > SHOWN) append(element, h("p", { class: "note" }, `${counted(all.length - SHOWN, "more call site")}.`));
  return element;
}

function liveWords(model: Model, site: number): string {
  const held = model.lastHeld(site);
  if (held) return `live ${bytes(held.bytes)} at ${duration(held.t)}, all freed since`;
  return `live ${bytes(model.data.sites.live_bytes[site])}`;
}

// Where no site could be judged: those that are larger than they were.
function grewMost(model: Model, showSite: (site: number) => void): HTMLElement | null {
  const range = model.defaultRange;
  const grown = model.data.sites.id
    .map((_, site) => ({ site, growth: model.growth(site, null) ?? 0 }))
    .filter(({ growth }) => growth > 0)
    .sort((a, b) => b.growth - a.growth)
    .slice(0, UNJUDGED_SHOWN);
  if (grown.length === 0) return null;
  const span = `from ${duration(range.from)} to ${duration(range.to)}`;
  const list = h("ol", { "aria-label": `Grew most ${span}` });
  for (const { site, growth } of grown) {
    append(list, siteLine(model, site, "grew most", `${liveWords(model, site)}, ${bytes(growth)} more ${span}`, showSite));
  }
  return list;
}
