// The page of `mla report --html`.
import { append } from "./dom";
import { caveatsSection, ledgerSection, processSection, threadsSection } from "./details";
import { Model, type Report } from "./model";
import { navigation } from "./page";
import { ReportFlame } from "./report_flame";
import { ReportSites } from "./report_sites";
import { Timeline } from "./timeline";
import { header, verdictSection } from "./verdict";

export function reportPage(app: HTMLElement, report: Report): void {
  const model = new Model(report);
  document.title = `${report.command} (${report.process.pid}) - mla report`;
  const nav = navigation([
    { id: "verdict", text: "Verdict", key: "1" },
    { id: "timeline", text: "Timeline", key: "2" },
    { id: "flame", text: "Flame graph", key: "3" },
    { id: "sites", text: "Call sites", key: "4" },
    { id: "ledger", text: "Ledger", key: "5" },
    { id: "threads", text: "Threads", key: "6" },
    { id: "process", text: "Process", key: "7" },
    { id: "caveats", text: "Caveats", key: "8" },
  ]);
  const sites = new ReportSites(model);
  const flame = new ReportFlame(model);
  const show = (site: number): void => sites.show(site);
  const timeline = new Timeline(model, (range) => {
    flame.setRange(range);
    sites.setRange(range);
  });
  append(
    app,
    nav,
    header(model),
    verdictSection(model, show),
    timeline.element,
    flame.element,
    sites.element,
    ledgerSection(model, show),
    threadsSection(model),
    processSection(model),
    caveatsSection(model),
  );
}
