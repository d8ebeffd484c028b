// SPDX-License-Identifier: Apache-2.0
// The modules of the process: which a name or an address means, which functions
// they have, and what keeps the image itself loaded.

#include <algorithm>

#include "disasm/interpreter.h"
#include "disasm/process.h"

namespace detachfix {
namespace {

/// The handle of a module that is neither the system's nor imported from, and
/// of the first that is.
constexpr uint32_t kOtherModule = 0x7b000000;
constexpr uint32_t kFirstImported = 0x7b100000;
constexpr uint32_t kModuleDistance = 0x1000;

}  // namespace

/// Whether the call may load the image once more: by its own name, or one that
/// is not known (GetModuleFileName may have given it), or by an address in it
/// (GetModuleHandleEx, libloaderapi.h; LdrLoadDll and LdrAddRefDll below them).
bool Interpreter::KeepsImageLoaded(const State& state,
                                   const ImportName& import) const {
  constexpr uint64_t kUnchanged = 2, kFromAddress = 4;
  const uint32_t width = CharacterSize(import);
  if (import.name.starts_with("LoadLibrary")) {
    return MayBeOwnName(TextAt(state, Argument(state, 0), width));
  }
  if (import.name == "LdrLoadDll") {
    // Its third argument is a UNICODE_STRING, whose buffer is at offset 4.
    Value name = Argument(state, 2);
    name = Evaluate(BinaryOp::kAdd, 32, name, ConstantValue(4));
    return MayBeOwnName(TextAt(state, WordAt(state, name), 2));
  }
  const Value module = Argument(state, 1);
  if (import.name == "LdrAddRefDll") return MayBeOwnAddress(module);
  if (!import.name.starts_with("GetModuleHandleEx")) return false;
  const Value flags = Argument(state, 0);
  if (!flags.IsConstant()) return true;
  if ((flags.bits & kUnchanged) != 0) return false;
  if ((flags.bits & kFromAddress) == 0) {
    return !module.IsConstant(0) && MayBeOwnName(TextAt(state, module, width));
  }
  return MayBeOwnAddress(module);
}

/// What GetModuleHandle gives of the two modules that every process has before
/// any other: by the number that they have in the ordinary one.
std::optional<Value> Interpreter::BasicModule(const State& state,
                                              const ImportName& import) const {
  if (import.name != "GetModuleHandleA" && import.name != "GetModuleHandleW") {
    return std::nullopt;
  }
  const std::optional<std::string> name =
      TextAt(state, Argument(state, 0), CharacterSize(import));
  if (!name) return std::nullopt;
  std::string module = LowerCase(*name);
  if (module.find('.') == std::string::npos) module += ".dll";
  if (module != "kernel32.dll" && module != "ntdll.dll") return std::nullopt;
  return ConstantValue(ModuleInProcess(module));
}

/// Whether `value`, unless it is known, may lie in the image.
bool Interpreter::MayBeOwnAddress(const Value& value) const {
  return !value.IsConstant() ||
         value.bits - view_.image_base < view_.image_size;
}

/// Whether a file of that name, unknown where there is none, may be the image.
bool Interpreter::MayBeOwnName(const std::optional<std::string>& path) const {
  if (!path) return true;
  const std::string own = LowerCase(ImagePath(view_.name));
  const std::string file = LowerCase("\\" + *path);
  const std::string name = file.substr(file.find_last_of("\\/") + 1);
  const std::string own_name = own.substr(own.find_last_of('\\') + 1);
  return name == own_name || name + ".dll" == own_name;
}

/// The module that argument `at` names; nothing for one of which it is not
/// known whether it is loaded. The system's are, and those that the image
/// imports from.
std::optional<Value> Interpreter::ModuleNamed(const State& state, size_t at,
                                              const Answer& answer) {
  const Value pointer = Argument(state, at);
  if (pointer.IsConstant(0)) return ConstantValue(program_);
  const std::optional<std::string> name = TextAt(state, pointer, answer.number);
  if (!name) return std::nullopt;
  const uint32_t handle = ModuleInProcess(*name);
  if (handle != 0) return ConstantValue(handle);
  const std::string lower = LowerCase(*name);
  for (const std::string& dll : {lower, lower + ".dll"}) {
    const auto found = std::ranges::lower_bound(imported_dlls_, dll);
    if (found == imported_dlls_.end() || *found != dll) continue;
    const auto index = static_cast<uint64_t>(found - imported_dlls_.begin());
    return ConstantValue(kFirstImported + kModuleDistance * index);
  }
  const std::string own = LowerCase(view_.name);
  if (!own.empty() && (lower == own || lower + ".dll" == own)) {
    return ConstantValue(view_.image_base);
  }
  if (answer.kind == AnswerKind::kLoadModule) {
    // Such as a program's strings in another language.
    const bool is_absent =
        IsOrdinaryFile(lower) && !makes_files_ && !MayBeOwnName(lower);
    if (is_absent) return ConstantValue(0);
    loaded_.insert(lower);
    return ConstantValue(kOtherModule);
  }
  if (loaded_.contains(lower)) return ConstantValue(kOtherModule);
  // Without a name of its own, the image may be the one that is asked for.
  if (own.empty()) return std::nullopt;
  return ConstantValue(0);
}

/// The function of that name in a module; nothing where there is none, or where
/// that is not known.
std::optional<ImportName> Interpreter::FunctionIn(
    const Value& module, const std::string& name) const {
  const ImportName import = LookUpByName(name);
  if (module.IsConstant(0)) return std::nullopt;
  ImportName other{"another module", name, std::nullopt};
  // An add-on finds the program that loads it whatever that is called.
  if (import.dll == "node.exe") other = import;
  if (!module.IsConstant()) return other;
  const uint64_t index = (module.bits - kFirstImported) / kModuleDistance;
  if (module.bits >= kFirstImported && index < imported_dlls_.size()) {
    return ImportName{imported_dlls_[index], name, std::nullopt};
  }
  if (module.bits == kOtherModule) return other;
  if (module.bits == program_) {
    return ImportName{kProgramModule, name, std::nullopt};
  }
  // What no table knows is newer than this process's system.
  const Api api = LookUpApi(import);
  const bool known = api.stack_bytes || api.effect != ApiEffect::kAny;
  if (!known && IsKnownModule(module.bits)) return std::nullopt;
  return import;
}

/// GetModuleHandleEx: (flags, name or address, to).
std::optional<Value> Interpreter::WriteModule(State& state,
                                              const Answer& answer) {
  constexpr uint64_t kFromAddress = 4;
  const Value flags = Argument(state, 0);
  const Value address = Argument(state, 1);
  const std::optional<MemoryAddress> to = AddressOf(Argument(state, 2));
  if (!flags.IsConstant() || !to) return std::nullopt;
  std::optional<Value> module;
  if ((flags.bits & kFromAddress) == 0) {
    module = ModuleNamed(state, 1, answer);
  } else if (address.IsConstant() &&
             address.bits - view_.image_base < view_.image_size) {
    module = ConstantValue(view_.image_base);
  }
  if (!module) return std::nullopt;
  ForgetIfInImage(state, Argument(state, 2));
  StoreAt(state, *to, 4, *module);
  return ConstantValue(module->bits != 0 ? 1 : 0);
}

}  // namespace detachfix
