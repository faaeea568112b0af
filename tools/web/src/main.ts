// Reads the data in the page and draws the page that belongs to their kind.
import { type BenchData, benchPage } from "./bench_page";
import { diffPage } from "./diff_page";
import type { DiffData } from "./diff_model";
import { h } from "./dom";
import { PAGE_VERSION, type Report } from "./model";
import { readData, startPage } from "./page";
import { reportPage } from "./report_page";

async function main(app: HTMLElement): Promise<void> {
  const data = (await readData()) as { page: { kind: string; version: number } };
  if (data.page.version !== PAGE_VERSION) throw new Error("the data are of another version of mla");
  app.replaceChildren();
  switch (data.page.kind) {
    case "report":
      reportPage(app, data as Report);
      break;
    case "bench":
      benchPage(app, data as unknown as BenchData);
      break;
    case "diff":
      diffPage(app, data as unknown as DiffData);
      break;
    default:
      throw new Error(`no page for data of the kind "${data.page.kind}"`);
  }
  startPage();
  app.setAttribute("aria-busy", "false");
}

const app = document.getElementById("app");
if (app) {
  main(app).catch((error: unknown) => {
    const old = typeof DecompressionStream === "undefined";
    const what = old ? "this browser is too old: one of 2023 or later is needed" : String(error);
    app.replaceChildren(h("p", { class: "failed", role: "alert" }, `The report cannot be shown: ${what}.`));
    app.setAttribute("aria-busy", "false");
  });
}
