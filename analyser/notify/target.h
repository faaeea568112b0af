// Where notifications go: --notify KIND:TARGET.
#pragma once

#include <string>
#include <vector>

#include "notify/message.h"

namespace mla {

enum class TargetKind { kWebhook, kWecom, kSlack, kMail, kExec };

struct Target {
  TargetKind kind = TargetKind::kWebhook;
  std::string where;  // address, mail addresses or command: may hold a key, never to be printed
  // For people and for the queue in the history: the kind, the host of an address and a hash of the
  // rest. Without any secret.
  std::string label;
};

// "webhook:URL", "wecom:URL", "slack:URL", "mail:ADDRESS[,ADDRESS]", "exec:COMMAND"; what follows
// the colon may be "@FILE", whose first line it then is. Throws Error.
Target parse_target(const std::string& text);

bool is_address(const Target& target);  // of a webhook: sent by HTTP

// The body of a request to a webhook, or what a mail program or command reads.
// docs/schema/notification-v1.json is the generic one's.
std::string payload(const Target& target, const Change& change, const Message& message);

// What a webhook's answer of status 200 says: WeCom tells errors in the body. Empty: it went well.
struct Refusal {
  std::string why;
  bool passing = false;  // to be tried again
};
Refusal refusal_in_answer(const Target& target, const std::string& body);

}  // namespace mla
