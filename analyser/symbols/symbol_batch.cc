#include "symbols/symbol_batch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "symbols/module_symbols.h"

namespace mla {

namespace {

// So many addresses take longer than opening a module of a usual size once more.
constexpr size_t kWorthAThread = 500;
constexpr auto kBetweenReports = std::chrono::milliseconds(100);

struct Piece {  // of the addresses, all of one module
  size_t begin;
  size_t end;
};

// Modules whole, but for those that would keep one thread at work when the others are done.
// Largest first, so that small ones fill the gaps at the end.
std::vector<Piece> pieces_of(const std::vector<CodeAddress>& addresses, size_t threads) {
  const size_t most =
      threads == 1 ? addresses.size() : std::max(kWorthAThread, addresses.size() / (2 * threads));
  std::vector<Piece> pieces;
  for (size_t begin = 0; begin < addresses.size();) {
    size_t end = begin;
    while (end < addresses.size() && addresses[end].module == addresses[begin].module) ++end;
    const size_t parts = (end - begin + most - 1) / most;
    for (size_t part = 0; part < parts; ++part) {
      pieces.push_back({begin + (end - begin) * part / parts,
                        begin + (end - begin) * (part + 1) / parts});
    }
    begin = end;
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return a.end - a.begin > b.end - b.begin;
  });
  return pieces;
}

class Work {
 public:
  Work(const std::vector<ModuleInfo>& modules, const std::vector<std::string>& directories,
       const std::vector<CodeAddress>& addresses, size_t threads)
      : modules_(modules),
        directories_(directories),
        addresses_(addresses),
        pieces_(pieces_of(addresses, threads)),
        shared_(modules.size()) {
    result_.frames.resize(addresses.size());
    result_.warnings.resize(modules.size());
  }

  size_t pieces() const { return pieces_.size(); }
  uint64_t done() const { return done_.load(std::memory_order_relaxed); }

  // Takes pieces until there are none. `after_each` is called after each address.
  template <class AfterEach>
  void run(const AfterEach& after_each) {
    std::map<uint32_t, ModuleSymbols> opened;
    for (;;) {
      const size_t next = next_.fetch_add(1, std::memory_order_relaxed);
      if (next >= pieces_.size()) return;
      const uint32_t module = addresses_[pieces_[next].begin].module;
      auto symbols = opened.find(module);
      if (symbols == opened.end()) symbols = opened.emplace(module, open(module)).first;
      for (size_t i = pieces_[next].begin; i < pieces_[next].end; ++i) {
        result_.frames[i] = symbols->second.frames_of(addresses_[i].asked, addresses_[i].pc);
        done_.fetch_add(1, std::memory_order_relaxed);
        after_each();
      }
    }
  }

  SymbolBatch take() { return std::move(result_); }

 private:
  struct Shared {
    std::once_flag once;
    std::shared_ptr<const SymbolTable> table;
  };

  // Whoever comes first reads the symbol table, for all.
  ModuleSymbols open(uint32_t module) {
    Shared& shared = shared_[module];
    std::optional<ModuleSymbols> first;
    std::call_once(shared.once, [&] {
      first.emplace(modules_[module], directories_);
      shared.table = first->table();
      result_.warnings[module] = first->warning();
    });
    if (first) return std::move(*first);
    return {modules_[module], directories_, shared.table};
  }

  const std::vector<ModuleInfo>& modules_;
  const std::vector<std::string>& directories_;
  const std::vector<CodeAddress>& addresses_;
  std::vector<Piece> pieces_;
  std::vector<Shared> shared_;
  SymbolBatch result_;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> done_{0};
};

// Threads that run `work`; the destructor waits for them.
class Workers {
 public:
  explicit Workers(Work& work) : work_(work) {}
  ~Workers() {
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False where the system allows no more threads.
  bool start() {
    const std::lock_guard lock(mutex_);
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
      return false;
    }
    ++running_;
    return true;
  }

  // Waits until all are done; calls `meanwhile` again and again. Throws what one of them threw.
  template <class Meanwhile>
  void wait(const Meanwhile& meanwhile) {
    std::unique_lock lock(mutex_);
    while (!all_done_.wait_for(lock, kBetweenReports, [this] { return running_ == 0; })) {
      lock.unlock();
      meanwhile();
      lock.lock();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void run() {
    std::exception_ptr failure;
    try {
      work_.run([] {});
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (failure) failure_ = failure;
    if (--running_ == 0) all_done_.notify_one();
  }

  Work& work_;
  std::mutex mutex_;
  std::condition_variable all_done_;
  size_t running_ = 0;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

SymbolBatch symbolise(const std::vector<ModuleInfo>& modules,
                      const std::vector<std::string>& debug_directories,
                      const std::vector<CodeAddress>& addresses, unsigned threads,
                      const SymbolProgress& progress) {
  const size_t useful = std::clamp<size_t>(addresses.size() / kWorthAThread, 1, threads);
  Work work(modules, debug_directories, addresses, useful);
  const auto report = [&] {
    if (progress) progress(work.done(), addresses.size());
  };
  size_t started = 0;
  if (useful > 1 && work.pieces() > 1) {
    Workers workers(work);
    while (started < std::min(useful, work.pieces()) && workers.start()) ++started;
    if (started > 0) workers.wait(report);
  }
  if (started == 0) work.run(report);
  return work.take();
}

}  // namespace mla
