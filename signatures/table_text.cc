// SPDX-License-Identifier: Apache-2.0
#include "signatures/table_text.h"

#include <algorithm>
#include <cstdio>

namespace detachfix {

namespace {

std::string Hex(uint64_t number) {
  char text[24];
  snprintf(text, sizeof text, "0x%llx",
           static_cast<unsigned long long>(number));
  return text;
}

/// A TOML basic string (TOML 1.0, "String"): what is not printable as \uNNNN.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += std::string("\\") + c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", unsigned{byte});
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string QuotedList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    list += (list.size() == 1 ? "" : ", ") + Quoted(text);
  }
  return list + "]";
}

/// The pattern as a string over several lines, 24 bytes a line.
std::string QuotedPattern(const MaskedPattern& pattern) {
  constexpr size_t kPerLine = 24;
  std::string text = "\"\"\"\n";
  for (size_t at = 0; at < pattern.size(); at += kPerLine) {
    const auto begin = pattern.begin() + static_cast<ptrdiff_t>(at);
    const size_t count = std::min(kPerLine, pattern.size() - at);
    text += PatternText({begin, begin + static_cast<ptrdiff_t>(count)}) + "\n";
  }
  return text + "\"\"\"";
}

class TomlWriter {
 public:
  void Line(const std::string& name, const std::string& value) {
    text_ += name + " = " + value + "\n";
  }
  template <typename T, typename Write>
  void Maybe(const std::string& name, const std::optional<T>& value,
             Write write) {
    if (value) Line(name, write(*value));
  }
  std::string text_;
};

void WriteFacts(const Signature& row, TomlWriter& out) {
  const auto decimal = [](uint32_t number) { return std::to_string(number); };
  const auto hash = [](const Digest& digest) {
    return Quoted(DigestText(digest));
  };
  out.Maybe("crypto", row.crypto, decimal);
  if (row.state != BuildState::kNotStated) {
    out.Line("state", Quoted(ToText(row.state)));
  }
  out.Maybe("size", row.size, decimal);
  out.Maybe("date", row.date, DateText);
  out.Maybe("built_after", row.built_after, DateText);
  out.Maybe("built_until", row.built_until, DateText);
  out.Maybe("stamp", row.stamp, Hex);
  out.Maybe("linker", row.linker, [](const LinkerVersion& version) {
    return Quoted(std::to_string(version.major) + "." +
                  std::to_string(version.minor));
  });
  out.Maybe("entry", row.entry, Hex);
  out.Maybe("image_base", row.image_base, Hex);
  out.Maybe("checksum", row.checksum, Hex);
  out.Maybe("description", row.description, Quoted);
  out.Maybe("sha256", row.sha256, hash);
  out.Maybe("invariant_sha256", row.invariant_sha256, hash);
  out.Maybe("dllmain", row.dllmain, QuotedPattern);
  out.Maybe("dllmain_sha256", row.dllmain_sha256, hash);
}

void WriteLists(const Signature& row, TomlWriter& out) {
  if (!row.helpers.empty()) {
    std::string list = "[\n";
    for (const CodePart& part : row.helpers) {
      list += "  { from_entry = " + std::to_string(part.from_entry) +
              ", code = " + Quoted(PatternText(part.code)) + " },\n";
    }
    out.Line("helpers", list + "]");
  }
  if (!row.critical_sections.empty()) {
    std::string list;
    for (const uint32_t rva : row.critical_sections) {
      list += (list.empty() ? "[" : ", ") + Hex(rva);
    }
    out.Line("critical_sections", list + "]");
  }
  if (!row.confirmed_by.empty()) {
    out.Line("confirmed_by", QuotedList(row.confirmed_by));
  }
}

std::string RuleName(const Signature& row, const std::string& suffix) {
  std::string name = row.id + "__" + suffix;
  std::ranges::replace(name, '-', '_');
  // A name of YARA begins with no digit.
  return (name[0] >= '0' && name[0] <= '9' ? "b" : "") + name;
}

std::string Rule(const Signature& row, const std::string& suffix,
                 const std::string& strings, const std::string& condition) {
  return "\nrule " + RuleName(row, suffix) +
         "\n{\n  meta:\n    id = " + Quoted(row.id) +
         "\n    match = " + Quoted(suffix) +
         "\n    build = " + Quoted(BuildText(row)) +
         "\n    state = " + Quoted(ToText(row.state)) + "\n" + strings +
         "  condition:\n    " + condition + "\n}\n";
}

std::string CodeRule(const Signature& row) {
  std::string strings =
      "  strings:\n    $dllmain = { " + PatternText(*row.dllmain) + " }\n";
  std::string condition = "pe.machine == " + Hex(row.machine) +
                          " and pe.dll_name iequals " + Quoted(row.target) +
                          "\n    and $dllmain at pe.entry_point";
  for (size_t i = 0; i < row.helpers.size(); ++i) {
    const CodePart& part = row.helpers[i];
    const std::string name = "$helper" + std::to_string(i);
    strings += "    " + name + " = { " + PatternText(part.code) + " }\n";
    condition += "\n    and " + name +
                 " at pe.rva_to_offset(pe.entry_point_raw" +
                 (part.from_entry < 0 ? " - " : " + ") +
                 std::to_string(part.from_entry < 0 ? -part.from_entry
                                                    : part.from_entry) +
                 ")";
  }
  return Rule(row, "pattern", strings, condition);
}

}  // namespace

std::string TableHead(uint16_t machine) {
  return "format = 1\nmachine = " + Quoted(MachineName(machine)) + "\n";
}

std::string RowToml(const Signature& row) {
  TomlWriter out;
  out.text_ = "[[build]]\n";
  out.Line("id", Quoted(row.id));
  out.Line("target", Quoted(row.target));
  out.Line("product", Quoted(row.product));
  out.Line("levels", QuotedList(row.levels));
  WriteFacts(row, out);
  WriteLists(row, out);
  out.text_ += "[build.source]\n";
  for (const auto& [fact, source] : row.sources) out.Line(fact, Quoted(source));
  return out.text_;
}

std::string YaraRules(std::span<const Signature> rows) {
  std::string text =
      "// Shipped builds that detachfix knows: detachfix signatures export "
      "--yara\nimport \"hash\"\nimport \"pe\"\n";
  for (const Signature& row : rows) {
    if (row.sha256) {
      text += Rule(
          row, "exact", "",
          "hash.sha256(0, filesize) == " + Quoted(DigestText(*row.sha256)));
    }
    if (row.dllmain) text += CodeRule(row);
  }
  return text;
}

}  // namespace detachfix
