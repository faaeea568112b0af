// Bundles the page: node build.mjs BUILD [PAGE.cc]. BUILD has node_modules; the page is written to
// BUILD/page.html and, as a byte array, to PAGE.cc.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const source = join(dirname(fileURLToPath(import.meta.url)), "src");
const build = resolve(process.argv[2]);
const { buildSync } = createRequire(join(build, "package.json"))("esbuild");

const packages = new Set();  // what is in the page of other people's

function bundle(entry, more) {
  const result = buildSync({
    entryPoints: [join(source, entry)],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
    target: ["chrome103", "firefox113", "safari16.4"],
    nodePaths: [join(build, "node_modules")],
    ...more,
  });
  for (const input of Object.keys(result.metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
    if (name) packages.add(name);
  }
  return result.outputFiles[0].text.trim();
}

const script = bundle("main.ts", { format: "iife" });
const style = bundle("style.css", { loader: { ".css": "css" } });
// What would end the elements early.
if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) {
  throw new Error("tools/web: the bundle holds what ends its element");
}
// Their licences ask to be handed on with every copy.
function licence(name) {
  const folder = join(build, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`tools/web: ${name} comes without its licence`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}
const licences = [...packages].sort().map(licence).join("\n\n").replace(/-(?=-)/g, "- ").replace(/>/g, ")");

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const parts = {
  "@MLA_SCRIPT@": script,
  "@MLA_STYLE@": style,
  "@MLA_SCRIPT_HASH@": hash(script),
  "@MLA_STYLE_HASH@": hash(style),
  "@MLA_LICENCES@": licences,
};
const page = readFileSync(join(source, "page.html"), "utf8").replace(
  /@MLA_(SCRIPT|STYLE|SCRIPT_HASH|STYLE_HASH|LICENCES)@/g,
  (name) => parts[name],
);
if (page.split("@MLA_DATA@").length !== 2) {
  throw new Error("tools/web: the page needs one place for data");
}
writeFileSync(join(build, "page.html"), page);

if (process.argv[3]) {
  const bytes = Buffer.from(page, "utf8");
  const lines = [];
  for (let i = 0; i < bytes.length; i += 24) lines.push(bytes.subarray(i, i + 24).join(","));
  writeFileSync(
    process.argv[3],
    `#include "report_html.h"\n\nnamespace mla {\nnamespace {\n` +
      `constexpr unsigned char kPage[] = {\n${lines.join(",\n")}};\n}  // namespace\n\n` +
      `std::string_view built_in_page() {\n` +
      `  return {reinterpret_cast<const char*>(kPage), sizeof(kPage)};\n}\n}  // namespace mla\n`,
  );
}
