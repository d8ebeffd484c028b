// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/go_on.h"

#include <string_view>

namespace detachfix {
namespace {

constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "/._-+=:,@%";

/// As POSIX's shell takes it for one word ("Single-Quotes", 2.2.2).
std::string Quoted(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

}  // namespace

std::string GoOnText(const BatchHead& head, const Options& options) {
  if (head.command != "batch") {
    std::string text =
        "to go on, give the same again: detachfix " + head.command;
    for (const std::string& word : options.words) text += " " + Quoted(word);
    return text;
  }
  const std::string& ledger = options.batch.ledger;
  return "to go on: detachfix batch --resume " + head.run +
         (ledger.empty() ? "" : " --ledger " + Quoted(ledger));
}

}  // namespace detachfix
