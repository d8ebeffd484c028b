// SPDX-License-Identifier: Apache-2.0
#include "patcher/batch/quick_look.h"

#include <algorithm>
#include <utility>

#include "patcher/batch/usual_form.h"
#include "patcher/bytes.h"
#include "patcher/consult_symbols.h"
#include "patcher/file_parts.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"
#include "patcher/sniff_packing.h"
#include "patcher/target.h"

namespace detachfix {
namespace {

// What is read at the begin: headers, nearly always.
constexpr uint64_t kFirstRead = FileParts::kPage;
// A miss brings in so much: tables lie close together.
constexpr uint64_t kReadSize = 4 * FileParts::kPage;
// What is read where code is run: much of it lies close together.
constexpr uint64_t kCodeReadSize = 2 * FileParts::kPage;
// A file of which more is needed is read whole, the usual way.
constexpr uint64_t kMaxRead = uint64_t{4} * 1024 * 1024;
constexpr uint32_t kMaxHeaders = 64 * 1024;

constexpr uint16_t kMz = 0x5a4d;
constexpr uint32_t kPeSignature = 0x00004550;

/// One of the tables that ReadPeImage reads, and how to undo a try.
struct Table {
  Result<void> (*read)(PeImage&);
  void (*forget)(PeImage&);
  Directory directory;
};

Result<void> ReadLoadConfigurationToo(PeImage& image) {
  ReadLoadConfiguration(image);
  return {};
}

Result<void> ReadClrHeaderToo(PeImage& image) {
  ReadClrHeader(image);
  return {};
}

Result<void> ReadVersionToo(PeImage& image) {
  ReadVersionResource(image);
  return {};
}

// Those that say whether it is the target.
constexpr Table kNaming[] = {
    {ReadExports, [](PeImage& image) { image.exports.clear(); },
     Directory::kExport},
    {ReadVersionToo, [](PeImage& image) { image.version = {}; },
     Directory::kResource},
};
// Those that say whether code is to be run; exports do so too.
constexpr Table kDeciding[] = {
    {ReadImports, [](PeImage& image) { image.imports.clear(); },
     Directory::kImport},
    {ReadTlsCallbacks,
     [](PeImage& image) {
       image.tls_callbacks.clear();
       image.callback_list.reset();
     },
     Directory::kTls},
};
constexpr Table kOthers[] = {
    {ReadBoundImports, [](PeImage& image) { image.bound_imports.clear(); },
     Directory::kBoundImport},
    {ReadRelocations, [](PeImage& image) { image.relocations.clear(); },
     Directory::kBaseRelocation},
    {ReadDebugDirectory, [](PeImage& image) { image.debug.clear(); },
     Directory::kDebug},
    {ReadLoadConfigurationToo,
     [](PeImage& image) { image.security_cookie.reset(); },
     Directory::kLoadConfig},
    {ReadClrHeaderToo, [](PeImage& image) { image.clr_entry.reset(); },
     Directory::kClrHeader},
};

/// Thrown away when anything is not as usual: false and nothing both mean that
/// the quick look ends without an answer.
class QuickLook : private ContentSource {
 public:
  QuickLook(InputFile& file, Look look)
      : file_(file),
        look_(look),
        parts_(std::make_unique<FileParts>(SizeToHold(file))) {}

  std::optional<FileOutcome> Run();
  /// Whether code was run of an image whose symbols may lie beside it.
  bool MayHaveSymbols() const { return may_have_symbols_; }
  /// What was run; ends the look.
  SeenRuns TakeRuns() && { return {std::move(parts_), std::move(runs_)}; }

 private:
  static uint64_t SizeToHold(const InputFile& file) {
    return std::min<uint64_t>(file.size(), kMaxFileSize);
  }

  bool Load(uint64_t offset, uint64_t size);
  bool LoadHeaders();
  std::optional<FileOutcome> NotPe() const;
  bool ReadHeaderParts();
  bool ReadTable(const Table& table);
  void Need(std::span<const uint8_t> part) override;
  std::optional<Diagnosis> JudgeCode();
  std::optional<Diagnosis> Judge();

