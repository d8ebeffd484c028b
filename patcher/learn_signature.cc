// SPDX-License-Identifier: Apache-2.0
#include "patcher/learn_signature.h"

#include <algorithm>
#include <cctype>

#include "patcher/code_pattern.h"
#include "patcher/consult_signatures.h"
#include "patcher/hex_text.h"
#include "patcher/joined.h"
#include "patcher/pe_checksum.h"
#include "patcher/report_text.h"
#include "patcher/sha256.h"
#include "patcher/trace_text.h"
#include "patcher/version.h"
#include "signatures/table_text.h"

namespace detachfix {

namespace {

const Signature* RowOf(const SignatureTables& tables, const std::string& id) {
  const auto row = std::ranges::find(tables.rows, id, &Signature::id);
  return row == tables.rows.end() ? nullptr : &*row;
}

std::string MakeId(const std::string& target, uint16_t machine,
                   const LearnOptions& options) {
  std::string id = target.substr(0, target.rfind('.')) + "-" +
                   MachineName(machine) + "-" + options.product;
  for (const std::string& level : options.levels) id += "-" + level;
  if (options.crypto) id += "-" + std::to_string(*options.crypto);
  std::ranges::transform(id, id.begin(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) ? static_cast<char>(std::tolower(byte)) : '-';
  });
  return id;
}

/// Why no row can be made of the file, whatever the tables say.
std::optional<Error> Unfit(const VerifiedFile& file) {
  const Diagnosis& diagnosis = file.outcome.diagnosis;
  if (file.undo || file.undo_error ||
      diagnosis.fixed_by == FixedBy::kDetachfix) {
    return Error{"was patched by detachfix; give the original"};
  }
  if (diagnosis.verdict != Verdict::kLeaks &&
      diagnosis.verdict != Verdict::kFixed) {
    return Error{"cannot be judged: " + VerdictText(diagnosis) + ": " +
                 diagnosis.because};
  }
  if (diagnosis.basis != Basis::kEveryPath) {
    return Error{
        "not every path through its entry was followed: a row would "
        "not hold all that decides"};
  }
  const PeImage& image = *file.image;
  const uint32_t sum = PeChecksum(image.bytes, image.checksum_offset);
  if (image.checksum != 0 && image.checksum != sum) {
    return Error{"was changed since it was linked: CheckSum is " +
                 HexNumber(image.checksum) + ", of its content " +
                 HexNumber(sum)};
  }
  return std::nullopt;
}

/// Compares what the file tells with what a row of its id says, one fact at a
/// time, and keeps the first contradiction.
class Merger {
 public:
  Merger(Signature& row, const std::string& source)
      : row_(row), source_(source) {}

  template <typename T, typename Text>
  void Fact(const char* name, std::optional<T>& field, const T& value,
            Text text) {
    if (field && *field != value) {
      Contradict(name, text(*field), text(value));
      return;
    }
    if (!field || !row_.sources.contains(name)) row_.sources[name] = source_;
    field = value;
  }

  void State(BuildState value) {
    if (row_.state != BuildState::kNotStated && row_.state != value) {
      Contradict("state", ToText(row_.state), ToText(value));
    }
    if (row_.state == BuildState::kNotStated) row_.sources["state"] = source_;
    row_.state = value;
  }

