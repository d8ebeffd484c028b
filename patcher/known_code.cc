// SPDX-License-Identifier: Apache-2.0
#include "patcher/known_code.h"

#include <set>
#include <vector>

namespace detachfix {
namespace {

/// Functions that are decoded at most. Security.dll has a few hundred; the rest
/// of a larger DLL is merely not known.
constexpr size_t kMaxFunctions = 4096;

std::vector<Rva> Roots(const PeImage& image) {
  std::vector<Rva> roots = {image.entry_point};
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
  for (const Trace* trace :
       {&traces.attach, &traces.detach, &traces.process_exit,
        &traces.thread_attach, &traces.thread_detach}) {
    for (Rva rva : trace->visited) {
      code.instructions.emplace(rva, Decode(view, rva));
    }
  }
  std::vector<Rva> todo = Roots(image);
  for (const auto& [rva, instruction] : code.instructions) {
    if (instruction.target) todo.push_back(*instruction.target);
  }
  std::set<Rva> done;
  while (!todo.empty() && done.size() < kMaxFunctions) {
    const Rva start = todo.back();
    todo.pop_back();
    if (!done.insert(start).second) continue;
    const FunctionBody body = DecodeFunction(view, start);
    if (start == image.entry_point) {
      code.entry_jumps_indirectly = body.has_indirect_jump;
      code.entry_has_unknown = body.has_unknown;
    }
    for (const Instruction& instruction : body.instructions) {
      if (instruction.flow == Flow::kUnknown) continue;
      code.instructions.emplace(instruction.rva, instruction);
      if (instruction.flow == Flow::kCall && instruction.target) {
        todo.push_back(*instruction.target);
      }
    }
  }
  return code;
}

}  // namespace detachfix
