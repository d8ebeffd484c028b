// SPDX-License-Identifier: Apache-2.0
#include "patcher/known_code.h"

#include <vector>

namespace detachfix {
namespace {

/// Instructions that are decoded at most: a fifth of a second. All of a DLL of
/// 200 KB, if most of it is code.
constexpr size_t kMaxInstructions = 100'000;

std::vector<Rva> Exported(const PeImage& image) {
  std::vector<Rva> roots;
  for (const ExportedFunction& exported : image.exports) {
    const Section* section = SectionAt(image, exported.rva);
    if (exported.rva.value != 0 && section && section->IsExecutable()) {
      roots.push_back(exported.rva);
    }
  }
  return roots;
}

}  // namespace

KnownCode FindKnownCode(const PeImage& image, const EntryTraces& traces) {
  const CodeView view = MakeCodeView(image);
  KnownCode code;
  std::vector<Rva> todo;
  const auto add = [&](const Instruction& instruction) {
    if (instruction.flow == Flow::kUnknown) return;
    if (!code.instructions.emplace(instruction.rva, instruction).second) return;
    for (const Rva next : Successors(instruction)) todo.push_back(next);
    if (instruction.flow == Flow::kCall && instruction.target) {
      todo.push_back(*instruction.target);
    }
  };
  for (const Trace* trace :
       {&traces.attach, &traces.detach, &traces.process_exit,
        &traces.thread_attach, &traces.thread_detach}) {
    for (const Rva rva : trace->visited) {
      if (!code.instructions.contains(rva)) add(Disassemble(view, rva));
    }
  }
  const FunctionBody entry = DecodeFunction(view, image.entry_point);
  code.entry_jumps_indirectly = entry.has_indirect_jump;
  code.entry_has_unknown = entry.has_unknown;
  for (const Instruction& instruction : entry.instructions) {
    add(Disassemble(view, instruction.rva));
  }
  for (const Rva root : Exported(image)) todo.push_back(root);
  while (!todo.empty() && code.instructions.size() < kMaxInstructions) {
    const Rva rva = todo.back();
    todo.pop_back();
    if (!code.instructions.contains(rva)) add(Disassemble(view, rva));
  }
  code.is_all = todo.empty();
  return code;
}

}  // namespace detachfix
