// SPDX-License-Identifier: Apache-2.0
// The one file that includes toml++. From the text of a table to rows, with a
// message for everything that is not as docs/signatures.md describes it.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <limits>

#include "signatures/check_rows.h"
#include "signatures/table.h"

namespace detachfix {

namespace {

constexpr int64_t kFormat = 1;
/// Below this a pattern says too little: `mov eax, 1` and `ret 12` are eight
/// bytes, and many a DLL has just those.
constexpr size_t kFewestFixedBytes = 16;

uint32_t LineOf(const toml::node& node) { return node.source().begin.line; }

/// Where a message is about.
struct Place {
  std::string file;
  std::string row;  ///< id, or empty outside of rows
};

void Say(std::vector<std::string>& errors, const Place& place, uint32_t line,
         const std::string& message) {
  errors.push_back(place.file + ":" + std::to_string(line) + ": " +
                   (place.row.empty() ? "" : "row '" + place.row + "': ") +
                   message);
}

class RowReader {
 public:
  RowReader(const toml::table& table, const Place& place,
            std::vector<std::string>& errors)
      : table_(table), place_(place), errors_(errors) {}

  Signature Read(uint16_t machine);

 private:
  using Reader = void (RowReader::*)(const toml::node&);
  struct Field {
    std::string_view name;
    Reader read;
  };
  static const Field kFields[];

  void Wrong(const toml::node& node, const std::string& expected) {
    Say(errors_, place_, LineOf(node),
        "field '" + field_ + "': must be " + expected);
  }

  std::string Text(const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) {
      Wrong(node, "a text that is not empty");
      return "";
    }
    return *value;
  }

  std::optional<uint32_t> Number(const toml::node& node, uint32_t least) {
    const auto value = node.value_exact<int64_t>();
    constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
    if (!value || *value < least || *value > kMost) {
      Wrong(node, "a number from " + std::to_string(least) + " to 0xffffffff");
      return std::nullopt;
    }
    return static_cast<uint32_t>(*value);
  }

  std::optional<Date> Day(const toml::node& node) {
    const auto value = node.value_exact<toml::date>();
    if (!value) {
      Wrong(node, "a date like 1997-05-01");
      return std::nullopt;
    }
    return Date(std::chrono::year(value->year),
                std::chrono::month(value->month), std::chrono::day(value->day));
  }

  std::optional<Digest> Hash(const toml::node& node) {
    const auto text = node.value_exact<std::string>();
    const auto digest = text ? ParseDigest(*text) : std::nullopt;
    if (!digest) Wrong(node, "64 lower-case hexadecimal digits");
    return digest;
  }

  std::optional<MaskedPattern> Pattern(const toml::node& node) {
    const auto text = node.value_exact<std::string>();
    auto pattern = text ? ParsePattern(*text) : std::nullopt;
    if (!pattern) Wrong(node, "bytes like \"55 8b ec ?? 0c\"");
    return pattern;
  }

  std::vector<std::string> Texts(const toml::node& node) {
    std::vector<std::string> texts;
    const toml::array* array = node.as_array();
    if (array == nullptr || array->empty()) {
      Wrong(node, "a list of texts that is not empty");
      return texts;
    }
    for (const toml::node& element : *array) texts.push_back(Text(element));
    return texts;
  }

