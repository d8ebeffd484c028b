// SPDX-License-Identifier: Apache-2.0
// Import directory and bound import directory (PE/COFF specification, "The
// .idata Section"; winnt.h, IMAGE_BOUND_IMPORT_DESCRIPTOR).
//
// Read here rather than by LIEF: 0.9 gives one function only of a descriptor
// without a lookup table (Borland's linker), drops DLLs whose names have fewer
// than four characters, does not say where descriptors stand, and knows no
// bound imports. Where it is reliable, AgreeWithLief holds it against this.
#include "patcher/ascii_text.h"
#include "patcher/hex_text.h"
#include "patcher/image_reader.h"
#include "patcher/pe_format.h"
#include "patcher/pe_parts.h"

namespace detachfix {

namespace {

// As LdrLoadDll completes a name: ".dll" where no extension stands.
std::string LoaderName(const std::string& dll) {
  std::string name = LowerAscii(dll);
  if (name.find('.') == std::string::npos) name += ".dll";
  return name;
}

std::string ImportText(const PeImage& image, const std::string& dll) {
  return "import " + std::to_string(image.imports.size() + 1) + " (" +
         Printable(dll) + ")";
}

class ImportWalk {
 public:
  explicit ImportWalk(PeImage& image) : image_(image), reader_(image) {}

  Result<void> Run();

 private:
  /// The next descriptor; nothing at the end of the table.
  Result<std::optional<ImportDescriptor>> Descriptor(uint64_t rva) const;
  uint32_t ThunksOf(const ImportDescriptor& descriptor) const;
  Result<void> Functions(ImportDescriptor& descriptor);
  Result<ImportedFunction> Function(const ImportDescriptor& descriptor,
                                    uint32_t thunk, size_t index);

