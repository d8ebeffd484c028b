// SPDX-License-Identifier: Apache-2.0
// DLLs of a few dozen bytes of machine code, for the emulator's own tests: some
// behave, some do what a wrong repair would do.
#ifndef DETACHFIX_TESTS_EMULATOR_TINY_DLL_H_
#define DETACHFIX_TESTS_EMULATOR_TINY_DLL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace detachfix::emulator {

/// One DLL that a tiny DLL imports from.
struct TinyImport {
  std::string dll;
  std::vector<std::string> names;
  /// Bound when not empty: an address for each name, and the stamp.
  std::vector<uint32_t> bound_addresses;
  uint32_t bound_stamp = 0;
  std::vector<std::pair<std::string, uint32_t>> bound_forwarders;
  bool has_lookup_table = true;
};

/// Four sections, each in a page of its own: .text, .idata, .data, .reloc.
class TinyDll {
 public:
  static constexpr uint32_t kBase = 0x10000000;
  static constexpr uint32_t kText = 0x1000;
  static constexpr uint32_t kImports = 0x2000;
  static constexpr uint32_t kData = 0x3000;
  static constexpr uint32_t kLock = kData;  ///< where DLLs keep their section

  explicit TinyDll(std::vector<TinyImport> imports);

  /// The import slot of `name`, the first of that name.
  uint32_t SlotOf(const std::string& name) const;

  /// The RVA behind the code so far.
  uint32_t end_of_text() const {
    return kText + static_cast<uint32_t>(text_.size());
  }

  // Machine code is appended to .text; each returns *this.
  TinyDll& Code(const std::vector<uint8_t>& bytes);
  /// `bytes`, then the address of `rva`, with its base relocation.
  TinyDll& CodeAt(const std::vector<uint8_t>& bytes, uint32_t rva);
  /// push kLock + offset; call [slot of `name`]
  TinyDll& CallWithLock(const std::string& name, uint32_t offset = 0);
  /// jne past `inner`, which was assembled by a callable that takes the DLL.
  template <typename Inner>
  TinyDll& UnlessEqual(Inner inner) {
    Code({0x75, 0x00});  // jne, distance filled in below
    size_t from = text_.size();
    inner(*this);
    text_[from - 1] = static_cast<uint8_t>(text_.size() - from);
    return *this;
  }

  std::vector<uint8_t> Build() const;

  // What the loader goes by; change before Build.
  bool iat_directory = true;
  bool writable_imports = false;
  bool writable_text = false;
  bool relocations = true;
  bool relocations_stripped = false;
  uint32_t entry = kText;
  uint32_t text_virtual_size = 0;  ///< 0: as long as the code

 private:
  std::vector<TinyImport> imports_;
  std::vector<uint8_t> text_;
  std::vector<uint32_t> fixups_;
};

/// Reason 1: initialises kLock. Reason 0 with lpvReserved NULL: runs what
/// `on_free` assembles. Always returns TRUE.
template <typename OnFree>
TinyDll MakeLockDll(std::vector<TinyImport> imports,
                    const std::string& initialise, OnFree on_free) {
  TinyDll dll(std::move(imports));
  dll.Code({0x83, 0x7c, 0x24, 0x08, 0x01});  // cmp dword [esp+8], 1
  dll.UnlessEqual([&](TinyDll& d) { d.CallWithLock(initialise); });
  // mov eax, [esp+8]; or eax, [esp+12]: zero for detach because of FreeLibrary
  dll.Code({0x8b, 0x44, 0x24, 0x08, 0x0b, 0x44, 0x24, 0x0c});
  dll.UnlessEqual(on_free);
  dll.Code({0xb8, 0x01, 0x00, 0x00, 0x00});  // mov eax, 1
  dll.Code({0xc2, 0x0c, 0x00});              // ret 12
  return dll;
}

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_TINY_DLL_H_
