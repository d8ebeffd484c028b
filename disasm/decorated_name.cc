// SPDX-License-Identifier: Apache-2.0
// Reads "?name@scope@@" and the codes behind it. Each function of the reader
// takes what it reads off the front, and fails where it meets what it does not
// know.

#include "disasm/decorated_name.h"

#include <cctype>
#include <utility>
#include <vector>

namespace detachfix {
namespace {

constexpr uint32_t kWord = 4;
/// Of an object: its class alone knows.
constexpr uint32_t kUnknownSize = UINT32_MAX;
/// How deeply types and templates may nest.
constexpr int kMaxDepth = 64;
/// Parameters that a digit may stand for.
constexpr size_t kMaxSeen = 10;

class Reader {
 public:
  explicit Reader(std::string_view name) : rest_(name) {}

  /// The whole name: the bytes that its function pops.
  std::optional<uint32_t> ReadFunction();

 private:
  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  /// The next letter, if it is one of `letters`; 0 if not.
  char TakeOneOf(std::string_view letters) {
    if (rest_.empty() || letters.find(rest_[0]) == std::string_view::npos) {
      return 0;
    }
    const char taken = rest_[0];
    rest_.remove_prefix(1);
    return taken;
  }

  bool ReadIdentifier();
  bool ReadNumber();
  bool ReadTemplate();
  bool ReadScope();
  bool ReadFunctionType();
  std::optional<uint32_t> ReadResult(bool of_object);
  std::optional<uint32_t> ReadPointer();
  std::optional<uint32_t> ReadType();
  std::optional<uint32_t> ReadNestedType();
  std::optional<uint32_t> ReadParameters();

