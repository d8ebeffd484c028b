// SPDX-License-Identifier: Apache-2.0
// How a fuzz target says that a law was broken: by ending the process, which is
// what libFuzzer and the replay take for a finding. Not assert: it must hold in
// every kind of build.
#ifndef DETACHFIX_TESTS_FUZZ_REQUIRE_H_
#define DETACHFIX_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>
#include <string>

namespace detachfix::fuzz {

inline void Require(bool holds, const char* law,
                    const std::string& details = "") {
  if (holds) return;
  std::fprintf(stderr, "law broken: %s %s\n", law, details.c_str());
  std::abort();
}

}  // namespace detachfix::fuzz

#endif  // DETACHFIX_TESTS_FUZZ_REQUIRE_H_
