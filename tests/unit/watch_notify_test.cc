#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "history/history_error.h"
#include "notify/outbox.h"
#include "reader/error.h"
#include "support/json_schema.h"
#include "support/temporary_directory.h"

namespace mla {
namespace {

Change leak() {
  Change change;
  change.id = 5;
  change.wall_s = 1'700'000'000;
  change.of = {"run_server.py", "host1", "b1"};
  change.before = "stable";
  change.verdict = "leak";
  change.evidence = R"({"workers":20,"affected":12,"workers_text":"12 of 20 workers","pid":4711,)"
                    R"("rss_bytes":2147483648,"probability":0.99,"reason":"grows & grows",)"
                    R"("rate_bytes_per_hour":{"value":3355443.2,"low":3145728,"high":3565158.4},)"
                    R"("sites":[{"stack":"leak (a.py:3) < main","bytes_per_hour":3355443.2}]})";
  return change;
}

Message message_of(const std::string& body, const std::string& link = "") {
  return make_message(leak(), {body, link});
}

std::string why(const std::string& target) {
  try {
    parse_target(target);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Message, SaysWhatHappened) {
  const Message message = message_of(kDefaultBody, "https://x/{service}/{id}");
  EXPECT_EQ(message.title, "run_server.py on host1: leak, 3.2 MiB/h (was stable)");
  EXPECT_EQ(message.link, "https://x/run_server.py/5");
  for (const char* words : {"why: grows & grows", "workers: 12 of 20 workers", "pid: 4711",
                            "95 % interval 3.0 MiB to 3.4 MiB", "RSS: 2.0 GiB",
                            "site: 3.2 MiB/h in leak (a.py:3) < main", "https://x/"}) {
    EXPECT_NE(message.text.find(words), std::string::npos) << words << '\n' << message.text;
  }
}

TEST(Message, FillsTemplates) {
  EXPECT_EQ(message_of("{verdict}: {service} {{x}} {probability}").text,
            "leak: run_server.py {x} 99 %");
  EXPECT_EQ(message_of("a", "http://h/?t={time}").link,
            "http://h/?t=2023-11-14%2022%3A13%3A20%20UTC");
  EXPECT_THROW(check_template("{nothing}", "--message"), Error);
  EXPECT_THROW(check_template("{title", "--message"), Error);
  EXPECT_NO_THROW(check_template("{{ {title} }}", "--message"));
}

TEST(Target, HidesItsKey) {
  const Target target = parse_target("wecom:https://qyapi.example/cgi-bin/send?key=SECRET");
  EXPECT_EQ(target.label.find("SECRET"), std::string::npos);
  EXPECT_EQ(target.label.substr(0, 20), "wecom:qyapi.example#");
  EXPECT_EQ(parse_target("webhook:http://user:SECRET@h/x").label.substr(0, 10), "webhook:h#");
  EXPECT_NE(target.label, parse_target("wecom:https://qyapi.example/cgi-bin/send?key=OTHER").label);
  EXPECT_EQ(why("wecom:SECRET").find("SECRET"), std::string::npos);
  EXPECT_EQ(why("telegram:SECRET").find("SECRET"), std::string::npos);
  EXPECT_NE(why("mail:nobody"), "");
  EXPECT_NE(why("exec:"), "");
  EXPECT_NE(why("webhook:ftp://x/"), "");
}

TEST(Target, IsReadFromAFile) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "url") << "http://h/key\r\nmore\n";
  EXPECT_EQ(parse_target("slack:@" + (directory / "url")).where, "http://h/key");
  EXPECT_NE(why("slack:@" + (directory / "none")).find("cannot be read"), std::string::npos);
}

TEST(Payload, IsTheGenericDocument) {
  const auto document = nlohmann::json::parse(
      payload(parse_target("webhook:http://h/"), leak(), message_of(kDefaultBody)));
  std::ifstream schema(MLA_NOTIFICATION_SCHEMA);
  EXPECT_EQ(test::SchemaChecker(nlohmann::json::parse(schema)).check(document),
            std::vector<std::string>{});
  EXPECT_EQ(document["evidence"]["pid"], 4711);
}

TEST(Payload, OfWecomIsMarkdownOfAtMost4096Bytes) {
  Change change = leak();
  Message message = message_of(kDefaultBody);
  const Target target = parse_target("wecom:http://h/");
  auto document = nlohmann::json::parse(payload(target, change, message));
  EXPECT_EQ(document["msgtype"], "markdown");
  std::string content = document["markdown"]["content"];
  EXPECT_EQ(content.substr(0, 24), "**<font color=\"warning\">");
  message.text = message.title;
  for (int i = 0; i < 3000; ++i) message.text += "内";
  content = nlohmann::json::parse(payload(target, change, message))["markdown"]["content"];
  EXPECT_LE(content.size(), 4096U);
  EXPECT_GE(content.size(), 4090U);
  EXPECT_TRUE(content.ends_with("内…"));
}

TEST(Payload, OfSlackIsEscaped) {
  const auto document = nlohmann::json::parse(
      payload(parse_target("slack:http://h/"), leak(), message_of("{title}\n<{reason}>")));
  EXPECT_EQ(document["text"],
            "*run_server.py on host1: leak, 3.2 MiB/h (was stable)*\n&lt;grows &amp; grows&gt;");
}

TEST(Payload, OfMailHasHeaders) {
  const Target target = parse_target("mail:a@x.org,b@x.org");
  std::string mail = payload(target, leak(), message_of(kDefaultBody));
  EXPECT_EQ(mail.substr(0, mail.find("\nMIME")),
            "To: a@x.org,b@x.org\nSubject: [mla] run_server.py on host1: leak, 3.2 MiB/h (was "
            "stable)");
  mail = payload(target, leak(), message_of("内存\nBcc: z@x.org"));
  EXPECT_NE(mail.find("Subject: [mla] =?UTF-8?B?5YaF5a2Y?=\n"), std::string::npos);
  EXPECT_EQ(mail.find("Bcc"), std::string::npos);
}

TEST(Answer, OfWecomTellsErrors) {
  const Target wecom = parse_target("wecom:http://h/");
  EXPECT_EQ(refusal_in_answer(wecom, R"({"errcode":0,"errmsg":"ok"})").why, "");
  EXPECT_TRUE(refusal_in_answer(wecom, R"({"errcode":45009,"errmsg":"limit"})").passing);
  const Refusal refusal = refusal_in_answer(wecom, R"({"errcode":93000,"errmsg":"bad key"})");
  EXPECT_FALSE(refusal.passing);
  EXPECT_EQ(refusal.why, "WeCom answered errcode 93000 (bad key)");
  EXPECT_NE(refusal_in_answer(wecom, "<html>").why, "");
  EXPECT_EQ(refusal_in_answer(parse_target("slack:http://h/"), "<html>").why, "");
}

class Script : public Transport {
 public:
  Attempt send(const Target&, const Change&, const Message&) override {
    if (on_send) on_send();
    return {outcomes.at(static_cast<size_t>(tries++)), "why"};
  }
  std::function<void()> on_send;
  std::vector<Outcome> outcomes;
  int tries = 0;
};

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() : store(directory / "h.db", 64ULL << 20) {
    options.targets = {parse_target("slack:http://h/SECRET")};
    options.style.body = kDefaultBody;
    store.enqueue(store.add_change(leak(), "").value(), options.targets[0].label, 0);
  }
  Outbox make() {
    return {store, transport, options, [this](const std::string& line) { log.push_back(line); }};
  }
  test::TemporaryDirectory directory;
  Store store;
  Script transport;
  OutboxOptions options;
  std::vector<std::string> log;
};