  std::string_view rest_;
  std::vector<uint32_t> seen_;  ///< sizes of parameters, for digits
  int depth_ = 0;
};

/// Letters up to '@', or a digit for some that were there before.
bool Reader::ReadIdentifier() {
  if (TakeOneOf("0123456789") != 0) return true;
  const size_t end = rest_.find('@');
  if (end == 0 || end == std::string_view::npos) return false;
  for (const char c : rest_.substr(0, end)) {
    const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (!is_letter && c != '_' && c != '$') return false;
  }
  rest_.remove_prefix(end + 1);
  return true;
}

/// A digit, or letters up to '@'.
bool Reader::ReadNumber() {
  Take("?");
  if (TakeOneOf("0123456789") != 0) return true;
  while (TakeOneOf("ABCDEFGHIJKLMNOP") != 0) continue;
  return Take("@");
}

/// A name and what it is made with, up to '@', behind "?$". Digits there do not
/// stand for what is outside.
bool Reader::ReadTemplate() {
  if (++depth_ > kMaxDepth) return false;
  std::vector<uint32_t> outer;
  std::swap(outer, seen_);
  bool is_fine = ReadIdentifier();
  while (is_fine && !Take("@")) {
    if (Take("$$V") || Take("$$Z")) continue;  // none
    is_fine = Take("$0") ? ReadNumber() : ReadType().has_value();
  }
  std::swap(outer, seen_);
  --depth_;
  return is_fine;
}

/// A class, or the classes and namespaces around a name, up to '@'.
bool Reader::ReadScope() {
  while (!Take("@")) {
    const bool has_no_name = rest_.starts_with("?A");
    if (has_no_name) rest_.remove_prefix(2);
    if (Take("?$") ? !ReadTemplate() : !ReadIdentifier()) return false;
  }
  return true;
}

/// Of a function that something points to: convention, result, parameters.
bool Reader::ReadFunctionType() {
  return TakeOneOf("AEGI") != 0 && ReadResult(false) && ReadParameters();
}

/// What a function returns; `of_object`: it may be one that makes an object.
std::optional<uint32_t> Reader::ReadResult(bool of_object) {
  if (of_object && Take("@")) return 0;
  if (Take("?") && TakeOneOf("AB") == 0) return std::nullopt;
  return ReadType();
}

/// What is pointed to, behind the letter of the pointer or reference.
std::optional<uint32_t> Reader::ReadPointer() {
  const bool is_fine = Take("6")
                           ? ReadFunctionType()
                           : TakeOneOf("ABCD") != 0 && ReadType().has_value();
  return is_fine ? std::optional(kWord) : std::nullopt;
}

/// The bytes that it takes as a parameter; 0 of void.
std::optional<uint32_t> Reader::ReadType() {
  if (depth_ >= kMaxDepth) return std::nullopt;
  ++depth_;
  const std::optional<uint32_t> size = ReadNestedType();
  --depth_;
  return size;
}

std::optional<uint32_t> Reader::ReadNestedType() {
  if (Take("X")) return 0;
  if (TakeOneOf("CDEFGHIJKM") != 0) return kWord;  // char to long, float
  if (TakeOneOf("NO") != 0) return 2 * kWord;      // double
  if (Take("_")) {                                 // __int64; bool, wchar_t
    if (TakeOneOf("JK") != 0) return 2 * kWord;
    return TakeOneOf("NW") != 0 ? std::optional(kWord) : std::nullopt;
  }
  if (Take("W4")) return ReadScope() ? std::optional(kWord) : std::nullopt;
  if (TakeOneOf("TUV") != 0) {
    return ReadScope() ? std::optional(kUnknownSize) : std::nullopt;
  }
  if (Take("$$C")) return TakeOneOf("ABCD") != 0 ? ReadType() : std::nullopt;
  if (Take("$$Q") || TakeOneOf("ABPQRS") != 0) return ReadPointer();
  const char digit = TakeOneOf("0123456789");
  const size_t index = digit == 0 ? seen_.size() : size_t(digit - '0');
  return index < seen_.size() ? std::optional(seen_[index]) : std::nullopt;
}

/// Those of a function, and what it may throw ("Z", anything).
std::optional<uint32_t> Reader::ReadParameters() {
  if (Take("XZ")) return 0;
  uint32_t sum = 0;
  while (!Take("@Z")) {
    if (Take("ZZ")) return sum;  // and any others: only __cdecl
    const size_t before = rest_.size();
    const std::optional<uint32_t> size = ReadType();
    if (!size || *size == 0) return std::nullopt;
    if (before - rest_.size() > 1 && seen_.size() < kMaxSeen) {
      seen_.push_back(*size);
    }
    const bool is_known = *size != kUnknownSize && sum != kUnknownSize;
    sum = is_known ? sum + *size : kUnknownSize;
  }
  return sum;
}

std::optional<uint32_t> Reader::ReadFunction() {
  if (!Take("?")) return std::nullopt;
  bool makes_object = false;
  if (Take("?$")) {
    if (!ReadTemplate()) return std::nullopt;
  } else if (Take("?")) {
    makes_object = TakeOneOf("01") != 0;
    // Operators, and what deletes an object after its end.
    if (!makes_object && !Take("_E") && !Take("_G") &&
        TakeOneOf("23456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 0) {
      return std::nullopt;
    }
  } else if (!ReadIdentifier()) {
    return std::nullopt;
  }
  if (!ReadScope()) return std::nullopt;
  const bool is_member = TakeOneOf("AEIMQU") != 0;
  if (is_member ? TakeOneOf("ABCD") == 0 : TakeOneOf("CKSY") == 0) {
    return std::nullopt;
  }
  const char convention = TakeOneOf("AEG");
  const std::optional<uint32_t> result = ReadResult(makes_object);
  const std::optional<uint32_t> sum = result ? ReadParameters() : std::nullopt;
  if (convention == 0 || !sum || !rest_.empty()) return std::nullopt;
  if (convention == 'A') return 0;
  if (*sum == kUnknownSize) return std::nullopt;
  // __stdcall finds its object on the stack, too.
  const uint32_t object = convention == 'G' && is_member ? kWord : 0;
  if (*result != kUnknownSize) return *sum + object;
  // A member function is told where to put the object that it returns; another
  // one may return a small one in registers.
  return is_member ? std::optional(*sum + object + kWord) : std::nullopt;
}

}  // namespace

std::optional<uint32_t> BytesPoppedByName(std::string_view name) {
  return Reader(name).ReadFunction();
}

}  // namespace detachfix
