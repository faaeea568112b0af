// The tables at the end of the page: ledger, threads, process and settings, losses and caveats.
import { BUCKETS } from "./buckets";
import { append, button, definitions, h, section, table } from "./dom";
import { bytes, count, counted, duration, percent, signedBytes } from "./format";
import type { Held, Ledger, Model } from "./model";

export function ledgerSection(model: Model, showSite: (site: number) => void): HTMLElement {
  const { ledger } = model.data;
  const element = section("RSS ledger", "ledger");
  if (!ledger) {
    append(element, h("p", { class: "empty" }, "The process had not looked at its pages yet: the recording is too short."));
    return element;
  }
  append(
    element,
    h("p", { class: "sentence" }, ledger.sentence),
    bars(ledger),
    h("p", { class: "note" }, ledgerNote(ledger)),
  );
  if (ledger.advice.length) {
    append(element, h("h3", {}, "What to try"));
    const list = h("ol", { class: "advice" });
    for (const { action, reason } of ledger.advice) {
      append(list, h("li", {}, h("code", {}, action), h("p", {}, reason)));
    }
    append(element, list);
  }
  append(
    element,
    held(model, "Call sites whose blocks keep pages that are mostly free", ledger.pinned_by, showSite),
    held(model, "Call sites of the program's mappings", ledger.mapped_by, showSite),
  );
  if (ledger.files.length) {
    append(
      element,
      h("h3", {}, "Resident files"),
      table("Resident files", ["file", "resident"], ledger.files.slice(0, 30).map((f) => [f.path, bytes(f.bytes)]), [1]),
    );
  }
  return element;
}

function bars(ledger: Ledger): HTMLElement {
  const rows = BUCKETS.filter(({ id }) => ledger.buckets[id] > 0).map(({ id, label, colour, free }) => {
    const value = ledger.buckets[id];
    const bar = h("span", { class: `bar${free ? " free" : ""}` });
    bar.style.width = `${Math.min(100, (100 * value) / Math.max(ledger.rss_bytes, 1))}%`;
    bar.style.background = `var(--${colour})`;
    return [label, bytes(value), percent(value, ledger.rss_bytes), h("span", { class: "track" }, bar)];
  });
  const sign = ledger.residual_bytes < 0 ? "-" : "";
  const share = sign + percent(Math.abs(ledger.residual_bytes), ledger.rss_bytes);
  rows.push(["residual", signedBytes(ledger.residual_bytes), share, h("span")]);
  rows.push(["RSS", bytes(ledger.rss_bytes), "100.0 %", h("span")]);
  const element = table("RSS by bucket", ["bucket", "bytes", "of RSS", ""], rows, [1, 2]);
  element.classList.add("ledger-bars");
  return element;
}

function ledgerNote(ledger: Ledger): string {
  const parts = [`RSS after ${duration(ledger.t_s)}, pages looked at after ${duration(ledger.walked_s)}.`];
  if (ledger.untouched_bytes > 0) {
    parts.push(`${bytes(ledger.untouched_bytes)} are alive and were never written: not resident.`);
  }
  if (ledger.pinned_pages > 0) parts.push(`${counted(ledger.pinned_pages, "page")} at least half free are kept by live blocks.`);
  if (ledger.stale) parts.push("Much has changed between the two: the parts of the heap are scaled from the walk.");
  if (!ledger.heap_map) parts.push("The heap was not looked at block by block: rounding and pinned pages are in free.");
  if (ledger.incomplete) parts.push("Not all of the address space could be looked at.");
  return parts.join(" ");
}

function held(model: Model, title: string, rows: Held, showSite: (site: number) => void): HTMLElement | null {
  if (rows.site.length === 0) return null;
  const shown = rows.site.slice(0, 10).map((site, i) => [
    button(model.nameOf(site), () => showSite(site), { class: "link", title: "Show its stack" }),
    model.placeOf(site),
    bytes(rows.bytes[i]),
  ]);
  return h("div", {}, h("h3", {}, title), table(title, ["call site", "source", "bytes"], shown, [2]));
}

