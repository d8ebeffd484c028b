// SPDX-License-Identifier: Apache-2.0
#include "disasm/process/modules.h"

#include <algorithm>
#include <vector>

#include "disasm/process/answers.h"
#include "disasm/process/process.h"

namespace detachfix {
namespace {

/// The handle of a module that is neither the system's nor imported from, and
/// of the first that is.
constexpr uint32_t kOtherModule = 0x7b000000;
constexpr uint32_t kFirstImported = 0x7b100000;
constexpr uint32_t kModuleDistance = 0x1000;

/// Whether `value`, unless it is known, may lie in the image.
bool MayBeOwnAddress(const CodeView& view, const Value& value) {
  return !value.IsConstant() || value.bits - view.image_base < view.image_size;
}

/// Whether a file of that name, unknown where there is none, may be the image.
bool MayBeOwnName(const CodeView& view,
                  const std::optional<std::string>& path) {
  if (!path) return true;
  const std::string own = LowerCase(ImagePath(view.name));
  const std::string file = LowerCase("\\" + *path);
  const std::string name = file.substr(file.find_last_of("\\/") + 1);
  const std::string own_name = own.substr(own.find_last_of('\\') + 1);
  return name == own_name || name + ".dll" == own_name;
}

/// The module that argument `at` names; nothing for one of which it is not
/// known whether it is loaded. The system's are, and those that the image
/// imports from.
std::optional<Value> ModuleNamed(const ProcessCall& call, size_t at,
                                 const Answer& answer) {
  const Value pointer = call.Argument(at);
  if (pointer.IsConstant(0)) return ConstantValue(call.process.program());
  const std::optional<std::string> name = call.TextAt(pointer, answer.number);
  if (!name) return std::nullopt;
  const uint32_t handle = ModuleInProcess(*name);
  if (handle != 0) return ConstantValue(handle);
  const std::string lower = LowerCase(*name);
  const std::vector<std::string>& imported = call.process.imported_dlls();
  for (const std::string& dll : {lower, lower + ".dll"}) {
    const auto found = std::ranges::lower_bound(imported, dll);
    if (found == imported.end() || *found != dll) continue;
    const auto index = static_cast<uint64_t>(found - imported.begin());
    return ConstantValue(kFirstImported + kModuleDistance * index);
  }
  const std::string own = LowerCase(call.view().name);
  if (!own.empty() && (lower == own || lower + ".dll" == own)) {
    return ConstantValue(call.view().image_base);
  }
  if (answer.kind == AnswerKind::kLoadModule) {
    // Such as a program's strings in another language.
    const bool is_absent = IsOrdinaryFile(lower) &&
                           !call.process.makes_files() &&
                           !MayBeOwnName(call.view(), lower);
    if (is_absent) return ConstantValue(0);
    call.process.NoteLoaded(lower);
    return ConstantValue(kOtherModule);
  }
  if (call.process.HasLoaded(lower)) return ConstantValue(kOtherModule);
  // Without a name of its own, the image may be the one that is asked for.
  if (own.empty()) return std::nullopt;
  return ConstantValue(0);
}

}  // namespace

// By its own name, or one that is not known (GetModuleFileName may have given
// it), or by an address in it (GetModuleHandleEx, libloaderapi.h; LdrLoadDll
// and LdrAddRefDll below them).
bool KeepsImageLoaded(const ProcessCall& call) {
  constexpr uint64_t kUnchanged = 2, kFromAddress = 4;
  const uint32_t width = CharacterSize(call.import);
  if (call.import.name.starts_with("LoadLibrary")) {
    return MayBeOwnName(call.view(), call.TextAt(call.Argument(0), width));
  }
  if (call.import.name == "LdrLoadDll") {
    // Its third argument is a UNICODE_STRING, whose buffer is at offset 4.
    Value name = call.Argument(2);
    name = Evaluate(BinaryOp::kAdd, 32, name, ConstantValue(4));
    return MayBeOwnName(call.view(), call.TextAt(WordAt(call.state, name), 2));
  }
  const Value module = call.Argument(1);
  if (call.import.name == "LdrAddRefDll")
    return MayBeOwnAddress(call.view(), module);
  if (!call.import.name.starts_with("GetModuleHandleEx")) return false;
  const Value flags = call.Argument(0);
  if (!flags.IsConstant()) return true;
  if ((flags.bits & kUnchanged) != 0) return false;
  if ((flags.bits & kFromAddress) == 0) {
    return !module.IsConstant(0) &&
           MayBeOwnName(call.view(), call.TextAt(module, width));
  }
  return MayBeOwnAddress(call.view(), module);
}

std::optional<Value> BasicModule(const ProcessCall& call) {
  if (call.import.name != "GetModuleHandleA" &&
      call.import.name != "GetModuleHandleW") {
    return std::nullopt;
  }
  const std::optional<std::string> name =
      call.TextAt(call.Argument(0), CharacterSize(call.import));
  if (!name) return std::nullopt;
  std::string module = LowerCase(*name);
  if (module.find('.') == std::string::npos) module += ".dll";
  if (module != "kernel32.dll" && module != "ntdll.dll") return std::nullopt;
  return ConstantValue(ModuleInProcess(module));
}

std::optional<ImportName> FunctionIn(const OrdinaryProcess& process,
                                     const Value& module,
                                     const std::string& name) {
  const ImportName import = LookUpByName(name);
  if (module.IsConstant(0)) return std::nullopt;
  ImportName other{"another module", name, std::nullopt};
  // An add-on finds the program that loads it whatever that is called.
  if (import.dll == "node.exe") other = import;
  if (!module.IsConstant()) return other;
  const uint64_t index = (module.bits - kFirstImported) / kModuleDistance;
  if (module.bits >= kFirstImported && index < process.imported_dlls().size()) {
    return ImportName{process.imported_dlls()[index], name, std::nullopt};
  }
  if (module.bits == kOtherModule) return other;
  if (module.bits == process.program()) {
    return ImportName{kProgramModule, name, std::nullopt};
  }
  // What no table knows is newer than this process's system.
  const Api api = LookUpApi(import);
  const bool known = api.stack_bytes || api.effect != ApiEffect::kAny;
  if (!known && IsKnownModule(module.bits)) return std::nullopt;
  return import;
}

std::optional<Value> TellModule(const ProcessCall& call, const Answer& answer) {
  return ModuleNamed(call, 0, answer);
}

/// GetModuleHandleEx: (flags, name or address, to).
std::optional<Value> WriteModule(const ProcessCall& call,
                                 const Answer& answer) {
  constexpr uint64_t kFromAddress = 4;
  const Value flags = call.Argument(0);
  const Value address = call.Argument(1);
  const std::optional<MemoryAddress> to = call.Pointed(2);
  if (!flags.IsConstant() || !to) return std::nullopt;
  std::optional<Value> module;
  if ((flags.bits & kFromAddress) == 0) {
    module = ModuleNamed(call, 1, answer);
  } else if (address.IsConstant() &&
             address.bits - call.view().image_base < call.view().image_size) {
    module = ConstantValue(call.view().image_base);
  }
  if (!module) return std::nullopt;
  call.ForgetIfInImage(call.Argument(2));
  call.StoreAt(*to, 4, *module);
  return ConstantValue(module->bits != 0 ? 1 : 0);
}

}  // namespace detachfix