  void ReadId(const toml::node&) {}  // read first, for the messages
  void ReadTarget(const toml::node& node) {
    row_.target = Text(node);
    const bool good = std::ranges::none_of(
        row_.target, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!good || !row_.target.ends_with(".dll")) {
      Wrong(node, "the name of a DLL in lower case, with its ending");
    }
  }
  void ReadProduct(const toml::node& node) {
    row_.product = Text(node);
    if (!ProductText(row_.product)) Wrong(node, "\"nt4\" or \"nt4-tse\"");
  }
  void ReadLevels(const toml::node& node) {
    row_.levels = Texts(node);
    for (const std::string& level : row_.levels) {
      if (IsLevel(level)) continue;
      Wrong(node,
            "of RTM, SP1 to SP6, SP6a, before-SP6, or the number of a "
            "hotfix's article like Q238185; is '" +
                level + "'");
    }
  }
  void ReadCrypto(const toml::node& node) {
    row_.crypto = Number(node, 1);
    if (row_.crypto && !IsCrypto(*row_.crypto)) Wrong(node, "40, 56 or 128");
  }
  void ReadState(const toml::node& node) {
    const std::string text = Text(node);
    for (const BuildState state : {BuildState::kLeaks, BuildState::kFixed}) {
      if (text == ToText(state)) row_.state = state;
    }
    if (row_.state == BuildState::kNotStated) {
      Wrong(node, "\"leaks\" or \"fixed\"");
    }
  }
  void ReadSize(const toml::node& node) { row_.size = Number(node, 1); }
  void ReadDate(const toml::node& node) { row_.date = Day(node); }
  void ReadAfter(const toml::node& node) { row_.built_after = Day(node); }
  void ReadUntil(const toml::node& node) { row_.built_until = Day(node); }
  void ReadStamp(const toml::node& node) { row_.stamp = Number(node, 0); }
  void ReadEntry(const toml::node& node) { row_.entry = Number(node, 1); }
  void ReadBase(const toml::node& node) {
    row_.image_base = Number(node, 0);
    if (row_.image_base && *row_.image_base % 0x10000 != 0) {
      Wrong(node, "a multiple of 0x10000");
    }
  }
  void ReadChecksum(const toml::node& node) { row_.checksum = Number(node, 0); }
  void ReadLinker(const toml::node& node);
  void ReadDescription(const toml::node& node) {
    row_.description = Text(node);
  }
  void ReadSha256(const toml::node& node) { row_.sha256 = Hash(node); }
  void ReadInvariant(const toml::node& node) {
    row_.invariant_sha256 = Hash(node);
  }
  void ReadDllmain(const toml::node& node) { row_.dllmain = Pattern(node); }
  void ReadDllmainSha256(const toml::node& node) {
    row_.dllmain_sha256 = Hash(node);
  }
  void ReadHelpers(const toml::node& node);
  void ReadSections(const toml::node& node);
  void ReadConfirmedBy(const toml::node& node) {
    row_.confirmed_by = Texts(node);
  }
  void ReadSource(const toml::node& node);
  void CheckWhole();

