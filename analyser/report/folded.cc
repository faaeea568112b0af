#include "report/folded.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

#include "report/stack_tree.h"
#include "report/utf8.h"

namespace mla {

namespace {

// The distinct names of frames.
class Names {
 public:
  uint32_t add(std::string name) {
    std::replace(name.begin(), name.end(), ';', ':');  // it separates frames
    const auto [at, is_new] = ids_.emplace(std::move(name), static_cast<uint32_t>(by_id_.size()));
    if (is_new) by_id_.push_back(&at->first);
    return at->second;
  }

  const std::string& operator[](uint32_t id) const { return *by_id_[id]; }

  // Places of the strings "name" (2 * id) and "name;" (2 * id + 1) in the order of all of them.
  std::vector<uint32_t> places() const {
    std::vector<uint32_t> order(2 * by_id_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [this](uint32_t a, uint32_t b) { return comes_before(a, b); });
    std::vector<uint32_t> places(order.size());
    for (uint32_t place = 0; place < order.size(); ++place) places[order[place]] = place;
    return places;
  }

 private:
  // As the strings would, without making them.
  bool comes_before(uint32_t a, uint32_t b) const {
    const std::string& one = *by_id_[a / 2];
    const std::string& other = *by_id_[b / 2];
    const size_t common = std::min(one.size(), other.size());
    const int difference = one.compare(0, common, other, 0, common);
    if (difference != 0) return difference < 0;
    const auto next = [common](const std::string& name, uint32_t which) {
      if (common < name.size()) return static_cast<int>(static_cast<unsigned char>(name[common]));
      return which % 2 == 0 ? -1 : static_cast<int>(';');
    };
    return next(one, a) < next(other, b);
  }

  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<const std::string*> by_id_;
};

// Writes the tree's lines as sorting them would have them, without holding them: together they
// are often a hundred times as large as the tree.
class Lines {
 public:
  Lines(std::ostream& out, const StackTree& tree, const Names& names,
        const std::vector<uint64_t>& bytes)
      : out_(out), tree_(tree), names_(names), bytes_(bytes), places_(names.places()) {
    const std::vector<StackTree::Node>& nodes = tree.nodes();
    children_begin_.resize(nodes.size() + 1);
    for (size_t node = 1; node < nodes.size(); ++node) ++children_begin_[nodes[node].parent + 1];
    std::partial_sum(children_begin_.begin(), children_begin_.end(), children_begin_.begin());
    children_.resize(nodes.size() - 1);
    std::vector<uint32_t> next(children_begin_.begin(), children_begin_.end() - 1);
    for (uint32_t node = 1; node < nodes.size(); ++node) {
      children_[next[nodes[node].parent]++] = node;
    }
  }

  void write() {
    std::vector<Item> open;  // in reverse: the next one is the last
    std::string line;
    push_children(0, 0, open);
    while (!open.empty()) {
      const Item item = open.back();
      open.pop_back();
      line.resize(item.prefix);
      line += names_[tree_.nodes()[item.node].label];
      if (item.inner) {
        line += ';';
        push_children(item.node, line.size(), open);
      } else {
        out_ << line << ' ' << bytes_[item.node] << '\n';
      }
    }
  }

 private:
  struct Item {
    uint32_t place;
    uint32_t node;
    size_t prefix;  // bytes of the line in front of it
    bool inner;     // the lines of its callees, not its own
  };

  void push_children(uint32_t node, size_t prefix, std::vector<Item>& open) const {
    const size_t before = open.size();
    for (uint32_t i = children_begin_[node]; i < children_begin_[node + 1]; ++i) {
      const uint32_t child = children_[i];
      const uint32_t own = 2 * tree_.nodes()[child].label;
      if (bytes_[child] != 0) open.push_back({places_[own], child, prefix, false});
      if (children_begin_[child] != children_begin_[child + 1]) {
        open.push_back({places_[own + 1], child, prefix, true});
      }
    }
    std::sort(open.begin() + static_cast<ptrdiff_t>(before), open.end(),
              [](const Item& a, const Item& b) { return a.place > b.place; });
  }

  std::ostream& out_;
  const StackTree& tree_;
  const Names& names_;
  const std::vector<uint64_t>& bytes_;
  std::vector<uint32_t> places_;
  std::vector<uint32_t> children_begin_;  // of a node in children_
  std::vector<uint32_t> children_;
};

}  // namespace

void write_folded(std::ostream& out, const Snapshot& snapshot, Symbolizer& symbolizer,
                  StackValue value, bool native) {
  const std::vector<StackCounts> counts = site_counts(snapshot);
  const auto bytes_of = [&](const Site& site) {
    return counts[static_cast<size_t>(&site - snapshot.sites.data())].bytes(value);
  };
  symbolizer.prepare([&](const Site& site) { return bytes_of(site) != 0; });
  Names names;
  StackTree tree(snapshot, symbolizer, [&names](const Frame& frame) {
    return names.add(printable(frame_label_with_line(frame)));
  });
  std::vector<uint64_t> bytes;
  for (const Site& site : snapshot.sites) {
    if (bytes_of(site) == 0) continue;
    uint32_t node = native ? tree.whole(site) : tree.brief(site);
    if (node == 0) node = tree.add(0, names.add(instead_of_stack(site)));
    if (node >= bytes.size()) bytes.resize(tree.nodes().size());
    bytes[node] += bytes_of(site);
  }
  bytes.resize(tree.nodes().size());
  Lines(out, tree, names, bytes).write();
}

}  // namespace mla
