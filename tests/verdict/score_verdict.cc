// Prints the score table of docs/verdict.md. Arguments: seed, series a family.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "families.h"
#include "score.h"

namespace mla {
namespace {

std::string share(size_t part, size_t whole) {
  if (whole == 0) return "";
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.4f",
                static_cast<double>(part) / static_cast<double>(whole));
  return text.data();
}

std::string number(double value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.4f", value);
  return text.data();
}

std::string median_error(std::vector<double> errors) {
  if (errors.empty()) return "";
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return number(*middle);
}

void print_row(const std::string& name, const Score& s) {
  std::string precision;
  if (s.healthy > 0 && s.leaks_at_twice > 0) {
    const double recall =
        static_cast<double>(s.found_at_twice) / static_cast<double>(s.leaks_at_twice);
    const double alarms = static_cast<double>(s.false_positives) / static_cast<double>(s.healthy);
    precision = number(recall > 0 ? 0.1 * recall / (0.1 * recall + 0.9 * alarms) : 0);
  }
  std::printf("| %s | %zu | %s | %s | %s | %s | %s | %s | %s | %s |\n", name.c_str(), s.all(),
              share(s.false_positives, s.healthy).c_str(),
              share(s.found_at_twice, s.leaks_at_twice).c_str(),
              share(s.all_clear, s.leaks).c_str(), share(s.left_open, s.all()).c_str(),
              precision.c_str(), median_error(s.rate_errors).c_str(),
              number(s.brier / static_cast<double>(s.all())).c_str(),
              share(s.wrong_class, s.healthy).c_str());
}

void print_table(uint64_t seed, size_t count) {
  std::printf(
      "| family | series | false positives | recall at 2x | wrong all-clear | left open | "
      "precision at 10 %% | rate error | Brier | wrong class |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n");
  Score all;
  Score founding;
  for (size_t family = 0; family < families().size(); ++family) {
    const Score score = score_family(family, seed, count, Judge::kStatistical);
    print_row(families()[family].name, score);
    all.add(score);
    founding.add(score_family(family, seed, count, Judge::kFounding));
  }
  print_row("**all**", all);
  print_row("**founding rule**", founding);
}

}  // namespace
}  // namespace mla

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: score_verdict SEED SERIES_A_FAMILY\n");
    return 2;
  }
  mla::print_table(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10));
  return 0;
}
