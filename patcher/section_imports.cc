// SPDX-License-Identifier: Apache-2.0
#include "patcher/section_imports.h"

#include <algorithm>
#include <string_view>

#include "disasm/api.h"

namespace detachfix {

bool MayInitialiseSection(const ImportName& import) {
  // Others are called LdrGetProcedureAddressEx and GetProcAddressForCaller.
  constexpr std::string_view kLookUp[] = {"GetProcAddress",
                                          "LdrGetProcedureAddress"};
  const ApiEffect effect = EffectOf(import);
  return NameOf(import).empty() || InitialisesSection(effect) ||
         effect == ApiEffect::kLookUpFunction ||
         std::ranges::any_of(kLookUp, [&import](std::string_view name) {
           return import.name.starts_with(name);
         });
}

bool IsInitialiserOfItsOwn(const std::string& export_name) {
  return InitialisesSection(
      EffectOf({"kernel32.dll", export_name, std::nullopt}));
}

bool MayInitialiseSection(const PeImage& image) {
  const auto by_import = [](const ImportDescriptor& descriptor) {
    return std::ranges::any_of(descriptor.functions,
                               [](const ImportedFunction& function) {
                                 return MayInitialiseSection(function.name);
                               });
  };
  const auto by_itself = [](const ExportedFunction& function) {
    return IsInitialiserOfItsOwn(function.name);
  };
  return image.imports.empty() ||
         std::ranges::any_of(image.imports, by_import) ||
         std::ranges::any_of(image.exports, by_itself);
}

}  // namespace detachfix
