// SPDX-License-Identifier: Apache-2.0
// Which addresses the code has stored, and where: remembered from run to run,
// for when a path no longer knows what a word holds.
//
// Whoever asks relies on the answer. A store that would have changed an answer
// that was given says so by returning true: what was followed meanwhile is to
// be followed again.
#ifndef DETACHFIX_DISASM_STORED_ADDRESSES_H_
#define DETACHFIX_DISASM_STORED_ADDRESSES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "disasm/value.h"

namespace detachfix {

class StoredAddresses {
 public:
  /// The address of a function is stored in the word of the image at the
  /// virtual address `at`.
  bool StoreFunction(int64_t at, const Value& function);
  /// Something is, of which nobody knows what it is.
  bool StoreStranger(int64_t at);
  /// The address of a function is stored where nobody knows.
  bool StrewFunctions();
  bool functions_are_strewn() const { return functions_strewn_; }
  /// All functions that were stored in the word; nothing where it may hold
  /// others.
  std::optional<std::vector<Value>> FunctionsAt(int64_t at);

  /// The address of data in the image is stored in the word of the image.
  void StoreData(int64_t at) { data_at_.insert(at); }
  bool HeldData(int64_t at) const { return data_at_.contains(at); }
  /// The address of the stack or a block is stored in a known word of `region`,
  /// which is kAbsolute of the image.
  void StorePointer(Symbol region) { pointers_in_.insert(region); }
  bool HoldsPointers(Symbol region) const {
    return pointers_in_.contains(region);
  }

  /// The address of the stack or a block, or of the image's data, is stored at
  /// `target`, which is not known: in any word of the regions that it may lie
  /// in.
  bool StrewPointer(const Value& target);
  bool StrewData(const Value& target);
  /// `value`, as it was read from a word of `region`, where nothing else is
  /// known of it: it may be one of those.
  Value MayBeStrewn(Value value, Symbol region) const;

  /// The address of data in the image is put into thread-local storage.
  bool StoreDataInThread();
  /// Whether what thread-local storage holds may be one.
  bool ThreadMayHoldData();

 private:
  bool Relied(int64_t at) const { return asked_at_.contains(at); }

  /// By the virtual address of the word.
  std::map<int64_t, std::vector<Value>> functions_at_;
  std::set<int64_t> strangers_at_;
  std::set<int64_t> asked_at_;  ///< words whose functions were asked for
  std::set<int64_t> data_at_;
  bool functions_strewn_ = false;
  /// Regions; kSomewhereSymbol stands for every one.
  std::set<Symbol> pointers_in_;
  std::set<Symbol> pointers_strewn_;
  std::set<Symbol> data_strewn_;
  bool data_in_threads_ = false;
  bool asked_threads_ = false;
};

}  // namespace detachfix

#endif  // DETACHFIX_DISASM_STORED_ADDRESSES_H_
