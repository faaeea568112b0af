// What a notification says: fields, and templates of them.
#pragma once

#include <map>
#include <string>

#include "history/records.h"

namespace mla {

// By name, as {name} in a template; docs/watch.md lists them.
using Fields = std::map<std::string, std::string>;

struct MessageStyle {
  std::string body;  // a template; its first line is the title
  std::string link;  // a template of an address; empty: no link
};

extern const char* const kDefaultBody;

struct Message {
  std::string title;
  std::string text;  // title and body
  std::string link;
  Fields fields;
};

// Throws Error, naming `option`, for a field that does not exist and a brace that does not close.
// "{{" is a brace.
void check_template(const std::string& text, const std::string& option);

// Of a template that passes check_template.
std::string fill(const std::string& text, const Fields& fields);

Message make_message(const Change& change, const MessageStyle& style);

}  // namespace mla
