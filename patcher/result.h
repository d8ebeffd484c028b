// SPDX-License-Identifier: Apache-2.0
// A value, or the one line that says why there is none. Used for bad input and
// for a failing environment; what is found in a valid file is data, not an
// Error. Member names are those of std::expected, which g++ 12 lacks in C++20.
#ifndef DETACHFIX_PATCHER_RESULT_H_
#define DETACHFIX_PATCHER_RESULT_H_

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace detachfix {

/// Why something failed. `message` is lower case, without a full stop, and
/// names the thing and the number; the path is added by who prints it.
struct Error {
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{…};` both work.
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  bool has_value() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return has_value(); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// For functions that give nothing back but may fail.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_RESULT_H_