  InputFile& file_;
  const Look look_;
  std::unique_ptr<FileParts> parts_;
  uint64_t read_ = 0;
  bool code_is_missing_ = false;
  bool may_have_symbols_ = false;
  PeImage image_;
  KnownRuns runs_;
};

// Reads whole pages around the range.
bool QuickLook::Load(uint64_t offset, uint64_t size) {
  const uint64_t begin = offset / FileParts::kPage * FileParts::kPage;
  const uint64_t end =
      std::min(RoundUp(offset + size, FileParts::kPage), parts_->size());
  if (begin >= end) return false;
  read_ += end - begin;
  if (read_ > kMaxRead) return false;
  const FileParts::Part part{begin, end - begin};
  if (!file_.ReadAt(begin, parts_->Room(part))) return false;
  parts_->MarkRead(part);
  return true;
}

// What begins otherwise than every PE file, and than a packed one.
std::optional<FileOutcome> QuickLook::NotPe() const {
  const auto first =
      parts_->bytes().first(std::min(parts_->size(), kFirstRead));
  const ByteReader reader(first);
  if (reader.U16(0) == kMz || SniffPacking(first) != Packing::kNone) {
    return std::nullopt;
  }
  const Result<PeKind> kind = FindPe(first);
  if (kind) return std::nullopt;
  FileOutcome outcome;
  outcome.action = Action::kFailed;
  outcome.error = kind.error();
  outcome.diagnosis.because = kind.error().message;
  return outcome;
}

// The headers up to the end of the section table.
bool QuickLook::LoadHeaders() {
  const ByteReader reader(parts_->bytes());
  if (!reader.Holds(kNewHeaderField, 4)) return false;
  const uint64_t pe = *reader.U32(kNewHeaderField);
  if (!reader.Holds(pe, kCoffHeaderSize + 2)) return false;
  if (!parts_->Has(pe, kCoffHeaderSize + 2) && !Load(pe, kCoffHeaderSize + 2)) {
    return false;
  }
  if (reader.U32(pe) != kPeSignature) return false;
  const uint64_t sections = *reader.U16(pe + 6);
  const uint64_t end = pe + kCoffHeaderSize + *reader.U16(pe + 20) +
                       sections * kSectionHeaderSize;
  if (end > parts_->size() || end - pe > kMaxHeaders) return false;
  return parts_->Has(pe, end - pe) || Load(pe, end - pe);
}

bool QuickLook::ReadHeaderParts() {
  Result<void> ok = ReadHeaders(image_);
  if (ok) ok = CheckSections(image_);
  if (ok) ok = CheckDirectories(image_);
  return ok.has_value();
}

// Tries until nothing is missed: what a try found out with parts missing may be
// wrong.
bool QuickLook::ReadTable(const Table& table) {
  DataDirectory directory = image_.directory(table.directory);
  // Icons and dialogs too; what is wanted of it comes with what is missed.
  if (table.directory == Directory::kResource) directory.size = 0;
  const std::optional<FileOffset> begin = ToOffset(image_, Rva{directory.rva});
  if (directory.rva != 0 && begin &&
      !parts_->Has(
          begin->value,
          std::min<uint64_t>(directory.size, parts_->size() - begin->value))) {
    Load(begin->value, std::max<uint64_t>(directory.size, kReadSize));
  }
  while (true) {
    parts_->ForgetMissed();
    const Result<void> ok = table.read(image_);
    const std::optional<FileParts::Part> missed = parts_->missed();
    if (!missed) return ok.has_value();
    table.forget(image_);
    if (!Load(missed->offset, std::max(missed->size, kReadSize))) return false;
  }
}

void QuickLook::Need(std::span<const uint8_t> part) {
  const auto offset =
      static_cast<uint64_t>(part.data() - parts_->bytes().data());
  if (parts_->Has(offset, part.size())) return;
  if (Load(offset, std::max<uint64_t>(part.size(), kCodeReadSize))) return;
  // The run goes on with zeros, and counts for nothing.
  code_is_missing_ = true;
}

std::optional<Diagnosis> QuickLook::JudgeCode() {
  const ByteReader reader(parts_->bytes());
  const uint64_t pe = image_.pe_header_offset.value;
  may_have_symbols_ =
      (*reader.U16(pe + kCharacteristicsField) & kDebugStripped) != 0;
  image_.source = this;
  Diagnosis diagnosis = Diagnose(image_, Scope::kAnyDll, &runs_);
  image_.source = nullptr;
  if (code_is_missing_) {
    runs_.clear();
    return std::nullopt;
  }
  // Whatever else is known of a file that leaks, or was repaired, counts.
  if (diagnosis.verdict == Verdict::kLeaks ||
      diagnosis.verdict == Verdict::kFixed) {
    return std::nullopt;
  }
  return diagnosis;
}

std::optional<Diagnosis> QuickLook::Judge() {
  const auto read = [this](const Table& table) { return ReadTable(table); };
  if (!HasUsualOutline(image_) || !std::ranges::all_of(kNaming, read)) {
    return std::nullopt;
  }
  // The target's hash is asked for in the tables of shipped builds.
  if (IdentifyTarget(image_).name) return std::nullopt;
  if (look_ == Look::kTarget) return Diagnose(image_, Scope::kTarget);
  for (const Table& table : kDeciding) {
    // What is still to be read can only add reasons to run code.
    if (!ReadTable(table)) return std::nullopt;
    if (look_ == Look::kTables && NeedsTraces(image_)) return std::nullopt;
  }
  if (!std::ranges::all_of(kOthers, read) || !HasUsualForm(image_)) {
    return std::nullopt;
  }
  return NeedsTraces(image_) ? JudgeCode() : Diagnose(image_);
}

std::optional<FileOutcome> QuickLook::Run() {
  // A search passes over what is no PE file, however large.
  if (look_ == Look::kCode && file_.size() > kMaxFileSize) return std::nullopt;
  if (parts_->size() > 0 && !Load(0, kFirstRead)) return std::nullopt;
  if (std::optional<FileOutcome> outcome = NotPe()) return outcome;
  if (file_.size() > kMaxFileSize || !LoadHeaders()) return std::nullopt;
  Result<PeKind> kind = FindPe(parts_->bytes());
  if (!kind) return std::nullopt;
  FileOutcome outcome;
  if (kind->other) {
    outcome.machine = kind->other->machine;
    outcome.diagnosis = NotApplicable(*kind->other);
    return outcome;
  }
  image_.parts = parts_.get();
  image_.pe_header_offset = kind->pe_header_offset;
  if (!ReadHeaderParts()) return std::nullopt;
  std::optional<Diagnosis> diagnosis = Judge();
  if (!diagnosis) return std::nullopt;
  outcome.machine = image_.machine;
  outcome.diagnosis = std::move(*diagnosis);
  return outcome;
}

}  // namespace

std::optional<FileOutcome> LookQuickly(Files& files, const std::string& path,
                                       Look depth, SeenRuns* seen) {
  const Result<std::unique_ptr<InputFile>> file = files.OpenToRead(path);
  if (!file) return std::nullopt;
  QuickLook look(**file, depth);
  std::optional<FileOutcome> outcome = look.Run();
  if (!outcome) {
    if (seen != nullptr) *seen = std::move(look).TakeRuns();
    return std::nullopt;
  }
  if (depth != Look::kTarget && outcome->machine) {
    const Result<bool> side = files.Exists(SideFilePath(path));
    if (!side || *side) return std::nullopt;
  }
  if (look.MayHaveSymbols() && HasDebugFile(files, path)) return std::nullopt;
  const Result<bool> unchanged = (*file)->IsUnchanged();
  if (!unchanged || !*unchanged) return std::nullopt;
  outcome->path = path;
  outcome->size = (*file)->size();
  return outcome;
}

}  // namespace detachfix
