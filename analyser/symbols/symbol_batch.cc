#include "symbols/symbol_batch.h"

#include <algorithm>
#include <atomic>
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
      pieces.push_back(
          {begin + (end - begin) * part / parts, begin + (end - begin) * (part + 1) / parts});
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
       const std::vector<CodeAddress>& addresses, size_t threads, const SymbolProgress& progress)
      : modules_(modules),
        directories_(directories),
        addresses_(addresses),
        progress_(progress),
        pieces_(pieces_of(addresses, threads)),
        shared_(modules.size()) {
    result_.frames.resize(addresses.size());
    result_.warnings.resize(modules.size());
  }

  size_t pieces() const { return pieces_.size(); }

  // Takes pieces until there are none, or one failed.
  void run() {
    try {
      take_pieces();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      next_ = pieces_.size();
    }
  }

  // After all have returned. Throws what one of them threw.
  SymbolBatch take() {
    if (failure_) std::rethrow_exception(failure_);
    return std::move(result_);
  }

 private:
  struct Shared {
    std::once_flag once;
    std::shared_ptr<const SymbolTable> table;
  };

  void take_pieces() {
    std::map<uint32_t, ModuleSymbols> opened;
    for (;;) {
      const size_t next = next_.fetch_add(1, std::memory_order_relaxed);
      if (next >= pieces_.size()) return;
      const uint32_t module = addresses_[pieces_[next].begin].module;
      auto symbols = opened.find(module);
      if (symbols == opened.end()) symbols = opened.emplace(module, open(module)).first;
      for (size_t i = pieces_[next].begin; i < pieces_[next].end; ++i) {
        result_.frames[i] = symbols->second.frames_of(addresses_[i].asked, addresses_[i].pc);
        const uint64_t done = done_.fetch_add(1, std::memory_order_relaxed) + 1;
        if (progress_) progress_(done, addresses_.size());
      }
    }
  }

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
  const SymbolProgress& progress_;
  std::vector<Piece> pieces_;
  std::vector<Shared> shared_;
  SymbolBatch result_;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> done_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

// Runs `work` on `count` threads, the caller's among them, or on fewer where the system allows no
// more. Returns when all are done.
void run_on_threads(Work& work, size_t count) {
  std::vector<std::thread> others;
  try {
    others.reserve(count);
    while (others.size() + 1 < count) others.emplace_back([&work] { work.run(); });
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): those there are will do
  }
  work.run();
  for (std::thread& thread : others) thread.join();
}

}  // namespace

SymbolBatch symbolise(const std::vector<ModuleInfo>& modules,
                      const std::vector<std::string>& debug_directories,
                      const std::vector<CodeAddress>& addresses, unsigned threads,
                      const SymbolProgress& progress) {
  const size_t useful = std::clamp<size_t>(addresses.size() / kWorthAThread, 1, threads);
  Work work(modules, debug_directories, addresses, useful, progress);
  run_on_threads(work, std::min(useful, work.pieces()));
  return work.take();
}

}  // namespace mla
