#include "symbols/module_symbols.h"

#include "symbols/demangle.h"

namespace mla {

namespace {

std::shared_ptr<const SymbolTable> read_table(const ModuleFiles& files) {
  for (const ElfFile* file : {files.debug.get(), files.main.get()}) {
    if (file == nullptr) continue;
    auto table = std::make_shared<const SymbolTable>(*file);
    if (!table->empty()) return table;
  }
  return std::make_shared<const SymbolTable>();
}

}  // namespace

ModuleSymbols::ModuleSymbols(const ModuleInfo& info, const std::vector<std::string>& directories,
                             std::shared_ptr<const SymbolTable> table)
    : info_(info), files_(open_module_files(info, directories)), table_(std::move(table)) {
  if (!table_) table_ = read_table(files_);
  ElfFile* file = files_.with_dwarf();
  if (file != nullptr && file->dwarf() != nullptr) dwarf_.emplace(file->dwarf());
}

std::vector<Frame> ModuleSymbols::frames_of(uint64_t asked, uint64_t pc) {
  const uint64_t address = asked - info_.bias;
  const std::string symbol = demangle(table_->name_at(address));
  std::vector<Frame> frames;
  if (dwarf_ && !files_.are_whole()) dwarf_.reset();
  if (dwarf_) frames = dwarf_->frames_at(address, symbol);
  if (frames.empty()) {
    frames.emplace_back();
    frames.back().function = symbol;
  }
  for (Frame& frame : frames) {
    frame.module = info_.path;
    frame.pc = pc;
    frame.module_offset = address;
  }
  return frames;
}

}  // namespace mla
