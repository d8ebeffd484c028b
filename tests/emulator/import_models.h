// SPDX-License-Identifier: Apache-2.0
// What the system's functions do, as far as a DLL's start and end need it.
#ifndef DETACHFIX_TESTS_EMULATOR_IMPORT_MODELS_H_
#define DETACHFIX_TESTS_EMULATOR_IMPORT_MODELS_H_

#include <string>
#include <vector>

#include "tests/emulator/process.h"

namespace detachfix::emulator {

struct Model {
  /// Arguments of a C function; a stdcall function's are in the table.
  uint32_t cdecl_arguments = 0;
  Call::Kind kind = Call::Kind::kOther;
  /// Does what the function does and returns EAX. Arguments beyond those that
  /// the caller pushed are absent, so the vector is as long as the table says.
  uint32_t (*run)(Process&, const std::vector<uint32_t>&) = nullptr;
};

/// The model of `function`, or null: then it answers DefaultResult.
const Model* FindModel(const SystemFunction& function);

/// Success, in the words of the DLL: 0 where functions return a status, else 1.
/// The opposite when everything is to fail.
uint32_t DefaultResult(const SystemFunction& function, bool fails);

}  // namespace detachfix::emulator

#endif  // DETACHFIX_TESTS_EMULATOR_IMPORT_MODELS_H_
