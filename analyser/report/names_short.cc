#include "report/names_short.h"

#include <algorithm>
#include <string_view>

#include "report/utf8.h"

namespace mla {

namespace {

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

// Replaces what stands inside the outermost pairs of brackets by an ellipsis.
std::string collapse(const std::string& text, char open, char close) {
  std::string result;
  int depth = 0;
  for (const char c : text) {
    if (c == close && depth > 0 && --depth == 0) result += "\xe2\x80\xa6";
    if (depth == 0) result += c;
    if (c == open) ++depth;
  }
  return depth == 0 ? result : text;
}

}  // namespace

std::string short_function(const std::string& function, size_t width) {
  std::string name = function;
  replace_all(name,
              "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  replace_all(name, "std::__cxx11::", "std::");
  if (columns(name) <= width) return name;
  // Brackets of operators are no brackets, and collapsing these would say nothing.
  const bool has_operator = name.find("operator<") != std::string::npos ||
                            name.find("operator>") != std::string::npos ||
                            name.find("operator->") != std::string::npos;
  if (!has_operator) {
    replace_all(name, "(anonymous namespace)", "{anonymous}");
    replace_all(name, "operator()", "{call}");
    replace_all(name, "()", "{}");
    std::string shorter = collapse(name, '(', ')');
    if (columns(shorter) > width) shorter = collapse(shorter, '<', '>');
    replace_all(shorter, "{}", "()");
    replace_all(shorter, "{call}", "operator()");
    replace_all(shorter, "{anonymous}", "(anonymous namespace)");
    name = shorter;
  }
  return cut_right(name, width);
}

bool is_own_frame(const Frame& frame) {
  const size_t slash = frame.module.rfind('/');
  const std::string base =
      slash == std::string::npos ? frame.module : frame.module.substr(slash + 1);
  return base == "libmla.so" || base.starts_with("libmla.so.");
}

bool is_allocation_plumbing(const Frame& frame) {
  static constexpr std::string_view kNames[] = {"malloc",
                                                "calloc",
                                                "realloc",
                                                "reallocarray",
                                                "memalign",
                                                "posix_memalign",
                                                "aligned_alloc",
                                                "valloc",
                                                "pvalloc",
                                                "strdup",
                                                "strndup",
                                                "mmap",
                                                "mmap64",
                                                "mremap",
                                                "PyMem_Malloc",
                                                "PyMem_Calloc",
                                                "PyMem_Realloc",
                                                "PyObject_Malloc",
                                                "PyObject_Calloc",
                                                "PyObject_Realloc",
                                                "PyMem_RawMalloc",
                                                "PyMem_RawCalloc",
                                                "PyMem_RawRealloc",
                                                "_PyMem_RawMalloc",
                                                "_PyMem_RawCalloc",
                                                "_PyMem_RawRealloc",
                                                "_PyObject_Malloc",
                                                "_PyObject_Calloc",
                                                "_PyObject_Realloc",
                                                "_PyObject_Arena",
                                                "_PyObject_ArenaMmap",
                                                "new_arena",
                                                "pymalloc_alloc",
                                                "allocate_from_new_pool",
                                                "_PyObject_GC_New",
                                                "_PyObject_GC_NewVar",
                                                "_PyObject_GC_Malloc",
                                                "PyType_GenericAlloc",
                                                "g_malloc",
                                                "g_malloc0",
                                                "g_realloc",
                                                "xmalloc",
                                                "xrealloc",
                                                "xcalloc"};
  static constexpr std::string_view kPrefixes[] = {
      "operator new",
      "__gnu_cxx::new_allocator<",
      "std::allocator<",
      "std::__new_allocator<",
      "std::allocator_traits<",
      "std::_Vector_base<",
      "std::__allocate_guarded<",
      "std::_Deque_base<",
      "alloc::alloc::",
      "__rust_alloc",
      "__rdl_alloc",
      "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create"};
  if (is_own_frame(frame)) return true;
  const std::string_view name = frame.function;
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace mla
