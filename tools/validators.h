// Checks of option values whose complaints fit one line.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <sstream>
#include <string>

namespace mla {

inline CLI::Validator finite_number() {
  return {[](const std::string& text) {
            double value = 0;
            const bool number = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
            return number ? std::string() : "'" + text + "' is not a finite number";
          },
          ""};
}

inline CLI::Validator positive_number() {
  return {[](const std::string& text) {
            double value = 0;
            const bool positive =
                CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value > 0;
            return positive ? std::string() : "'" + text + "' is not a number above 0";
          },
          ""};
}

// `least` and `most` are shown as "%g" does.
inline CLI::Validator number_between(double least, double most) {
  return {[least, most](const std::string& text) {
            double value = 0;
            const bool between =
                CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
            if (between) return std::string();
            std::ostringstream why;
            why << "'" << text << "' is not a number from " << least << " to " << most;
            return why.str();
          },
          ""};
}

inline CLI::Validator port_number() {
  return {[](const std::string& text) {
            uint16_t value = 0;
            const bool number = text.find_first_not_of("0123456789") == std::string::npos &&
                                CLI::detail::lexical_cast(text, value);
            return number ? std::string() : "'" + text + "' is not a port, 0 to 65535";
          },
          ""};
}

inline CLI::Validator whole_number(uint64_t least) {
  return {[least](const std::string& text) {
            uint64_t value = 0;
            const bool number = text.find_first_not_of("0123456789") == std::string::npos &&
                                CLI::detail::lexical_cast(text, value) && value >= least;
            return number ? std::string()
                          : "'" + text + "' is not a whole number from " + std::to_string(least);
          },
          ""};
}

}  // namespace mla
