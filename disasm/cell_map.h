// SPDX-License-Identifier: Apache-2.0
// An ordered map from addresses to what is known of the bytes there, of which a
// copy costs nothing and two copies share all that neither changed.
//
// It is a treap (C. Aragon and R. Seidel, "Randomized Search Trees", FOCS 1989)
// whose priorities are a hash of the address: the same content has the same
// shape, however it came about. Two maps that stem from one are compared by
// going down only where their nodes differ.
#ifndef DETACHFIX_DISASM_CELL_MAP_H_
#define DETACHFIX_DISASM_CELL_MAP_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "disasm/shared_node.h"
#include "disasm/value.h"

namespace detachfix {

inline constexpr Symbol kAbsolute = 0;

/// A place in memory: so many bytes from where a symbol points to, or from 0.
struct MemoryAddress {
  Symbol region = kAbsolute;
  int64_t offset = 0;  ///< bytes; a virtual address in region 0

  friend auto operator<=>(const MemoryAddress&, const MemoryAddress&) = default;
};

/// A number of bytes with one value; more than kMaxKnownSize only when it is
/// not known.
inline constexpr uint32_t kMaxKnownSize = 8;
struct Cell {
  uint32_t size = 4;  ///< bytes
  Value value;

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// Which fresh symbols something may speak of: one bit stands for many, and
/// none lies outside the range. (What code reads in a row gets symbols in a
/// row.)
class SymbolFilter {
 public:
  void Add(Symbol symbol) {
    if (symbol < kFirstFreshSymbol) return;
    bits_ |= uint64_t{1} << (symbol % 64);
    first_ = std::min(first_, symbol);
    last_ = std::max(last_, symbol);
  }
  void Add(const Value& value) {
    if (value.HasSymbol()) Add(value.symbol);
  }
  void Add(SymbolFilter other) {
    bits_ |= other.bits_;
    first_ = std::min(first_, other.first_);
    last_ = std::max(last_, other.last_);
  }
  bool MayMeet(SymbolFilter other) const {
    return (bits_ & other.bits_) != 0 && first_ <= other.last_ &&
           other.first_ <= last_;
  }
  bool empty() const { return bits_ == 0; }

 private:
  uint64_t bits_ = 0;
  Symbol first_ = UINT32_MAX;
  Symbol last_ = 0;
};

/// What is known of memory, by address. Copies share what neither has changed.
class CellMap {
 public:
  struct Entry {
    MemoryAddress address;
    Cell cell;
  };

  /// Pointers to entries hold until the map is changed.
  /// The last entry at or before `address`; nullptr when there is none.
  const Entry* AtOrBefore(MemoryAddress address) const;
  /// The first entry at or after `address`, or after it.
  const Entry* AtOrAfter(MemoryAddress address) const;
  /// The first entry after `address`, or of all; nullptr when there is none.
  const Entry* After(MemoryAddress address) const;
  const Entry* First() const;

  bool empty() const { return !root_; }

  /// Adds an entry, or replaces the one that begins at `address`.
  void Set(MemoryAddress address, const Cell& cell);
  /// Erases what lies in [begin, end).
  void Erase(MemoryAddress begin, MemoryAddress end);

  /// Gives each entry whose value may speak of a symbol in `filter` to
  /// `change`, which may change the value.
  void Change(SymbolFilter filter, const std::function<void(Cell&)>& change);

  /// Gives each entry whose value or region may be a symbol in `filter` to
  /// `look`, until that gives false; returns what it gave last.
  bool AllOf(SymbolFilter filter,
             const std::function<bool(const Entry&)>& look) const;

  /// Gives what stands in only one of two maps, or with another cell in the
  /// other, in the order of the addresses: an entry, or nullptr, of each.
  /// Stops when `look` gives false; returns what it gave last.
  using LookAtBoth = std::function<bool(const Entry*, const Entry*)>;
  static bool AllDifferences(const CellMap& a, const CellMap& b,
                             const LookAtBoth& look);
  /// Only of what lies in `region`.
  static bool AllDifferencesIn(Symbol region, const CellMap& a,
                               const CellMap& b, const LookAtBoth& look);

 private:
  struct Node;
  using Link = SharedNode<Node>;
  /// Keys between two others, which do not count themselves.
  struct Between {
    std::optional<MemoryAddress> low;
    std::optional<MemoryAddress> high;
  };
  /// A subtree, of which only some keys may be meant.
  struct Part {
    const Node* node = nullptr;
    bool whole = true;  ///< all of them are
  };

  static void Insert(Link& link, const Entry& entry, uint64_t priority);
  static void Split(Link link, MemoryAddress at, Link& less, Link& rest);
  static Link Merge(Link less, Link rest);
  static void ChangeIn(Link& link, SymbolFilter filter,
                       const std::function<void(Cell&)>& change);
  static bool AllIn(const Node* node, SymbolFilter filter,
                    const std::function<bool(const Entry&)>& look);
  static const Node* Restrict(const Part& part, const Between& keys);
  static bool Differences(Part a, Part b, const Between& keys,
                          const LookAtBoth& look);

  Link root_;
};

/// Of a tree that is ordered by address, and by priority from the root down (a
/// treap).
struct CellMap::Node : ReferenceCount {
  Entry entry;
  uint64_t priority = 0;
  Link less;
  Link more;
  SymbolFilter filter;  ///< of the whole subtree, regions too

  /// After a change of the entry or of what is below.
  void Update();
  /// Whether it stands above `other` in the tree.
  bool IsAbove(const Node& other) const {
    return priority != other.priority ? priority > other.priority
                                      : entry.address < other.entry.address;
  }
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_CELL_MAP_H_
