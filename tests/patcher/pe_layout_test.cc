// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

// Every place that has an offset comes back from it, and the reverse.
void ExpectRoundTrips(const PeImage& image) {
  for (uint32_t rva = 0; rva < image.size_of_image; ++rva) {
    const std::optional<FileOffset> offset = ToOffset(image, Rva{rva});
    if (!offset) continue;
    ASSERT_LT(offset->value, image.bytes.size());
    ASSERT_EQ(ToRva(image, *offset), Rva{rva}) << "RVA " << rva;
  }
  for (uint32_t at = 0; at < image.bytes.size(); ++at) {
    const std::optional<Rva> rva = ToRva(image, FileOffset{at});
    if (!rva) continue;
    const std::optional<FileOffset> back = ToOffset(image, *rva);
    if (!back) continue;  // shared bytes
    ASSERT_EQ(back, FileOffset{at});
  }
}

TEST(PeLayout, OffsetAndRvaAreInverse) {
  const std::vector<std::pair<std::string, uint32_t>> overrides[] = {
      {},
      {{"Section[0].VirtualSize", 0}},
      {{"Section[0].VirtualSize", 0x10}},
      {{"Section[1].PointerToRawData", 0x6ff}},
      {{"Section[1].PointerToRawData", 0x500}},
      {{"Section[1].PointerToRawData", 0x400}},
      {{"Section[1].PointerToRawData", 0}},
      {{"SizeOfHeaders", 0x1000}},
  };
  for (const auto& fields : overrides) {
    PeSpec spec = FullSpec();
    spec.overrides = fields;
    ExpectRoundTrips(MustRead(spec));
  }
  PeSpec flat = FullSpec();
  flat.section_alignment = flat.file_alignment = 0x20;
  ExpectRoundTrips(MustRead(flat));
}

TEST(PeLayout, FindsSections) {
  const PeImage image = MustRead(FullSpec());
  EXPECT_EQ(SectionAt(image, Rva{0x1000}), &image.sections[0]);
  EXPECT_EQ(SectionAt(image, Rva{0x11ff}), &image.sections[0]);  // raw slack
  EXPECT_EQ(SectionAt(image, Rva{0x1200}), nullptr);
  EXPECT_EQ(SectionAt(image, Rva{0x27ff}), &image.sections[1]);
  EXPECT_EQ(SectionAt(image, Rva{0x2800}), nullptr);
  EXPECT_EQ(SectionAt(image, Rva{0}), nullptr);
  EXPECT_EQ(SectionAt(image, Rva{0xffffffff}), nullptr);
}

TEST(PeLayout, FindsOffsets) {
  const PeImage image = MustRead(FullSpec());
  EXPECT_EQ(ToOffset(image, Rva{0x80}), FileOffset{0x80});
  EXPECT_EQ(ToOffset(image, Rva{0x400}), std::nullopt);
  EXPECT_EQ(ToOffset(image, Rva{0x1010}), FileOffset{0x410});
  EXPECT_EQ(ToOffset(image, Rva{0x21ff}), FileOffset{0x7ff});
  EXPECT_EQ(ToOffset(image, Rva{0x2200}), std::nullopt);  // memory only
  EXPECT_EQ(ToRva(image, FileOffset{0x7ff}), Rva{0x21ff});
  EXPECT_EQ(ToRva(image, FileOffset{0x1200}), std::nullopt);  // overlay
  EXPECT_EQ(ToRva(image, FileOffset{0xffffffff}), std::nullopt);
}

TEST(PeLayout, MapsRawDataToTheEndOfTheLastPage) {
  PeSpec spec = FullSpec();
  spec.sections[0].content += " fill:8192:90";
  spec.sections[0].virtual_size = 0x800;
  const PeImage image = MustRead(spec);
  ASSERT_GT(image.sections[0].raw_size, 0x1000u);
  EXPECT_EQ(ToOffset(image, Rva{0x1fff}), FileOffset{0x400 + 0xfff});
  EXPECT_EQ(ToOffset(image, Rva{0x2000}), std::nullopt);
  EXPECT_EQ(ToRva(image, FileOffset{0x400 + 0x1000}), std::nullopt);
}

TEST(PeLayout, LeavesToSectionsWhatHeadersCountToo) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"SizeOfHeaders", 0x1000}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(ToOffset(image, Rva{0x3ff}), FileOffset{0x3ff});
  EXPECT_EQ(ToOffset(image, Rva{0x400}), std::nullopt);
  EXPECT_EQ(ToRva(image, FileOffset{0x400}), Rva{0x1000});
}

TEST(PeCodeView, ShowsHeadersAndSections) {
  const PeImage image = MustRead(FullSpec());
  const CodeView view = MakeCodeView(image);
  EXPECT_EQ(view.machine, 0x14c);
  EXPECT_EQ(view.image_base, 0x77a80000u);
  EXPECT_EQ(view.image_size, 0x8000u);
  ASSERT_EQ(view.regions.size(), 8u);
  EXPECT_EQ(view.regions[0].begin, Rva{0});
  EXPECT_EQ(view.regions[0].size, 0x400u);
  EXPECT_EQ(view.regions[0].content.size(), 0x400u);
  EXPECT_FALSE(view.regions[0].executable);
  EXPECT_FALSE(view.regions[0].writable);
  const CodeRegion& text = view.regions[1];
  EXPECT_EQ(text.begin, Rva{0x1000});
  EXPECT_EQ(text.size, image.sections[0].virtual_size);
  EXPECT_EQ(text.content.size(), text.size);  // no more than is in memory
  EXPECT_EQ(text.content.data(), image.bytes.data() + 0x400);
  EXPECT_TRUE(text.executable);
  EXPECT_FALSE(text.writable);
  const CodeRegion& data = view.regions[2];
  EXPECT_EQ(data.size, 0x800u);
  EXPECT_EQ(data.content.size(), 0x200u);  // no more than is in the file
  EXPECT_FALSE(data.executable);
  EXPECT_TRUE(data.writable);
}

TEST(PeCodeView, HasNoContentWhereNothingIsInTheFile) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[1].PointerToRawData", 0}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(MakeCodeView(image).regions.at(2).content.size(), 0u);
  EXPECT_EQ(MakeCodeView(image).regions.at(2).size, 0x800u);
}

TEST(PeCodeView, NamesImportSlots) {
  PeSpec spec = FullSpec();
  spec.imports.push_back({"WinSpool.DRV", {"#203"}});
  const PeImage image = MustRead(spec);
  const CodeView view = MakeCodeView(image);
  ASSERT_EQ(view.import_slots.size(), 4u);
  EXPECT_EQ(ToText(view.import_slots.at(Rva{0x3000})),
            "kernel32.dll!InitializeCriticalSection");
  EXPECT_EQ(ToText(view.import_slots.at(Rva{0x3004})), "kernel32.dll!#115");
  EXPECT_EQ(ToText(view.import_slots.at(Rva{0x300c})),
            "user32.dll!MessageBoxA");
  EXPECT_EQ(ToText(view.import_slots.at(Rva{0x3014})), "winspool.drv!#203");
}

}  // namespace
}  // namespace detachfix
