// SPDX-License-Identifier: Apache-2.0
#include "patcher/target.h"

#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::FullSpec;
using test::MustRead;
using test::PeSpec;

struct Named {
  std::string export_name;
  std::string original_filename;
  std::string internal_name;
  std::string target;   ///< empty: it is not one
  std::string because;  ///< when it is not
};

PeSpec SpecOf(const Named& row) {
  PeSpec spec = FullSpec();
  spec.export_name = row.export_name;
  spec.version.clear();
  if (!row.original_filename.empty()) {
    spec.version.emplace_back("OriginalFilename", row.original_filename);
  }
  if (!row.internal_name.empty()) {
    spec.version.emplace_back("InternalName", row.internal_name);
  }
  return spec;
}

TEST(Target, GoesByTheNamesInTheFile) {
  const Named rows[] = {
      {"SECURITY.dll", "", "", "security.dll", ""},
      {"secur128.DLL", "", "", "secur128.dll", ""},
      {"security", "", "", "security.dll", ""},
      {"", "Security.dll", "", "security.dll", ""},
      {"", "", "secur128", "secur128.dll", ""},
      {"other.dll", "security.dll", "", "security.dll", ""},
      {"secur128.dll", "security.dll", "", "secur128.dll", ""},
      {"schannel.dll", "", "", "",
       "it is not named security.dll: export name \"schannel.dll\""},
      {"a.dll", "b.dll", "c", "",
       "it is not named security.dll: export name \"a.dll\", "
       "OriginalFilename \"b.dll\", InternalName \"c\""},
      {"security.dl", "", "", "",
       "it is not named security.dll: export name \"security.dl\""},
      {"", "", "", "",
       "it has neither an export name nor a version resource that names it"},
  };
  for (const Named& row : rows) {
    const TargetMatch match = IdentifyTarget(MustRead(SpecOf(row)));
    EXPECT_EQ(match.name.value_or(""), row.target) << row.export_name;
    EXPECT_EQ(match.because, row.because);
  }
}

TEST(Target, NeedsASspiEntryOfItsOwn) {
  PeSpec spec = FullSpec();
  spec.exports = {{"InitSecurityInterfaceW", "init"}};
  EXPECT_EQ(IdentifyTarget(MustRead(spec)).name, "security.dll");
  spec.exports = {{"InitSecurityInterfaceA", "", "SECUR32.InitA"},
                  {"InitSecurityInterfaceW", "init"}};
  EXPECT_EQ(IdentifyTarget(MustRead(spec)).name, "security.dll");
}

TEST(Target, IsNotADllWithoutSspiEntry) {
  PeSpec spec = FullSpec();
  spec.exports = {{"InitSecurityInterface", "init"}};
  const TargetMatch match = IdentifyTarget(MustRead(spec));
  EXPECT_FALSE(match.name);
  EXPECT_EQ(match.because,
            "export name is \"SECURITY.dll\", but it exports neither "
            "InitSecurityInterfaceA nor W");
}

TEST(Target, IsNotTheForwarderOfWindows2000) {
  PeSpec spec = FullSpec();
  spec.exports = {
      {"InitSecurityInterfaceA", "", "SECUR32.InitSecurityInterfaceA"},
      {"InitSecurityInterfaceW", "", "SECUR32.InitSecurityInterfaceW"}};
  const TargetMatch match = IdentifyTarget(MustRead(spec));
  EXPECT_FALSE(match.name);
  EXPECT_TRUE(match.is_forwarder);
  EXPECT_EQ(match.because,
            "export name is \"SECURITY.dll\", but InitSecurityInterfaceA is "
            "forwarded to SECUR32.InitSecurityInterfaceA: Windows 2000 or "
            "later");
}

TEST(Target, IsNotADllWhoseEntryIsData) {
  PeSpec spec = FullSpec();
  spec.exports = {{"InitSecurityInterfaceA", ".data"}};
  const TargetMatch match = IdentifyTarget(MustRead(spec));
  EXPECT_FALSE(match.name);
  EXPECT_EQ(match.because,
            "export name is \"SECURITY.dll\", but InitSecurityInterfaceA is "
            "not code");
}

TEST(Target, IsNotForAMachineThatTheArticleDoesNotList) {
  PeImage image = MustRead(FullSpec());
  image.machine = kMachineAlpha;
  EXPECT_EQ(IdentifyTarget(image).name, "security.dll");
  image.machine = 0x1f0;
  const TargetMatch match = IdentifyTarget(image);
  EXPECT_FALSE(match.name);
  EXPECT_EQ(match.because, "machine is PowerPC (0x1f0), not i386 or Alpha");
}

}  // namespace
}  // namespace detachfix
