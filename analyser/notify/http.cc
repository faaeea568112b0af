#include "notify/http.h"

#include <algorithm>
#include <memory>

#include "notify/curl_library.h"

namespace mla {
namespace {

constexpr size_t kAnswerBytes = 64 * 1024;  // more of an answer is not read

size_t take_answer(char* bytes, size_t size, size_t count, void* answer) {
  auto& text = *static_cast<std::string*>(answer);
  const size_t taken = std::min(size * count, kAnswerBytes - text.size());
  text.append(bytes, taken);
  return taken;  // fewer than there are: libcurl ends the transfer
}

int stop_when_aborted(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(aborted)->load() ? 1 : 0;
}

Outcome judge_status(long status) {  // NOLINT(google-runtime-int): curl's type
  if (status >= 200 && status < 300) return Outcome::kSent;
  const bool passing = status >= 500 || status == 429 || status == 408;
  return passing ? Outcome::kTryAgain : Outcome::kRefused;
}

Silence silence_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Silence::kUnknownHost;
    case CURLE_COULDNT_CONNECT:
      return Silence::kNoConnection;
    case CURLE_OPERATION_TIMEDOUT:
      return Silence::kTimeOut;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return Silence::kBrokenOff;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Silence::kCertificate;
    default:
      return Silence::kOther;
  }
}

}  // namespace

HttpAnswer http_post(const HttpRequest& request, double time_limit_s,
                     const std::atomic<bool>& aborted) {
  const CurlLibrary& api = curl_library();
  const std::unique_ptr<CURL, decltype(api.easy_cleanup)> handle(api.easy_init(), api.easy_cleanup);
  HttpAnswer answer;
  if (!handle) {
    answer.outcome = Outcome::kTryAgain;
    answer.why = "not enough memory";
    return answer;
  }
  CURL* curl = handle.get();
  curl_slist* list = api.slist_append(nullptr, "Expect:");  // no round trip before a large body
  for (const std::string& header : request.headers) list = api.slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, decltype(api.slist_free_all)> headers(list, api.slist_free_all);
  api.easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  api.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  api.easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  api.easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
  api.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  api.easy_setopt(curl, CURLOPT_USERAGENT, "mla/" MLA_VERSION);
  api.easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit_s * 1000));
  api.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // it is one thread of several
  api.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  api.easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  api.easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  api.easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_when_aborted);
  api.easy_setopt(curl, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&aborted));
  const CURLcode code = api.easy_perform(curl);
  // A status that came is the answer, however its body ends: what was accepted is not sent again.
  api.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  if (code != CURLE_OK && answer.status < 200) {  // 1xx: the answer has yet to come
    answer.status = 0;
    answer.outcome = Outcome::kTryAgain;
    answer.why = api.easy_strerror(code);  // not curl's own message: it may name the address
    answer.silence = silence_of(code);
    return answer;
  }
  answer.outcome = judge_status(answer.status);
  if (answer.outcome != Outcome::kSent) answer.why = "HTTP status " + std::to_string(answer.status);
  const char* moved_to = nullptr;
  api.easy_getinfo(curl, CURLINFO_REDIRECT_URL, &moved_to);
  if (moved_to != nullptr) answer.moved_to = moved_to;
  curl_off_t wait = 0;
  if (api.easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK) {
    answer.retry_after_s = static_cast<double>(wait);
  }
  return answer;
}

bool may_pass(Silence silence) {
  return silence == Silence::kNoConnection || silence == Silence::kTimeOut ||
         silence == Silence::kBrokenOff;
}

std::string host_of(const std::string& url) {
  const size_t begin = url.find("://") + 3;
  std::string host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  return host.substr(host.find('@') == std::string::npos ? 0 : host.rfind('@') + 1);
}

}  // namespace mla
