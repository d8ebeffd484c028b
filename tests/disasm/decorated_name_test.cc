// SPDX-License-Identifier: Apache-2.0
#include "disasm/decorated_name.h"

#include <gtest/gtest.h>

#include <string>

namespace detachfix {
namespace {

using Bytes = std::optional<uint32_t>;

TEST(BytesPoppedByName, OfMembersAreThoseOfTheirParameters) {
  EXPECT_EQ(BytesPoppedByName("??0QString@@QAE@XZ"), Bytes(0));
  EXPECT_EQ(BytesPoppedByName("??1QByteArray@@QAE@XZ"), Bytes(0));
  EXPECT_EQ(BytesPoppedByName("??0QString@@QAE@ABV0@@Z"), Bytes(4));
  EXPECT_EQ(BytesPoppedByName("??0QThreadStorageData@@QAE@P6AXPAX@Z@Z"),
            Bytes(4));
  EXPECT_EQ(BytesPoppedByName("?put@?$num_put@DV?$ostreambuf_iterator@DU"
                              "?$char_traits@D@std@@@std@@@std@@QBE_NPADN_J@Z"),
            Bytes(20));
  EXPECT_EQ(BytesPoppedByName("??_GFoo@@UAEPAXI@Z"), Bytes(4));
  EXPECT_EQ(BytesPoppedByName("??4A@?A0x12345678@@QAEAAV01@$$QAV01@@Z"),
            Bytes(4));
}

TEST(BytesPoppedByName, AreTheCallersInCdecl) {
  EXPECT_EQ(BytesPoppedByName("?qFree@@YAXPAX@Z"), Bytes(0));
  EXPECT_EQ(BytesPoppedByName("?arg@S@@QAAXPBDZZ"), Bytes(0));
  EXPECT_EQ(BytesPoppedByName("?f@@YAXVQString@@@Z"), Bytes(0));
  EXPECT_EQ(BytesPoppedByName(
                "?registerInterpolator@QVariantAnimation@@CAXP6A?AVQVariant@@"
                "PBX0N@ZH@Z"),
            Bytes(0));
}

TEST(BytesPoppedByName, CountTheObjectAndTheResultOnTheStack) {
  EXPECT_EQ(BytesPoppedByName("?Get@A@@UAGJH@Z"), Bytes(8));
  EXPECT_EQ(BytesPoppedByName("?Get@@YGJHN@Z"), Bytes(12));
  EXPECT_EQ(BytesPoppedByName("?toUtf8@QString@@QBE?AVQByteArray@@XZ"),
            Bytes(4));
  EXPECT_EQ(BytesPoppedByName("?Get@@YG?AUpoint@@H@Z"), Bytes());
}

TEST(BytesPoppedByName, ADigitStandsForAnEarlierParameter) {
  EXPECT_EQ(BytesPoppedByName("?f@A@@QAEXPBDN0@Z"), Bytes(16));
  EXPECT_EQ(BytesPoppedByName("?f@A@@QAEX_JH0@Z"), Bytes(20));
  EXPECT_EQ(BytesPoppedByName("?f@A@@QAEX_JH1@Z"), Bytes());
}

TEST(BytesPoppedByName, AreNotGuessed) {
  EXPECT_EQ(BytesPoppedByName("??0QChar@@QAE@UQLatin1Char@@@Z"), Bytes());
  EXPECT_EQ(BytesPoppedByName("?f@A@@QAEXV1@@Z"), Bytes());
  EXPECT_EQ(BytesPoppedByName("?f@@YIXHH@Z"), Bytes());
  EXPECT_EQ(BytesPoppedByName("?f@A@@QEAAXH@Z"), Bytes());
  EXPECT_EQ(BytesPoppedByName("??_7A@@6B@"), Bytes());
  EXPECT_EQ(BytesPoppedByName("?x@@3HA"), Bytes());
  EXPECT_EQ(BytesPoppedByName("?f@A@@QAEXH@Zx"), Bytes());
  for (const char* name : {"", "?", "??", "f", "?f@", "?f@@Q", "?f@@QAE",
                           "?f@@QAEX", "?f@@QAEXPA", "?f@?$@@", "?f@@YGXP6"}) {
    EXPECT_EQ(BytesPoppedByName(name), Bytes()) << name;
  }
  EXPECT_EQ(BytesPoppedByName("?f@@YGX" + std::string(10'000, 'P') + "A"),
            Bytes());
}

}  // namespace
}  // namespace detachfix
