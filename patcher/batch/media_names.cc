// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/media_names.h"

#include <optional>
#include <variant>
#include <vector>

#include "patcher/ascii_text.h"

namespace detachfix {

namespace {

/// Bytes of the longest extension that is packed under a name with '_'.
constexpr size_t kMaxExtension = 3;

char Upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// What a form tells of the name: a last character, or the name.
struct Stored {
  char last = 0;     ///< 0: not stored
  std::string name;  ///< without folders; may be an extension alone; or empty
};

Stored StoredOf(const SzddForm& form) {
  return {static_cast<char>(form.missing_char), ""};
}

Stored FromName(const std::string& name) {
  const std::string base = name.substr(name.find_last_of("\\/") + 1);
  // Without an extension its last character is not the one that `_` replaces.
  if (base.find('.') == base.npos) return {};
  return {base.back(), base};
}

Stored StoredOf(const KwajForm& form) { return FromName(form.name); }
Stored StoredOf(const CabinetForm& form) { return FromName(form.name); }

/// Letters and digits are what extensions are made of; anything else would be
/// a header's mistake or an attempt to lead out of the folder.
bool IsPlain(char c) {
  return (LowerAscii(c) >= 'a' && LowerAscii(c) <= 'z') ||
         (c >= '0' && c <= '9');
}

Result<char> LastCharacter(const std::string& packed_name,
                           const Stored& stored) {
  if (stored.last == 0) {
    if (LowerAscii(packed_name).ends_with(".dl_")) return 'l';
    return Error{
        "nothing tells the last character of its name: the packed "
        "file does not store it, and the name is not *.DL_"};
  }
  if (IsPlain(stored.last)) return stored.last;
  return Error{
      "the last character of its name that the packed file stores is "
      "no letter or digit, but " +
      std::to_string(static_cast<uint8_t>(stored.last))};
}

}  // namespace

Result<std::string> UnpackedName(const std::string& packed_name,
                                 const PackedForm& form) {
  const size_t dot = packed_name.rfind('.');
  if (!packed_name.ends_with('_') || dot == packed_name.npos ||
      packed_name.size() - dot > kMaxExtension + 1) {
    return Error{"its name is not one of install media, like Security.dl_"};
  }
  const Stored stored =
      std::visit([](const auto& f) { return StoredOf(f); }, form);
  const Result<char> last = LastCharacter(packed_name, stored);
  if (!last) return last.error();
  std::string name = packed_name;
  const bool upper = IsUpperAscii(name[name.size() - 2]);
  name.back() = upper ? Upper(*last) : LowerAscii(*last);
  // A KWAJ file may store the extension alone.
  const std::string told =
      stored.name.starts_with('.') ? name.substr(dot) : name;
  if (!stored.name.empty() && LowerAscii(stored.name) != LowerAscii(told)) {
    return Error{"the packed file says that it holds " + stored.name +
                 ", its own name that it holds " + name};
  }
  return name;
}

std::string PairName(std::string_view name) {
  std::string pair = LowerAscii(name);
  const size_t dot = pair.rfind('.');
  if (dot == pair.npos) return pair;
  const size_t extension = pair.size() - dot - 1;
  if (extension >= 1 && extension <= kMaxExtension) pair.back() = '_';
  return pair;
}

std::string PutAsideName(const std::string& packed_name) {
  const size_t dot = packed_name.rfind('.');
  const bool upper =
      dot + 1 < packed_name.size() && IsUpperAscii(packed_name[dot + 1]);
  return packed_name.substr(0, dot) + (upper ? ".ORG" : ".org");
}

Result<Sibling> FindSibling(Files& files, const std::string& path,
                            const std::string& name) {
  const size_t slash = path.rfind('/');
  const std::string prefix =
      slash == path.npos ? "" : path.substr(0, slash + 1);
  const Result<std::vector<std::string>> names = files.List(FolderOf(path));
  if (!names) {
    return Error{"its folder cannot be listed: " + names.error().message};
  }
  std::optional<std::string> found;
  for (const std::string& entry : *names) {
    if (LowerAscii(entry) != LowerAscii(name)) continue;
    if (found) {
      return Error{"both " + *found + " and " + entry +
                   " stand beside it, which a share that knows no case cannot "
                   "tell apart"};
    }
    found = entry;
  }
  return Sibling{prefix + found.value_or(name), found.has_value()};
}

}  // namespace detachfix
