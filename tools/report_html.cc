#include "report_html.h"

#include <nlohmann/json.hpp>

#include "leaks_hint.h"
#include "output.h"
#include "reader/error.h"
#include "report/html_model.h"
#include "report/html_page.h"
#include "why_text.h"
#include "words.h"

namespace mla {

void require_page() {
  if (!built_in_page().empty()) return;
  throw Error("--html", "this mla was built without the page (MLA_HTML=OFF)",
              "build it with nodejs and npm, or use another form of report");
}

void write_report_page(const std::string& file, const Snapshot& snapshot, Symbolizer& symbolizer) {
  HtmlFindings findings;
  findings.command = command_of(snapshot.process);
  findings.verdict = process_verdict(snapshot);
  findings.next_step = next_step(snapshot, findings.verdict);
  if (!snapshot.ledger.empty()) {
    Explanation explanation;
    explanation.ledger = make_ledger(snapshot, last_recorded_memory(snapshot));
    explanation.finding = diagnose(snapshot, explanation.ledger);
    findings.diagnosis_sentence = sentence_of(snapshot, explanation);
    findings.ledger = explanation.ledger;
    findings.diagnosis = explanation.finding;
  }
  write_html(file, html_model(snapshot, symbolizer, findings));
}

void write_html(const std::string& file, const nlohmann::ordered_json& data) {
  Output out(file);
  write_page(out.stream(), built_in_page(), data);
  out.finish();
}

}  // namespace mla
