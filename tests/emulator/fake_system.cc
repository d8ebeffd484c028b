// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/fake_system.h"

#include "tests/emulator/argument_table.h"

namespace detachfix::emulator {
namespace {

// Above every usual ImageBase, below the thread block.
constexpr uint32_t kFirstBase = 0x7c000000;
constexpr uint32_t kModuleSize = 0x10000;
// No file is bound to modules of this stamp (it is of July 1979).
constexpr uint32_t kUnboundStamp = 0x11e1a300;
constexpr uint32_t kDataSize = 0x400;

}  // namespace

Result<std::optional<FakeSystem>> FakeSystem::BoundBy(const PeHeaders& headers,
                                                      const ImageBytes& image) {
  Result<std::vector<BoundRow>> bound = ReadBoundImports(headers, image);
  if (!bound) return bound.error();
  Result<std::vector<ImportRow>> imports = ReadImports(headers, image);
  if (!imports) return imports.error();
  FakeSystem system;
  for (const BoundRow& row : *bound) {
    system.Load(row.dll).stamp = row.stamp;
    for (const BoundRow& forwarder : row.forwarders) {
      system.Load(forwarder.dll).stamp = forwarder.stamp;
    }
  }
  bool is_bound = !bound->empty();
  for (const ImportRow& row : *imports) {
    bool old_way = bound->empty() && row.stamp != 0 &&
                   row.stamp != ImportRow::kSeeDirectory;
    if (old_way) system.Load(row.dll).stamp = row.stamp;
    if (!old_way && bound->empty()) continue;
    is_bound = true;
    Result<void> good = system.AddBoundSlots(row, image);
    if (!good) return good.error();
  }
  if (!is_bound) return std::optional<FakeSystem>();
  return std::optional<FakeSystem>(system);
}

Result<void> FakeSystem::AddBoundSlots(const ImportRow& row,
                                       const ImageBytes& image) {
  if (row.lookup_rva == 0) {
    return Error{"the imports of " + row.dll + " have no lookup table"};
  }
  Result<std::vector<std::string>> names =
      ReadLookupTable(row.lookup_rva, image);
  if (!names) return names.error();
  for (uint32_t i = 0; i < names->size(); ++i) {
    std::optional<uint32_t> held = image.U32(row.slots_rva + i * 4);
    // A slot that repeats its lookup entry was never bound.
    if (!held || held == image.U32(row.lookup_rva + i * 4)) continue;
    SystemFunction function{row.dll, (*names)[i]};
    addresses_.emplace(function.ToText(), *held);
    functions_.emplace(*held, function);
  }
  return {};
}

FakeModule& FakeSystem::Load(const std::string& dll) {
  uint32_t index = static_cast<uint32_t>(modules_.size());
  FakeModule fresh{kFirstBase + index * kModuleSize, kUnboundStamp, true};
  return modules_.emplace(dll, fresh).first->second;
}

std::string FakeSystem::ModuleAt(uint32_t base) const {
  for (const auto& [dll, module] : modules_) {
    if (module.base == base) return dll;
  }
  return "";
}

uint32_t FakeSystem::AddressOf(const std::string& dll,
                               const std::string& name) {
  SystemFunction function{dll, name};
  auto known = addresses_.find(function.ToText());
  if (known != addresses_.end()) return known->second;
  uint32_t address = 0;
  std::optional<ImportKind> kind = FindImportKind(dll, name);
  if (kind && kind->convention == ImportKind::Convention::kData) {
    address = next_data_;
    next_data_ += kDataSize;
  } else {
    address = Load(dll).base + 0x1000;
    while (functions_.count(address) != 0) address += 16;
  }
  addresses_.emplace(function.ToText(), address);
  functions_.emplace(address, function);
  return address;
}

const SystemFunction* FakeSystem::FunctionAt(uint32_t address) const {
  auto found = functions_.find(address);
  return found == functions_.end() ? nullptr : &found->second;
}

std::optional<uint32_t> FakeSystem::FirstIn(uint32_t begin,
                                            uint32_t end) const {
  auto found = functions_.lower_bound(begin);
  if (found == functions_.end() || found->first >= end) return std::nullopt;
  return found->first;
}

}  // namespace detachfix::emulator
