// SPDX-License-Identifier: Apache-2.0
#include "patcher/command_help.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "patcher/exit_status.h"
#include "patcher/report_text.h"
#include "patcher/version.h"

namespace detachfix {

namespace {

/// Edits (insertions, deletions, replacements) from `a` to `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// A line for each command whose name begins with `begin`.
std::string CommandList(const std::string& begin,
                        std::span<const Command> table) {
  std::string text;
  for (const Command& command : table) {
    std::string name = command.name;
    if (!name.starts_with(begin)) continue;
    name.resize(20, ' ');
    text += "  " + name + command.summary + "\n";
  }
  return text;
}

std::string GeneralHelp(std::span<const Command> table) {
  std::string text =
      "detachfix " + std::string(kVersion) +
      ": repairs the critical section leak of Windows NT 4.0's Security.dll\n"
      "(KB Q238493) in the file itself.\n\n"
      "usage: detachfix COMMAND [OPTION]... FILE...\n\ncommands:\n" +
      CommandList("", table) +
      "\noptions:\n"
      "  -h,--help     this text; after a command, help on that command\n"
      "  --version     the versions of detachfix and of some of its "
      "libraries\n\n"
      "examples:\n"
      "  detachfix verify Security.dll\n"
      "  detachfix patch --dry-run Security.dll\n\n";
  return text + kExitStatusHelp;
}

bool IsHelp(const std::string& word) {
  return word == "--help" || word == "-h";
}

/// Of the commands that begin with `first`.
std::string GroupHelp(const std::string& first,
                      std::span<const Command> table) {
  return "usage: detachfix " + first + " COMMAND [OPTION]...\n\ncommands:\n" +
         CommandList(first + " ", table) + "\ntry 'detachfix " + first +
         " COMMAND --help'\n";
}

/// The second words of the commands that begin with `first`.
std::string SecondWords(const std::string& first,
                        std::span<const Command> table) {
  std::string text;
  for (const Command& command : table) {
    const std::string name = command.name;
    if (!name.starts_with(first + " ")) continue;
    text += (text.empty() ? "" : ", ") + name.substr(first.size() + 1);
  }
  return text;
}

}  // namespace

std::string Suggestion(const std::string& word,
                       const std::vector<std::string>& names) {
  // Two slips of the finger: more would suggest names that were not meant.
  size_t best = 3;
  std::string nearest;
  for (const std::string& name : names) {
    const size_t distance = EditDistance(word, name);
    if (distance < best && distance < name.size()) {
      best = distance;
      nearest = name;
    }
  }
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

Answer UsageError(const std::string& command, const std::string& message) {
  const std::string help =
      command.empty() ? "detachfix --help" : "detachfix " + command + " --help";
  return {kExitUsage, "",
          "detachfix: " + ForTerminal(message) + "\ntry '" + help + "'\n"};
}

Answer WithoutCommand(const std::vector<std::string>& words,
                      std::span<const Command> table) {
  if (words.empty()) return {kExitUsage, "", GeneralHelp(table)};
  const std::string& word = words[0];
  if (IsHelp(word)) return {0, GeneralHelp(table), ""};
  if (word.starts_with("-")) {
    return UsageError("", "unknown option '" + word + "'" +
                              Suggestion(word, {"--help", "--version"}));
  }
  const std::string second = SecondWords(word, table);
  if (!second.empty()) {
    if (words.size() > 1 && IsHelp(words[1])) {
      return {0, GroupHelp(word, table), ""};
    }
    return UsageError("",
                      "'" + word + "' needs one of " + second + " behind it");
  }
  std::vector<std::string> names;
  for (const Command& command : table) names.emplace_back(command.name);
  return UsageError("",
                    "unknown command '" + word + "'" + Suggestion(word, names));
}

}  // namespace detachfix
