// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "disasm/address_numbers.h"
#include "disasm/instruction.h"

namespace detachfix {
namespace {

/// Largest number of instructions of one function that are looked at. The
/// largest functions of the DLLs in mind have a few thousand.
constexpr size_t kMaxInstructions = 65536;

bool ContinuesToNext(Flow flow) {
  return flow == Flow::kNext || flow == Flow::kBranch || flow == Flow::kCall;
}

bool GoesToTarget(Flow flow) {
  return flow == Flow::kBranch || flow == Flow::kJump;
}

}  // namespace

std::vector<Rva> Successors(const Instruction& instruction) {
  std::vector<Rva> successors;
  if (ContinuesToNext(instruction.flow)) {
    successors.push_back(instruction.rva + instruction.size);
  }
  if (GoesToTarget(instruction.flow) && instruction.target) {
    successors.push_back(*instruction.target);
  }
  return successors;
}

FunctionBody DecodeFunction(const CodeView& view, Rva start) {
  FunctionBody body;
  AddressNumbers seen;
  std::vector<Rva> todo = {start};
  while (!todo.empty() && body.instructions.size() < kMaxInstructions) {
    const Rva rva = todo.back();
    todo.pop_back();
    if (seen.Has(rva.value)) continue;
    seen.Add(rva.value);
    Instruction instruction = Decode(view, rva);
    if (instruction.flow == Flow::kUnknown) body.has_unknown = true;
    for (const Rva next : Successors(instruction)) todo.push_back(next);
    if (GoesToTarget(instruction.flow) && !instruction.target &&
        !instruction.slot) {
      body.has_indirect_jump = true;
    }
    body.instructions.push_back(std::move(instruction));
  }
  if (!todo.empty()) body.has_unknown = true;
  std::ranges::sort(body.instructions, {}, &Instruction::rva);
  return body;
}

}  // namespace detachfix
