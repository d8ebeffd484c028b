// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/name_filter.h"

#include <algorithm>
#include <array>

#include "patcher/ascii_text.h"
#include "patcher/undo_record.h"

namespace detachfix {
namespace {

bool EndsWithNoCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         EqualNoCase(text.substr(text.size() - lower.size()), lower);
}

// A loop that can stop at the first byte is what a walk over a million names
// needs; comparing with four names would cost it more than reading them.
constexpr std::array<std::string_view, 4> kTargets = {
    "security.dll", "security.dl_", "secur128.dll", "secur128.dl_"};
constexpr size_t kTargetSize = 12;

// Who makes such folders, by their own documentation.
constexpr std::string_view kSnapshotFolders[] = {
    ".snapshot",                  // NetApp ONTAP, Dell PowerScale (OneFS)
    "~snapshot",                  // NetApp ONTAP, over SMB
    ".snapshots",                 // snapper (btrfs), IBM Storage Scale
    ".snap",                      // CephFS, FreeBSD UFS
    ".zfs",                       // OpenZFS
    ".ckpt",                      // Dell Celerra, VNX
    "#snapshot",                  // Synology DSM
    "#recycle",                   // Synology DSM
    "@eadir",                     // Synology DSM: data about files, named alike
    "@recently-snapshot",         // QNAP QTS
    "@recycle",                   // QNAP QTS
    "system volume information",  // Windows
    "$recycle.bin",               // Windows Vista and later
    "recycler",                   // Windows NT to XP, on NTFS
    "recycled",                   // Windows 95 to XP, on FAT
    ".recycle",                   // Samba, vfs_recycle(8)
    ".trash",                     // XDG Trash specification, macOS
    ".trashes",                   // macOS
    ".appledouble",               // netatalk: data about files, named alike
};

// As Files::CreateBeside names them: ".NAME.detachfix-PROCESS-NUMBER".
bool IsTemporaryName(std::string_view name) {
  constexpr std::string_view kMark = ".detachfix-";
  if (!name.starts_with('.')) return false;
  const size_t mark = name.rfind(kMark);
  if (mark == name.npos || mark == 0) return false;
  const std::string_view numbers = name.substr(mark + kMark.size());
  return !numbers.empty() && numbers.find('-') != numbers.npos &&
         numbers.find_first_not_of("0123456789-") == numbers.npos;
}

std::vector<NamePattern> ToPatterns(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

bool AnyMatches(const std::vector<NamePattern>& patterns, std::string_view path,
                bool is_folder) {
  return std::ranges::any_of(patterns, [&](const NamePattern& pattern) {
    return pattern.Matches(path, is_folder);
  });
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

bool IsTargetFileName(std::string_view name) {
  if (name.size() != kTargetSize || LowerAscii(name[0]) != kTargets[0][0]) {
    return false;
  }
  return std::ranges::any_of(kTargets, [&](std::string_view target) {
    return EqualNoCase(name, target);
  });
}

bool IsOwnFileName(std::string_view name) {
  return name.ends_with(kSideFileSuffix) || EndsWithNoCase(name, ".orig") ||
         EndsWithNoCase(name, ".org") || IsTemporaryName(name);
}

bool IsSnapshotFolderName(std::string_view name) {
  // XDG Trash specification: ".Trash-UID" at the top of a volume. Samba names
  // snapshots for its clients "@GMT-…" (vfs_shadow_copy2(8)).
  if (name.starts_with(".Trash-") || name.starts_with("@GMT-")) return true;
  return std::ranges::any_of(kSnapshotFolders, [&](std::string_view folder) {
    return EqualNoCase(name, folder);
  });
}

std::vector<std::string> ReadPatternLines(std::string_view text) {
  std::vector<std::string> patterns;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with('#')) patterns.emplace_back(line);
  }
  return patterns;
}

NameFilter::NameFilter(const Options& options)
    : all_files_(options.all_files),
      include_(ToPatterns(options.include)),
      exclude_(ToPatterns(options.exclude)) {
  for (const auto* patterns : {&include_, &exclude_}) {
    looks_at_paths_ |=
        std::ranges::any_of(*patterns, &NamePattern::looks_at_path);
  }
}

bool NameFilter::WantsFile(std::string_view path) const {
  const std::string_view name = BaseName(path);
  if (!include_.empty()) {
    if (!AnyMatches(include_, path, false)) return false;
  } else if (!all_files_ && !IsTargetFileName(name)) {
    return false;
  }
  return !IsOwnFileName(name) && !ExcludesFile(path);
}

bool NameFilter::WantsFolder(std::string_view path) const {
  return !AnyMatches(exclude_, path, true);
}

bool NameFilter::ExcludesFile(std::string_view path) const {
  return AnyMatches(exclude_, path, false);
}

}  // namespace detachfix
