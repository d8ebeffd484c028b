// SPDX-License-Identifier: Apache-2.0
#include "patcher/consult_symbols.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "patcher/ascii_text.h"
#include "patcher/hex_text.h"
#include "patcher/joined.h"
#include "patcher/pe_format.h"

namespace detachfix {

namespace {

// PE/COFF specification, "Characteristics": debugging information was removed
// from the image, which is what puts it into a .dbg file.

/// Bytes of arguments that DllMain(hinstDLL, fdwReason, lpvReserved) takes.
constexpr char kDllMainArguments[] = "12";

std::string NameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

/// The image that `file` was before detachfix patched it; nothing when that is
/// itself.
std::optional<PeImage> OriginalOf(const VerifiedFile& file) {
  if (!file.undo) return std::nullopt;
  Result<Bytes> original = Revert(file.file.bytes, *file.undo);
  if (!original) return std::nullopt;
  Result<ReadPe> read = ReadPeImage(std::move(*original));
  return read ? std::move(read->image) : std::nullopt;
}

Result<SymbolNames> ReadNames(Files& files, const std::string& path,
                              const PeImage& image) {
  const Result<ReadFile> read = files.Read(path, kMaxDebugFileSize);
  if (!read) return read.error();
  const Result<DebugFile> file = ReadDebugFile(read->bytes);
  if (!file) return file.error();
  const Result<void> same = CheckSameImage(*file, image);
  if (!same) return same.error();
  if (file->kinds.empty()) {
    return Error{"holds no symbols that are read" +
                 (file->not_read.empty() ? "" : ": " + Joined(file->not_read))};
  }
  return PlaceSymbols(*file, image);
}

/// What stands behind the '@' of a name that a compiler for i386 gave to a
/// stdcall function.
std::string ArgumentBytes(const std::string& name, uint16_t machine) {
  const size_t at = name.rfind('@');
  if (machine != kMachineI386 || at == std::string::npos || at == 0) return "";
  const std::string digits = name.substr(at + 1);
  const bool number = std::ranges::all_of(digits, [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  return number ? digits : "";
}

/// What the symbols say of the entry and of DllMain.
class EntrySymbols {
 public:
  EntrySymbols(const PeImage& image, const SymbolNames& names,
               Diagnosis& diagnosis)
      : image_(image), names_(names), diagnosis_(diagnosis) {}

  /// Adds what is confirmed to the evidence. Gives what is contradicted, as a
  /// text that goes on behind the file's name; or nothing.
  std::string Compare(const std::string& source) {
    std::string contradiction = CompareEntry(source);
    if (contradiction.empty()) contradiction = CompareDllMain(source);
    return contradiction;
  }

 private:
  void Confirm(const std::string& source, const std::string& text) {
    diagnosis_.evidence.push_back("symbols: " + source + " " + text);
  }

  bool NamesFunctionsBeside(const Section& section) const {
    return std::ranges::any_of(names_, [&](const auto& symbol) {
      return symbol.second.names_function &&
             SectionAt(image_, symbol.first) == &section;
    });
  }

  std::string CompareEntry(const std::string& source) {
    if (image_.entry_point.value == 0) return "";  // TLS callbacks alone
    const SymbolName* name = NameAt(names_, image_.entry_point);
    const std::string entry =
        "the entry " + HexNumber(image_.entry_point.value);
    if (name == nullptr) {
      const Section* section = SectionAt(image_, image_.entry_point);
      if (section == nullptr || !NamesFunctionsBeside(*section)) return "";
      return "names functions, and none at " + entry;
    }
    const std::string bytes = ArgumentBytes(name->name, image_.machine);
    if (bytes.empty()) {
      Confirm(source, "names " + entry + " " + name->name);
    } else if (bytes == kDllMainArguments) {
      Confirm(source, "names " + entry + " " + name->name +
                          ": it takes 12 bytes of arguments, as DllMain does");
    } else {
      return "names " + entry + " " + name->name + ", which takes " + bytes +
             " bytes of arguments where DllMain takes 12";
    }
    return "";
  }

  /// Where the entry is that of a C runtime, DllMain is a function of its own.
  std::string CompareDllMain(const std::string& source) {
    std::optional<Rva> passed_over;
    for (const auto& [rva, name] : names_) {
      if (!name.names_function || rva == image_.entry_point ||
          Undecorated(name.name, image_.machine) != "DllMain") {
        continue;
      }
      if (diagnosis_.traces->attach.visited.contains(rva)) {
        Confirm(source, "has DllMain at " + HexNumber(rva.value) +
                            ", which attach runs");
        return "";
      }
      passed_over = rva;
    }
    if (!passed_over) return "";
    return "has DllMain at " + HexNumber(passed_over->value) +
           ", which attach does not run";
  }

  const PeImage& image_;
  const SymbolNames& names_;
  Diagnosis& diagnosis_;
};

void NameSections(const SymbolNames& names, const std::string& source,
                  Diagnosis& diagnosis) {
  for (const CriticalSection& section : diagnosis.critical_sections) {
    const SymbolName* name = NameAt(names, section.rva);
    if (name == nullptr) continue;
    diagnosis.evidence.push_back(
        "symbols: " + source + " names the section at " +
        HexNumber(section.rva.value) + " " + name->name);
  }
}

/// Both speak; where they disagree nobody is believed.
void Disagree(const std::string& contradiction, const std::string& source,
              Diagnosis& diagnosis) {
  if (diagnosis.verdict == Verdict::kUnknown) return;
  diagnosis.because = "symbols and analysis disagree: " + source + " " +
                      contradiction + "; the analysis says " +
                      ToText(diagnosis.verdict) + ": " + diagnosis.because;
  diagnosis.verdict = Verdict::kUnknown;
  diagnosis.fixed_by = FixedBy::kNobody;
  diagnosis.fixed_version.clear();
}

/// Paths of such files, of whichever image, beside the one at `path`, sorted;
/// none where the folder cannot be listed, since then nobody knows of any.
std::vector<std::string> DebugFilesBeside(Files& files,
                                          const std::string& path) {
  const Result<std::vector<std::string>> names = files.List(FolderOf(path));
  std::vector<std::string> paths;
  if (!names) return paths;
  const std::string wanted = DebugName(path);
  const std::string folder = path.substr(0, path.size() - NameOf(path).size());
  for (const std::string& name : *names) {
    if (EqualNoCase(name, wanted)) paths.push_back(folder + name);
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

void TakeSymbols(const std::string& path, const PeImage& original,
                 SymbolNames names, VerifiedFile& file) {
  Diagnosis& diagnosis = file.outcome.diagnosis;
  const std::string source = NameOf(path);
  const std::string contradiction =
      EntrySymbols(original, names, diagnosis).Compare(source);
  NameSections(names, source, diagnosis);
  if (!contradiction.empty()) {
    diagnosis.evidence.push_back("symbols: " + source + " " + contradiction);
    Disagree(contradiction, source, diagnosis);
  }
  file.symbols = std::move(names);
}

std::string DebugName(const std::string& path) {
  const std::string name = NameOf(path);
  return LowerAscii(name.substr(0, name.rfind('.'))) + ".dbg";
}

bool HasDebugFile(Files& files, const std::string& path) {
  return !DebugFilesBeside(files, path).empty();
}

void ConsultSymbols(Files& files, VerifiedFile& file) {
  if (!file.image || !file.outcome.diagnosis.traces ||
      (file.image->characteristics & kDebugStripped) == 0) {
    return;
  }
  const std::vector<std::string> paths =
      DebugFilesBeside(files, file.outcome.path);
  if (paths.empty()) return;
  const std::optional<PeImage> before = OriginalOf(file);
  const PeImage& original = before ? *before : *file.image;
  std::vector<std::string> notes;
  for (const std::string& path : paths) {
    Result<SymbolNames> names = ReadNames(files, path, original);
    if (names) {
      TakeSymbols(path, original, std::move(*names), file);
      return;
    }
    notes.push_back(NameOf(path) + " is not used: " + names.error().message);
  }
  file.outcome.notes.insert(file.outcome.notes.end(), notes.begin(),
                            notes.end());
}

}  // namespace detachfix
