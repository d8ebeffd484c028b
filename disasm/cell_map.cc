// SPDX-License-Identifier: Apache-2.0
#include "disasm/cell_map.h"

#include <utility>

namespace detachfix {
namespace {

/// The finaliser of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t PriorityOf(MemoryAddress address) {
  return Mix(static_cast<uint64_t>(address.offset) ^
             Mix(uint64_t{address.region} + 0x9e3779b97f4a7c15));
}

}  // namespace

void CellMap::Node::Update() {
  filter = SymbolFilter();
  filter.Add(entry.address.region);
  filter.Add(entry.cell.value);
  if (less) filter.Add(less->filter);
  if (more) filter.Add(more->filter);
}

const CellMap::Entry* CellMap::AtOrBefore(MemoryAddress address) const {
  const Entry* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    if (address < node->entry.address) {
      node = node->less.get();
    } else {
      best = &node->entry;
      node = node->more.get();
    }
  }
  return best;
}

const CellMap::Entry* CellMap::AtOrAfter(MemoryAddress address) const {
  const Entry* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    if (node->entry.address < address) {
      node = node->more.get();
    } else {
      best = &node->entry;
      node = node->less.get();
    }
  }
  return best;
}

const CellMap::Entry* CellMap::After(MemoryAddress address) const {
  const Entry* best = nullptr;
  for (const Node* node = root_.get(); node != nullptr;) {
    if (address < node->entry.address) {
      best = &node->entry;
      node = node->less.get();
    } else {
      node = node->more.get();
    }
  }
  return best;
}

const CellMap::Entry* CellMap::First() const {
  return AtOrAfter({kAbsolute, INT64_MIN});
}

void CellMap::Split(Link link, MemoryAddress at, Link& less, Link& rest) {
  if (!link) {
    less = rest = Link();
    return;
  }
  Node& node = link.Own();
  if (node.entry.address < at) {
    Link below;
    Split(std::move(node.more), at, below, rest);
    node.more = std::move(below);
    node.Update();
    less = std::move(link);
  } else {
    Link above;
    Split(std::move(node.less), at, less, above);
    node.less = std::move(above);
    node.Update();
    rest = std::move(link);
  }
}

CellMap::Link CellMap::Merge(Link less, Link rest) {
  if (!less) return rest;
  if (!rest) return less;
  if (less->IsAbove(*rest)) {
    Node& node = less.Own();
    node.more = Merge(std::move(node.more), std::move(rest));
    node.Update();
    return less;
  }
  Node& node = rest.Own();
  node.less = Merge(std::move(less), std::move(node.less));
  node.Update();
  return rest;
}

void CellMap::Insert(Link& link, const Entry& entry, uint64_t priority) {
  if (link && link->entry.address == entry.address) {
    Node& node = link.Own();
    node.entry.cell = entry.cell;
    node.Update();
    return;
  }
  const bool goes_here = !link || (priority != link->priority
                                       ? priority > link->priority
                                       : entry.address < link->entry.address);
  if (goes_here) {
    Link added(new Node);
    Node& node = added.Own();
    node.entry = entry;
    node.priority = priority;
    Split(std::move(link), entry.address, node.less, node.more);
    node.Update();
    link = std::move(added);
    return;
  }
  Node& node = link.Own();
  Insert(entry.address < node.entry.address ? node.less : node.more, entry,
         priority);
  node.Update();
}

void CellMap::Set(MemoryAddress address, const Cell& cell) {
  Insert(root_, {address, cell}, PriorityOf(address));
}

void CellMap::Erase(MemoryAddress begin, MemoryAddress end) {
  const Entry* first = AtOrAfter(begin);
  if (first == nullptr || !(first->address < end)) return;
  Link less;
  Link rest;
  Link erased;
  Link more;
  Split(std::move(root_), begin, less, rest);
  Split(std::move(rest), end, erased, more);
  root_ = Merge(std::move(less), std::move(more));
}

void CellMap::ChangeIn(Link& link, SymbolFilter filter,
                       const std::function<void(Cell&)>& change) {
  if (!link || !link->filter.MayMeet(filter)) return;
  Node& node = link.Own();
  ChangeIn(node.less, filter, change);
  change(node.entry.cell);
  ChangeIn(node.more, filter, change);
  node.Update();
}

void CellMap::Change(SymbolFilter filter,
                     const std::function<void(Cell&)>& change) {
  ChangeIn(root_, filter, change);
}

bool CellMap::AllIn(const Node* node, SymbolFilter filter,
                    const std::function<bool(const Entry&)>& look) {
  if (node == nullptr || !node->filter.MayMeet(filter)) return true;
  return AllIn(node->less.get(), filter, look) && look(node->entry) &&
         AllIn(node->more.get(), filter, look);
}

bool CellMap::AllOf(SymbolFilter filter,
                    const std::function<bool(const Entry&)>& look) const {
  return AllIn(root_.get(), filter, look);
}

/// The topmost node of `part` whose key is one of `keys`.
const CellMap::Node* CellMap::Restrict(const Part& part, const Between& keys) {
  const Node* node = part.node;
  while (!part.whole && node != nullptr) {
    if (keys.low && !(*keys.low < node->entry.address)) {
      node = node->more.get();
    } else if (keys.high && !(node->entry.address < *keys.high)) {
      node = node->less.get();
    } else {
      break;
    }
  }
  return node;
}

bool CellMap::Differences(Part a, Part b, const Between& keys,
                          const LookAtBoth& look) {
  if (a.node == b.node) return true;
  a.node = Restrict(a, keys);
  b.node = Restrict(b, keys);
  if (a.node == b.node) return true;
  // A key that stands above all others of one map and is in the other stands
  // above all there too: the shape depends on the keys alone.
  const bool of_a =
      b.node == nullptr || (a.node != nullptr && !b.node->IsAbove(*a.node));
  const bool of_b =
      a.node == nullptr || (b.node != nullptr && !a.node->IsAbove(*b.node));
  const Entry& top = of_a ? a.node->entry : b.node->entry;
  // Of the one that has no such key, each half has keys of the other half.
  const Part less_a =
      of_a ? Part{a.node->less.get(), a.whole} : Part{a.node, false};
  const Part less_b =
      of_b ? Part{b.node->less.get(), b.whole} : Part{b.node, false};
  if (!Differences(less_a, less_b, {keys.low, top.address}, look)) return false;
  const bool same = of_a && of_b && a.node->entry.cell == b.node->entry.cell;
  if (!same &&
      !look(of_a ? &a.node->entry : nullptr, of_b ? &b.node->entry : nullptr)) {
    return false;
  }
  const Part more_a =
      of_a ? Part{a.node->more.get(), a.whole} : Part{a.node, false};
  const Part more_b =
      of_b ? Part{b.node->more.get(), b.whole} : Part{b.node, false};
  return Differences(more_a, more_b, {top.address, keys.high}, look);
}

bool CellMap::AllDifferences(const CellMap& a, const CellMap& b,
                             const LookAtBoth& look) {
  return Differences({a.root_.get(), true}, {b.root_.get(), true}, {}, look);
}

bool CellMap::AllDifferencesIn(Symbol region, const CellMap& a,
                               const CellMap& b, const LookAtBoth& look) {
  const Between keys{MemoryAddress{region, INT64_MIN},
                     MemoryAddress{region, INT64_MAX}};
  return Differences({a.root_.get(), false}, {b.root_.get(), false}, keys,
                     look);
}

}  // namespace detachfix