TEST_F(OutboxTest, WaitsLongerEachTime) {
  transport.outcomes.assign(20, Outcome::kTryAgain);
  Outbox outbox = make();
  double t = 0;
  double longest = 5;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(outbox.deliver_one(t));
    EXPECT_FALSE(outbox.deliver_one(t));
    const double wait = outbox.next_due().value() - t;
    EXPECT_GE(wait, longest / 2);
    EXPECT_LE(wait, longest * 1.5);
    longest = std::min(longest * 2, 900.0);
    t += wait;
  }
  EXPECT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].find("SECRET"), std::string::npos);
}

TEST_F(OutboxTest, GivesUpAfterADay) {
  transport.outcomes = {Outcome::kTryAgain, Outcome::kTryAgain};
  Outbox outbox = make();
  outbox.deliver_one(0);
  outbox.deliver_one(kGiveUpAfterS + 1);
  EXPECT_EQ(store.waiting(), 0U);
  EXPECT_EQ(store.marks(0, 1e9).size(), 1U);
}

TEST_F(OutboxTest, DoesNotRepeatWhatIsRefused) {
  transport.outcomes = {Outcome::kRefused};
  Outbox outbox = make();
  EXPECT_TRUE(outbox.deliver_one(0));
  EXPECT_EQ(store.waiting(), 0U);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_NE(log[0].find("given up"), std::string::npos);
}

TEST_F(OutboxTest, SendsOnceThoughTheHistoryIsLockedAfterwards) {
  transport.outcomes = {Outcome::kSent, Outcome::kSent};
  Outbox outbox = make();
  std::unique_ptr<Store> other;
  std::unique_ptr<Transaction> lock;
  transport.on_send = [&] {
    other = std::make_unique<Store>(directory / "h.db", 64ULL << 20);
    lock = std::make_unique<Transaction>(other->database());
  };
  EXPECT_THROW(outbox.deliver_one(0), HistoryError);
  EXPECT_THROW(outbox.deliver_one(30), HistoryError) << "it is locked still";
  lock.reset();
  EXPECT_FALSE(outbox.deliver_one(60)) << "nothing is left to be sent";
  EXPECT_EQ(transport.tries, 1);
  EXPECT_EQ(store.waiting(), 0U);
}

}  // namespace
}  // namespace mla