  const toml::table& table_;
  Place place_;
  std::vector<std::string>& errors_;
  std::string field_;
  Signature row_;
};

const RowReader::Field RowReader::kFields[] = {
    {"id", &RowReader::ReadId},
    {"target", &RowReader::ReadTarget},
    {"product", &RowReader::ReadProduct},
    {"levels", &RowReader::ReadLevels},
    {"crypto", &RowReader::ReadCrypto},
    {"state", &RowReader::ReadState},
    {"size", &RowReader::ReadSize},
    {"date", &RowReader::ReadDate},
    {"built_after", &RowReader::ReadAfter},
    {"built_until", &RowReader::ReadUntil},
    {"stamp", &RowReader::ReadStamp},
    {"linker", &RowReader::ReadLinker},
    {"entry", &RowReader::ReadEntry},
    {"image_base", &RowReader::ReadBase},
    {"checksum", &RowReader::ReadChecksum},
    {"description", &RowReader::ReadDescription},
    {"sha256", &RowReader::ReadSha256},
    {"invariant_sha256", &RowReader::ReadInvariant},
    {"dllmain", &RowReader::ReadDllmain},
    {"dllmain_sha256", &RowReader::ReadDllmainSha256},
    {"helpers", &RowReader::ReadHelpers},
    {"critical_sections", &RowReader::ReadSections},
    {"confirmed_by", &RowReader::ReadConfirmedBy},
    {"source", &RowReader::ReadSource},
};

void RowReader::ReadLinker(const toml::node& node) {
  const std::string text = node.value_exact<std::string>().value_or("");
  unsigned major = 0;
  unsigned minor = 0;
  // Written only as it is printed: sscanf takes blanks, signs and zeros, too.
  if (sscanf(text.c_str(), "%3u.%3u", &major, &minor) != 2 || major > 255 ||
      minor > 255 ||
      text != std::to_string(major) + "." + std::to_string(minor)) {
    return Wrong(node, "a version like \"3.10\"");
  }
  row_.linker =
      LinkerVersion{static_cast<uint8_t>(major), static_cast<uint8_t>(minor)};
}

void RowReader::ReadHelpers(const toml::node& node) {
  const toml::array* array = node.as_array();
  const std::string expected =
      "a list of { from_entry = NUMBER, code = \"BYTES\" }";
  if (array == nullptr) return Wrong(node, expected);
  for (const toml::node& element : *array) {
    const toml::table* part = element.as_table();
    const toml::node* distance = part ? part->get("from_entry") : nullptr;
    const toml::node* code = part ? part->get("code") : nullptr;
    if (distance == nullptr || code == nullptr || part->size() != 2 ||
        !distance->is_integer()) {
      return Wrong(element, expected);
    }
    const std::optional<MaskedPattern> pattern = Pattern(*code);
    if (!pattern) return;
    row_.helpers.push_back({*distance->value<int64_t>(), *pattern});
  }
}

void RowReader::ReadSections(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return Wrong(node, "a list of RVAs");
  for (const toml::node& element : *array) {
    const std::optional<uint32_t> rva = Number(element, 1);
    if (rva) row_.critical_sections.push_back(*rva);
  }
}

void RowReader::ReadSource(const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return Wrong(node, "a table of texts");
  for (const auto& [name, text] : *table) {
    const std::string fact(name.str());
    row_.sources[fact] = Text(text);
    const bool known =
        fact == "build" ||
        std::ranges::find(FactFields(), fact) != FactFields().end();
    if (!known || (fact != "build" && !table_.contains(fact))) {
      Say(errors_, place_, LineOf(text),
          "field 'source." + fact + "': the row states no such fact");
    }
  }
}

/// What no field shows alone.
void RowReader::CheckWhole() {
  const auto complain = [&](const std::string& message) {
    Say(errors_, place_, LineOf(table_), message);
  };
  for (const char* name : {"target", "product", "levels"}) {
    if (!table_.contains(name)) {
      complain("field '" + std::string(name) + "': is missing");
    }
  }
  if (!row_.sources.contains("build")) {
    complain(
        "field 'source.build': is missing; who says that there is such "
        "a build?");
  }
  for (const std::string_view fact : FactFields()) {
    if (table_.contains(fact) && !row_.sources.contains(std::string(fact))) {
      complain("field 'source." + std::string(fact) +
               "': is missing; every fact has a source");
    }
  }
  if (row_.built_after && row_.built_until &&
      *row_.built_until < *row_.built_after) {
    complain("field 'built_until': is before 'built_after'");
  }
  if (row_.dllmain && !row_.dllmain_sha256) {
    complain("field 'dllmain_sha256': is missing; 'dllmain' needs it");
  }
  if (!row_.dllmain && (row_.dllmain_sha256 || !row_.helpers.empty())) {
    complain(
        "field 'dllmain': is missing; 'dllmain_sha256' and 'helpers' "
        "belong to it");
  }
  if (!row_.dllmain) return;
  size_t fixed = FixedBytes(*row_.dllmain);
  for (const CodePart& part : row_.helpers) fixed += FixedBytes(part.code);
  if (fixed < kFewestFixedBytes) {
    complain("field 'dllmain': has with 'helpers' " + std::to_string(fixed) +
             " bytes that are not masked, fewer than " +
             std::to_string(kFewestFixedBytes));
  }
}

Signature RowReader::Read(uint16_t machine) {
  row_.file = place_.file;
  row_.line = LineOf(table_);
  row_.machine = machine;
  field_ = "id";
  const auto id = table_["id"].value_exact<std::string>();
  if (!id || !IsRowId(*id)) {
    Wrong(table_.contains("id") ? *table_.get("id") : table_,
          "a text of lower-case letters, digits and '-'");
  } else {
    row_.id = *id;
    place_.row = *id;
  }
  for (const auto& [name, node] : table_) {
    field_ = std::string(name.str());
    const auto* field = std::ranges::find(kFields, name.str(), &Field::name);
    if (field == std::end(kFields)) {
      Say(errors_, place_, LineOf(node), "field '" + field_ + "': is unknown");
    } else {
      (this->*field->read)(node);
    }
  }
  CheckWhole();
  return row_;
}

std::optional<uint16_t> MachineNamed(const std::string& name) {
  for (const uint16_t machine : {uint16_t{0x14c}, uint16_t{0x184}}) {
    if (MachineName(machine) == name) return machine;
  }
  return std::nullopt;
}

void ReadRows(const toml::table& file, const Place& place, uint16_t machine,
              SignatureTables& tables) {
  const toml::node* node = file.get("build");
  if (node == nullptr) return;
  const toml::array* builds = node->as_array();
  if (builds == nullptr) {
    return Say(tables.errors, place, LineOf(*node),
               "field 'build': must be tables like [[build]]");
  }
  for (const toml::node& element : *builds) {
    const toml::table* row = element.as_table();
    if (row == nullptr) {
      Say(tables.errors, place, LineOf(element),
          "field 'build': must be tables like [[build]]");
      continue;
    }
    const size_t before = tables.errors.size();
    Signature signature = RowReader(*row, place, tables.errors).Read(machine);
    if (tables.errors.size() == before) {
      tables.rows.push_back(std::move(signature));
    }
  }
}

void ReadFile(const TableText& text, SignatureTables& tables) {
  const Place place{text.file, ""};
  const toml::parse_result parsed = toml::parse(text.text, text.file);
  if (!parsed) {
    return Say(tables.errors, place, parsed.error().source().begin.line,
               "is not TOML: " + std::string(parsed.error().description()));
  }
  const toml::table& file = parsed.table();
  for (const auto& [name, node] : file) {
    if (name == "format" || name == "machine" || name == "build") continue;
    Say(tables.errors, place, LineOf(node),
        "field '" + std::string(name.str()) + "': is unknown");
  }
  if (file["format"].value_exact<int64_t>() != kFormat) {
    const toml::node* node = file.get("format");
    return Say(tables.errors, place, node ? LineOf(*node) : 1,
               "field 'format': must be 1");
  }
  const auto machine =
      MachineNamed(file["machine"].value_exact<std::string>().value_or(""));
  if (!machine) {
    const toml::node* node = file.get("machine");
    return Say(tables.errors, place, node ? LineOf(*node) : 1,
               "field 'machine': must be \"i386\" or \"alpha\"");
  }
  ReadRows(file, place, *machine, tables);
}

}  // namespace

std::span<const std::string_view> FactFields() {
  static constexpr std::string_view kFacts[] = {"crypto",
                                                "state",
                                                "size",
                                                "date",
                                                "built_after",
                                                "built_until",
                                                "stamp",
                                                "linker",
                                                "entry",
                                                "image_base",
                                                "checksum",
                                                "description",
                                                "sha256",
                                                "invariant_sha256",
                                                "dllmain",
                                                "helpers",
                                                "critical_sections"};
  return kFacts;
}

SignatureTables ReadTables(std::span<const TableText> texts) {
  SignatureTables tables;
  for (const TableText& text : texts) ReadFile(text, tables);
  const std::vector<std::string> conflicts = ConflictsAmong(tables.rows);
  tables.errors.insert(tables.errors.end(), conflicts.begin(), conflicts.end());
  return tables;
}

}  // namespace detachfix
