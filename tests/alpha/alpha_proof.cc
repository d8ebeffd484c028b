// SPDX-License-Identifier: Apache-2.0
// The Alpha samples on qemu-alpha: see tests/emulator/proof_main.h.
//
//   alpha_proof HOST SAMPLES [DETACHFIX]
//   alpha_proof HOST --one BEFORE [AFTER]
//
// HOST is the program of host/.
#include <cstdio>

#include "tests/alpha/alpha_process.h"
#include "tests/emulator/proof_main.h"

int main(int argc, char** argv) {
  using namespace detachfix;
  using namespace detachfix::emulator;
  if (argc < 2) {
    std::fprintf(stderr, "alpha_proof: no HOST\n");
    return 64;
  }
  AlphaHost host({"qemu-alpha", "-L", "/usr/alpha-linux-gnu", argv[1]});
  LoadFunction load = [&host](std::span<const uint8_t> file,
                              const ProcessOptions& options,
                              FakeSystem& system) {
    return AlphaProcess::Load(file, options, system, host);
  };
  // A repair may end a detach by a jump to the delete function, whose caller
  // then is the loader.
  Allowance allowance{.result_of_deleting_detach = true};
  return ProofMain({"alpha_proof", "alpha", load, allowance},
                   {argv + 2, argv + argc});
}