export function threadsSection(model: Model): HTMLElement {
  const rows = [...model.data.threads]
    .sort((a, b) => b.alloc_bytes - a.alloc_bytes)
    .map((t) => [
      t.name,
      t.tid,
      bytes(t.alloc_bytes),
      count(t.alloc_count),
      bytes(t.freed_bytes),
      count(t.freed_count),
      duration(t.start_s),
      t.end_s === null ? "" : duration(t.end_s),
    ]);
  return section(
    "Threads",
    "threads",
    h("p", { class: "note" }, "Every thread that allocated. What one allocates another may free."),
    table(
      "Threads",
      ["thread", "tid", "allocated", "allocations", "freed", "frees", "started", "ended"],
      rows,
      [1, 2, 3, 4, 5, 6, 7],
    ),
  );
}

export function processSection(model: Model): HTMLElement {
  const { data } = model;
  const { process, sampling } = data;
  const rows: [string, Node | string | null][] = [
    ["command", h("code", {}, data.command)],
    ["executable", process.exe],
    ["directory", process.working_directory],
    ["pid, parent, uid", `${process.pid}, ${process.parent_pid}, ${process.uid}`],
    ["host", process.host],
    ["kernel", process.kernel],
    ["cgroup", process.cgroup],
    ["huge pages", process.thp],
    ["allocator", [process.allocator.name, process.allocator.version, process.allocator.path].filter(Boolean).join(", ")],
    ["Python", process.python ? `${process.python.version}, recorded: ${process.python.mode}` : null],
    ["recording", `${data.recording.path}, ${bytes(data.recording.file_bytes)}`],
    ["parent's recording", process.parent_recording],
    [
      "recorded",
      sampling.mode === "sampled" && sampling.interval_bytes
        ? `one allocation in ${bytes(sampling.interval_bytes)}`
        : sampling.mode === "off"
          ? "no allocations"
          : "every allocation",
    ],
    ["settings", process.settings.length ? process.settings.join(" ") : "none"],
    ["report by", `${data.generator.name} ${data.generator.version}`],
  ];
  const element = section("Process and settings", "process", definitions(rows.filter(([, value]) => value)));
  const modules = data.modules.map((m) => [m.path, m.build_id ?? ""]);
  append(
    element,
    h("details", {}, h("summary", {}, counted(modules.length, "module")), table("Modules", ["file", "build-id"], modules)),
  );
  return element;
}

export function caveatsSection(model: Model): HTMLElement {
  const { data } = model;
  const lines: string[] = [];
  if (data.stopped) lines.push(`Recording stopped after ${duration(data.stopped.t_s)}: ${data.stopped.detail}.`);
  lines.push(...data.losses_in_words.map(({ count: n, sentence }) => `${count(n)} ${sentence}.`));
  if (data.sampling.estimates) {
    lines.push("Allocations were sampled: counts and bytes are unbiased estimates, with standard errors in the call sites.");
  }
  if (data.sampling.off) lines.push(`${data.sampling.off.sentence}.`);
  else if (data.sampling.mode === "off") lines.push("Allocations were not recorded when the recording ended (MLA_SAMPLE=off).");
  const { unwind_check: check } = data;
  if (check?.differed) lines.push(`${count(check.differed)} of ${counted(check.checked, "stack")} differed from libunwind's.`);
  lines.push(...data.process.notes, ...data.warnings, ...data.damage.map((line) => `Damage: ${line}`));
  const element = section("Losses and caveats", "caveats");
  if (lines.length === 0) {
    append(element, h("p", {}, "Nothing was lost, and nothing is missing from this report."));
  } else {
    append(element, h("ul", {}, ...lines.map((line) => h("li", {}, line))));
  }
  append(
    element,
    h(
      "p",
      { class: "note" },
      "Bytes are those the program asked for. The history of a call site covers the times when it was among the largest.",
    ),
  );
  return element;
}
