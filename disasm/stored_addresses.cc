// SPDX-License-Identifier: Apache-2.0
#include "disasm/stored_addresses.h"

#include <algorithm>

#include "disasm/cell_map.h"

namespace detachfix {
namespace {

/// Whether the set is another one now.
bool Strew(const Value& target, std::set<Symbol>& into) {
  bool is_new = false;
  if (const Symbol near = RegionNear(target); near != 0) {
    is_new = into.insert(near).second;
  }
  if (target.MayBeInImage()) is_new |= into.insert(kAbsolute).second;
  return is_new;
}

bool Reaches(const std::set<Symbol>& strewn, Symbol region) {
  return !strewn.empty() &&
         (region == kSomewhereSymbol || strewn.contains(region) ||
          strewn.contains(kSomewhereSymbol));
}

}  // namespace

bool StoredAddresses::StoreFunction(int64_t at, const Value& function) {
  std::vector<Value>& known = functions_at_[at];
  if (std::ranges::find(known, function) != known.end()) return false;
  known.push_back(function);
  return Relied(at);
}

bool StoredAddresses::StoreStranger(int64_t at) {
  return strangers_at_.insert(at).second && Relied(at);
}

bool StoredAddresses::StrewFunctions() {
  const bool is_new = !functions_strewn_;
  functions_strewn_ = true;
  return is_new && !asked_at_.empty();
}

std::optional<std::vector<Value>> StoredAddresses::FunctionsAt(int64_t at) {
  if (functions_strewn_ || strangers_at_.contains(at)) return std::nullopt;
  asked_at_.insert(at);
  return functions_at_[at];
}

bool StoredAddresses::StrewPointer(const Value& target) {
  return Strew(target, pointers_strewn_);
}

bool StoredAddresses::StrewData(const Value& target) {
  return Strew(target, data_strewn_);
}

Value StoredAddresses::MayBeStrewn(Value value, Symbol region) const {
  if (!value.IsUnknown()) return value;
  if (Reaches(pointers_strewn_, region)) {
    value.symbol = kSomewhereSymbol;
    value.bits = value.known = 0;
  }
  if (Reaches(data_strewn_, region)) value.from_image = true;
  return value;
}

bool StoredAddresses::StoreDataInThread() {
  const bool is_new = !data_in_threads_;
  data_in_threads_ = true;
  return is_new && asked_threads_;
}

bool StoredAddresses::ThreadMayHoldData() {
  asked_threads_ = true;
  return data_in_threads_;
}

}  // namespace detachfix
