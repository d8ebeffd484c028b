// SPDX-License-Identifier: Apache-2.0
#include "patcher/target.h"

#include <algorithm>

#include "patcher/ascii_text.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

constexpr const char* kTargets[] = {"security.dll", "secur128.dll"};
constexpr const char* kEntries[] = {"InitSecurityInterfaceA",
                                    "InitSecurityInterfaceW"};

// The target that `name` names, with or without ".dll".
std::optional<std::string> TargetNamed(const std::string& name) {
  const std::string lower = LowerAscii(name);
  for (const std::string target : kTargets) {
    if (lower == target || lower + ".dll" == target) return target;
  }
  return std::nullopt;
}

struct Naming {
  const char* where;
  const std::string& name;
};

std::string Quoted(const std::string& name) {
  return "\"" + Printable(name) + "\"";
}

// "export name "a.dll", OriginalFilename "b.dll"": what does name the file.
std::string Names(std::initializer_list<Naming> namings) {
  std::string text;
  for (const Naming& naming : namings) {
    if (naming.name.empty()) continue;
    if (!text.empty()) text += ", ";
    text += std::string(naming.where) + " " + Quoted(naming.name);
  }
  return text;
}

TargetMatch ByName(const PeImage& image) {
  const std::initializer_list<Naming> namings = {
      {"export name", image.export_name},
      {"OriginalFilename", image.version.original_filename},
      {"InternalName", image.version.internal_name}};
  for (const Naming& naming : namings) {
    std::optional<std::string> target = TargetNamed(naming.name);
    if (!target) continue;
    return {std::move(target),
            std::string(naming.where) + " is " + Quoted(naming.name)};
  }
  const std::string names = Names(namings);
  if (names.empty()) {
    return {std::nullopt,
            "it has neither an export name nor a version resource that "
            "names it"};
  }
  return {std::nullopt, "it is not named security.dll: " + names};
}

bool IsOwnCode(const PeImage& image, const ExportedFunction& function) {
  if (!function.forwarder.empty()) return false;
  const Section* section = SectionAt(image, function.rva);
  return section != nullptr && section->IsExecutable();
}

// An export of kEntries, the first that is code of the file's own if any is.
const ExportedFunction* FindEntry(const PeImage& image) {
  const ExportedFunction* found = nullptr;
  for (const ExportedFunction& function : image.exports) {
    const bool named = std::find(std::begin(kEntries), std::end(kEntries),
                                 function.name) != std::end(kEntries);
    if (!named) continue;
    if (IsOwnCode(image, function)) return &function;
    if (found == nullptr) found = &function;
  }
  return found;
}

}  // namespace

TargetMatch IdentifyTarget(const PeImage& image) {
  if (!IsListedMachine(image.machine)) {
    return {std::nullopt,
            "machine is " + MachineText(image.machine) + ", not i386 or Alpha"};
  }
  TargetMatch match = ByName(image);
  if (!match.name) return match;
  const ExportedFunction* entry = FindEntry(image);
  if (entry == nullptr) {
    return {std::nullopt, match.because +
                              ", but it exports neither "
                              "InitSecurityInterfaceA nor W"};
  }
  if (!entry->forwarder.empty()) {
    return {std::nullopt,
            match.because + ", but " + entry->name + " is forwarded to " +
                Printable(entry->forwarder) + ": Windows 2000 or later",
            true};
  }
  if (!IsOwnCode(image, *entry)) {
    return {std::nullopt,
            match.because + ", but " + entry->name + " is not code"};
  }
  match.because.clear();
  return match;
}

}  // namespace detachfix