  PeImage& image_;
  ImageReader reader_;
  uint64_t function_count_ = 0;
  uint64_t name_bytes_ = 0;
};

Result<std::optional<ImportDescriptor>> ImportWalk::Descriptor(
    uint64_t rva) const {
  ImportDescriptor descriptor;
  const std::string text = "import descriptor " +
                           std::to_string(image_.imports.size() + 1) +
                           " at RVA " + HexNumber(rva);
  if (!reader_.Holds(rva, kImportDescriptorSize)) {
    return Error{text + " is outside the sections"};
  }
  descriptor.original_first_thunk = *reader_.U32(rva);
  descriptor.time_date_stamp = *reader_.U32(rva + 4);
  descriptor.forwarder_chain = *reader_.U32(rva + 8);
  descriptor.name = *reader_.U32(rva + 12);
  descriptor.first_thunk = *reader_.U32(rva + 16);
  // The loader stops at either being zero, whatever the directory's size is
  // (ReactOS, dll/ntdll/ldr/ldrpe.c: LdrpHandleOneOldFormatImportDescriptor).
  if (descriptor.name == 0 || descriptor.first_thunk == 0) {
    return std::optional<ImportDescriptor>();
  }
  const std::optional<FileOffset> offset =
      ToOffset(image_, Rva{static_cast<uint32_t>(rva)});
  if (!offset || !reader_.Bytes(rva, kImportDescriptorSize)) {
    return Error{text + " has no bytes of its own in the file"};
  }
  descriptor.offset = *offset;
  return std::optional(std::move(descriptor));
}

uint32_t ImportWalk::ThunksOf(const ImportDescriptor& descriptor) const {
  // The loader takes the slots themselves where the lookup table is absent,
  // lies in the headers or is empty (ReactOS, same file: LdrpSnapIAT).
  const uint32_t lookup = descriptor.original_first_thunk;
  if (lookup < image_.size_of_headers) return descriptor.first_thunk;
  if (reader_.U32(lookup) == 0u) return descriptor.first_thunk;
  return lookup;
}

Result<ImportedFunction> ImportWalk::Function(
    const ImportDescriptor& descriptor, uint32_t thunk, size_t index) {
  ImportedFunction function;
  function.name.dll = LoaderName(descriptor.dll);
  function.slot =
      Rva{static_cast<uint32_t>(descriptor.first_thunk + index * 4)};
  if (thunk & kByOrdinal) {
    function.name.ordinal = static_cast<uint16_t>(thunk);
    return function;
  }
  // A 16-bit hint stands in front of the name.
  std::optional<std::string> name =
      reader_.Text(uint64_t{thunk} + 2, kMaxNameLength);
  if (name && !name->empty()) {
    name_bytes_ += name->size();
    function.name.name = std::move(*name);
    return function;
  }
  const std::string text = ImportText(image_, descriptor.dll);
  if (descriptor.time_date_stamp != 0 &&
      ThunksOf(descriptor) == descriptor.first_thunk) {
    return Error{text + " is bound (TimeDateStamp " +
                 HexNumber(descriptor.time_date_stamp) +
                 ") and has no lookup table that names its functions"};
  }
  return Error{text + ": function " + std::to_string(index + 1) +
               " has its name at RVA " + HexNumber(thunk) +
               ", where none stands"};
}

Result<void> ImportWalk::Functions(ImportDescriptor& descriptor) {
  const std::string text = ImportText(image_, descriptor.dll);
  const uint64_t thunks = ThunksOf(descriptor);
  for (size_t i = 0;; ++i) {
    const std::optional<uint32_t> thunk = reader_.U32(thunks + i * 4);
    if (!thunk) {
      return Error{text + ": lookup table runs to RVA " +
                   HexNumber(thunks + i * 4) + ", outside the sections"};
    }
    if (*thunk == 0) return {};
    const uint64_t slot = uint64_t{descriptor.first_thunk} + i * 4;
    if (!reader_.Holds(slot, 4)) {
      return Error{text + ": slot " + std::to_string(i + 1) + " at RVA " +
                   HexNumber(slot) + " is outside the sections"};
    }
    Result<ImportedFunction> function = Function(descriptor, *thunk, i);
    if (!function) return function.error();
    descriptor.functions.push_back(std::move(*function));
    if (++function_count_ > kMaxImportedFunctions) {
      return Error{"more than " + std::to_string(kMaxImportedFunctions) +
                   " imported functions"};
    }
    if (name_bytes_ > image_.file().size()) {
      return Error{text + ": names of imports overlap, they have " +
                   HexNumber(name_bytes_) + " bytes up to here, the file " +
                   HexNumber(image_.file().size())};
    }
  }
}

Result<void> ImportWalk::Run() {
  const uint64_t table = image_.directory(Directory::kImport).rva;
  if (table == 0) return {};
  for (uint64_t at = table;; at += kImportDescriptorSize) {
    Result<std::optional<ImportDescriptor>> next = Descriptor(at);
    if (!next) return next.error();
    if (!next->has_value()) return {};
    ImportDescriptor& descriptor = **next;
    const std::optional<std::string> dll =
        reader_.Text(descriptor.name, kMaxNameLength);
    if (!dll || dll->empty()) {
      return Error{"import " + std::to_string(image_.imports.size() + 1) +
                   " has its DLL's name at RVA " + HexNumber(descriptor.name) +
                   ", where none stands"};
    }
    descriptor.dll = *dll;
    if (Result<void> ok = Functions(descriptor); !ok) return ok;
    image_.imports.push_back(std::move(descriptor));
    if (image_.imports.size() > kMaxImportDescriptors) {
      return Error{"more than " + std::to_string(kMaxImportDescriptors) +
                   " import descriptors"};
    }
  }
}

// One IMAGE_BOUND_IMPORT_DESCRIPTOR or IMAGE_BOUND_FORWARDER_REF.
struct BoundEntry {
  uint32_t time_date_stamp = 0;
  uint16_t name_offset = 0;  // from the start of the table
  uint16_t references = 0;
};

std::optional<BoundEntry> ReadBoundEntry(const ImageReader& reader,
                                         uint64_t rva) {
  if (!reader.Bytes(rva, 8)) return std::nullopt;
  return BoundEntry{*reader.U32(rva), *reader.U16(rva + 4),
                    *reader.U16(rva + 6)};
}

}  // namespace

Result<void> ReadImports(PeImage& image) { return ImportWalk(image).Run(); }

Result<void> ReadBoundImports(PeImage& image) {
  const uint64_t table = image.directory(Directory::kBoundImport).rva;
  if (table == 0) return {};
  const ImageReader reader(image);
  uint32_t references = 0;  // of the current module, still to come
  for (uint64_t at = table;; at += 8) {
    const std::optional<BoundEntry> entry = ReadBoundEntry(reader, at);
    const std::string text =
        "bound import " + std::to_string(image.bound_imports.size() + 1);
    if (!entry) {
      return Error{text + " at RVA " + HexNumber(at) + " is not in the file"};
    }
    const bool forwarder = references > 0;
    // The table ends with an entry without a name; a forwarder reference has
    // one, since the count before it says that it is there.
    if (!forwarder && entry->name_offset == 0) return {};
    const std::optional<std::string> dll =
        reader.Text(table + entry->name_offset, kMaxNameLength);
    if (!dll || dll->empty()) {
      return Error{text + " has its DLL's name at RVA " +
                   HexNumber(table + entry->name_offset) +
                   ", where none stands"};
    }
    references = forwarder ? references - 1 : entry->references;
    image.bound_imports.push_back({*dll, entry->time_date_stamp, forwarder});
    if (image.bound_imports.size() > kMaxBoundImports) {
      return Error{"more than " + std::to_string(kMaxBoundImports) +
                   " bound imports"};
    }
  }
}

}  // namespace detachfix