  void Contradict(const char* name, const std::string& says,
                  const std::string& has) {
    if (error_) return;
    error_ = Error{"contradicts row '" + row_.id + "': " + name + " is " + has +
                   " in the file, " + says + " in the row (" +
                   row_.sources[name] + ")"};
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  Signature& row_;
  const std::string& source_;
  std::optional<Error> error_;
};

void MergeFacts(const BuildFacts& facts, BuildState state, Merger& merger,
                Signature& row) {
  const auto hex = [](uint32_t number) { return HexNumber(number); };
  const auto same = [](const std::string& text) { return "\"" + text + "\""; };
  merger.State(state);
  merger.Fact("size", row.size, facts.size,
              [](uint32_t size) { return std::to_string(size); });
  merger.Fact("stamp", row.stamp, facts.stamp, hex);
  merger.Fact("linker", row.linker, facts.linker, [](LinkerVersion version) {
    return std::to_string(version.major) + "." + std::to_string(version.minor);
  });
  merger.Fact("entry", row.entry, facts.entry, hex);
  merger.Fact("image_base", row.image_base, facts.image_base, hex);
  merger.Fact("checksum", row.checksum, facts.checksum, hex);
  if (!facts.description.empty()) {
    merger.Fact("description", row.description, facts.description, same);
  }
  merger.Fact("sha256", row.sha256, facts.sha256, DigestText);
  if (facts.invariant_sha256) {
    merger.Fact("invariant_sha256", row.invariant_sha256,
                *facts.invariant_sha256, DigestText);
  }
}

/// The masked code and the critical sections; fails when there is too little.
Result<void> AddCode(const VerifiedFile& file, const std::string& source,
                     Signature& row) {
  const Diagnosis& diagnosis = file.outcome.diagnosis;
  CodePattern pattern = PatternOf(*file.image, *diagnosis.traces);
  if (row.dllmain && *row.dllmain != pattern.dllmain) {
    return Error{"contradicts row '" + row.id + "': other code at the entry"};
  }
  row.dllmain = std::move(pattern.dllmain);
  row.helpers = std::move(pattern.helpers);
  row.dllmain_sha256 = HashSha256(WithMaskedAsZero(*row.dllmain));
  row.critical_sections.clear();
  for (const CriticalSection& section : diagnosis.critical_sections) {
    row.critical_sections.push_back(section.rva.value);
  }
  row.sources["dllmain"] = source;
  if (!row.helpers.empty()) row.sources["helpers"] = source;
  row.sources["critical_sections"] = source;
  return {};
}

Result<void> AddRecordedCheckSum(const LearnOptions& options, Signature& row) {
  if (!options.recorded_checksum) return {};
  if (*options.recorded_checksum != row.checksum) {
    return Error{"is not the file that Setup installed: CheckSum is " +
                 HexNumber(*row.checksum) + ", " + options.setup_log + " has " +
                 HexNumber(*options.recorded_checksum)};
  }
  row.sources["checksum"] += "; the same in SETUP.LOG";
  return {};
}

/// Why the file, or what is said of it, is not what the row of that id is
/// about.
std::optional<Error> OtherBuild(const Signature& row, const PeImage& image,
                                const std::string& target,
                                const LearnOptions& options) {
  const auto contradiction = [&](const char* name, const std::string& is,
                                 const std::string& says) {
    return Error{"contradicts row '" + row.id + "': " + name + " is " + is +
                 ", " + says + " in the row"};
  };
  if (row.machine != image.machine) {
    return contradiction("machine", MachineName(image.machine),
                         MachineName(row.machine));
  }
  if (row.target != target) return contradiction("target", target, row.target);
  if (row.product != options.product) {
    return contradiction("product", options.product, row.product);
  }
  if (options.crypto && row.crypto && options.crypto != row.crypto) {
    return contradiction("crypto", std::to_string(*options.crypto),
                         std::to_string(*row.crypto));
  }
  // A build may have been shipped with more service packs than were known.
  for (const std::string& level : row.levels) {
    if (std::ranges::find(options.levels, level) != options.levels.end()) {
      continue;
    }
    return contradiction("levels", Joined(options.levels), Joined(row.levels));
  }
  return std::nullopt;
}

/// What the dates and the edition of the row say against the file, which the
/// other facts of the row are taken from.
Result<void> CheckDatesAndEdition(const BuildFacts& facts, Signature row) {
  row.sha256.reset();
  row.invariant_sha256.reset();
  row.dllmain.reset();
  if (MatchBuild(facts, {&row, 1}).match != MatchClass::kNone) return {};
  return Error{"contradicts row '" + row.id + "': stamp " +
               HexNumber(facts.stamp) + " or description \"" +
               facts.description +
               "\" does not go with the row's dates or crypto"};
}

/// The row to begin with: that of the tables, or a new one.
Result<Signature> StartRow(const PeImage& image, const std::string& target,
                           const LearnOptions& options,
                           const SignatureTables& tables,
                           const std::string& source) {
  const std::string id =
      options.id.empty() ? MakeId(target, image.machine, options) : options.id;
  const Signature* known = RowOf(tables, id);
  if (known != nullptr) {
    const std::optional<Error> other =
        OtherBuild(*known, image, target, options);
    if (other) return *other;
  }
  Signature row = known ? *known : Signature();
  row.id = id;
  row.target = target;
  row.product = options.product;
  row.machine = image.machine;
  row.levels = options.levels;
  if (options.crypto && !row.crypto) row.sources["crypto"] = source;
  if (options.crypto) row.crypto = options.crypto;
  row.sources.try_emplace("build", source);
  if (!options.confirmed_by.empty()) {
    row.confirmed_by.push_back(options.confirmed_by);
  }
  return row;
}

/// What the new row may not be beside the others, or be by itself.
Result<void> CheckRow(const Signature& row, const SignatureTables& tables) {
  const std::string name = "the new row";
  const TableText text{name, TableHead(row.machine) + RowToml(row)};
  const SignatureTables alone = ReadTables({&text, 1});
  const SignatureTables both = Override(tables, alone);
  if (both.errors.empty()) return {};
  // Nobody sees the text that the line is one of.
  const std::string& error = both.errors[0];
  return Error{error.starts_with(name) ? error.substr(error.find(": ") + 2)
                                       : error};
}

}  // namespace

Result<Signature> LearnRow(const VerifiedFile& file,
                           const LearnOptions& options,
                           const SignatureTables& tables) {
  if (!file.image) {
    return Error{"cannot be judged: " + file.outcome.diagnosis.because};
  }
  const std::optional<Error> unfit = Unfit(file);
  if (unfit) return *unfit;
  const std::string target = OwnName(*file.image);
  if (target.empty()) return Error{"does not say which DLL it is"};
  const bool known = std::ranges::find(tables.rows, target,
                                       &Signature::target) != tables.rows.end();
  if (!known && !options.any_dll) {
    return Error{"calls itself " + target +
                 ", which no row is about; --any-dll makes one all the same"};
  }
  const std::string source =
      "the file itself, by detachfix " + std::string(kVersion);
  Result<Signature> start =
      StartRow(*file.image, target, options, tables, source);
  if (!start) return start.error();
  Signature row = std::move(*start);
  const BuildFacts facts = FactsOf(*file.image, *file.outcome.sha256);
  Merger merger(row, source);
  MergeFacts(facts,
             file.outcome.diagnosis.verdict == Verdict::kLeaks
                 ? BuildState::kLeaks
                 : BuildState::kFixed,
             merger, row);
  if (merger.error()) return *merger.error();
  for (const Result<void>& step :
       {CheckDatesAndEdition(facts, row), AddCode(file, source, row),
        AddRecordedCheckSum(options, row), CheckRow(row, tables)}) {
    if (!step) return step.error();
  }
  return row;
}

std::string JustifyRow(const VerifiedFile& file) {
  const EntryTraces& traces = *file.outcome.diagnosis.traces;
  return MarginLegend() + "\n" +
         CodeListing(MakeCodeView(*file.image), file.image->entry_point, traces,
                     {}, file.symbols) +
         "\n" + OutcomeLine(file.outcome, false);
}

std::vector<std::string> VectorErrors(const SignatureTables& tables) {
  std::vector<std::string> errors;
  for (const Signature& row : tables.rows) {
    if (!row.dllmain) continue;
    const Sha256 hash = HashSha256(WithMaskedAsZero(*row.dllmain));
    if (hash == row.dllmain_sha256) continue;
    errors.push_back(
        row.file + ":" + std::to_string(row.line) + ": row '" + row.id +
        "': field 'dllmain_sha256': that of 'dllmain' is " + ToHex(hash));
  }
  return errors;
}

}  // namespace detachfix
