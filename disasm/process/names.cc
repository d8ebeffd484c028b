// SPDX-License-Identifier: Apache-2.0
// Names of what every process or system has (process.h).
#include <algorithm>
#include <array>
#include <utility>

#include "disasm/process/process.h"

namespace detachfix {

bool IsOrdinaryFile(const std::string& path) {
  constexpr std::array<std::string_view, 6> kOfSystem = {
      ".cpl", ".dll", ".drv", ".exe", ".nls", ".sys"};
  constexpr std::array<std::string_view, 2> kNames = {"system.ini", "win.ini"};
  const std::string lower = LowerCase(path);
  const size_t name = lower.find_last_of("\\/:");
  const size_t point = lower.find_last_of('.');
  if (point == std::string::npos || lower.starts_with("\\\\") ||
      (name != std::string::npos && point < name) ||
      point + 1 == lower.size() ||
      lower.find_first_of("*?") != std::string::npos ||
      std::ranges::find(kNames, lower.substr(name + 1)) != kNames.end()) {
    return false;
  }
  return std::ranges::find(kOfSystem, lower.substr(point)) == kOfSystem.end();
}

bool IsFullPath(const std::string& path) {
  constexpr std::array<std::string_view, 5> kChanged = {"/", "\\.", "\\\\",
                                                        ".\\", " \\"};
  const bool has_root = path.size() > 3 && path.compare(1, 2, ":\\") == 0;
  return has_root && path.back() != '.' && path.back() != ' ' &&
         std::ranges::none_of(kChanged, [&path](std::string_view part) {
           return path.find(part) != std::string::npos;
         });
}

bool IsOfEveryProcess(const std::string& variable) {
  constexpr auto kNames =
      std::to_array<std::string_view>({"allusersprofile",
                                       "appdata",
                                       "commonprogramfiles",
                                       "computername",
                                       "comspec",
                                       "homedrive",
                                       "homepath",
                                       "localappdata",
                                       "logonserver",
                                       "number_of_processors",
                                       "os",
                                       "path",
                                       "pathext",
                                       "processor_architecture",
                                       "processor_identifier",
                                       "processor_level",
                                       "processor_revision",
                                       "programdata",
                                       "programfiles",
                                       "public",
                                       "systemdrive",
                                       "systemroot",
                                       "temp",
                                       "tmp",
                                       "userdomain",
                                       "username",
                                       "userprofile",
                                       "windir"});
  return std::ranges::find(kNames, LowerCase(variable)) != kNames.end();
}

namespace {

constexpr std::string_view kVersionKey =
    "software\\microsoft\\windows nt\\currentversion";

/// As registry keys are compared.
std::string KeyName(std::string key) {
  while (key.ends_with('\\')) key.pop_back();
  return LowerCase(key);
}

}  // namespace

bool IsVersionKey(std::string key) {
  return KeyName(std::move(key)) == kVersionKey;
}

std::optional<KeyValue> VersionKeyValue(const std::string& name) {
  using namespace std::string_view_literals;
  const std::string lower = LowerCase(name);
  // Since Windows 8.1 "CurrentVersion" is the same.
  if (lower == "currentversion") return KeyValue{true, "6.3"};
  if (lower == "currentbuild" || lower == "currentbuildnumber") {
    return KeyValue{true, "19045"};
  }
  if (lower == "currentmajorversionnumber") {
    return KeyValue{false, "\x0a\0\0\0"sv};
  }
  if (lower == "currentminorversionnumber") {
    return KeyValue{false, "\0\0\0\0"sv};
  }
  return std::nullopt;
}

bool IsOfEverySystem(std::string key) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"",
       ".txt",
       "clsid",
       "control panel",
       "control panel\\desktop",
       "control panel\\international",
       "environment",
       "hardware",
       "hardware\\description\\system",
       "hardware\\description\\system\\centralprocessor",
       "hardware\\description\\system\\centralprocessor\\0",
       "interface",
       "software",
       "software\\classes",
       "software\\microsoft",
       "software\\microsoft\\windows",
       "software\\microsoft\\windows nt",
       kVersionKey,
       "software\\microsoft\\windows nt\\currentversion\\fonts",
       "software\\microsoft\\windows\\currentversion",
       "software\\microsoft\\windows\\currentversion\\explorer",
       "software\\microsoft\\windows\\currentversion\\run",
       "system",
       "system\\currentcontrolset",
       "system\\currentcontrolset\\control",
       "system\\currentcontrolset\\control\\computername\\computername",
       "system\\currentcontrolset\\control\\session manager",
       "system\\currentcontrolset\\services"});
  return std::ranges::find(kNames, KeyName(std::move(key))) != kNames.end();
}

}  // namespace detachfix
