// SPDX-License-Identifier: Apache-2.0
// The i386 samples on Unicorn: see proof_main.h.
#include "tests/emulator/proof_main.h"

int main(int argc, char** argv) {
  return detachfix::emulator::ProofMain({"emulator_proof", "i386", {}, {}},
                                        {argv + 1, argv + argc});
}
