// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/read_built.h"

namespace detachfix {
namespace {

using test::BuildPe;
using test::BuiltPe;
using test::ErrorOf;
using test::ExpectMessages;
using test::FullSpec;
using test::MustRead;
using test::PeSpec;

TEST(PeImports, ReadsNamesOrdinalsAndSlots) {
  const BuiltPe pe = BuildPe(FullSpec());
  const PeImage image = MustRead(pe.bytes);
  ASSERT_EQ(image.imports.size(), 2u);
  const ImportDescriptor& kernel = image.imports[0];
  EXPECT_EQ(kernel.dll, "KERNEL32.dll");
  EXPECT_EQ(kernel.offset.value,
            pe.fields.at("Import[0].OriginalFirstThunk").offset);
  EXPECT_EQ(kernel.first_thunk, pe.places.at("iat.begin"));
  EXPECT_EQ(kernel.original_first_thunk, pe.places.at("import.lookup.0.0"));
  EXPECT_EQ(kernel.name, pe.places.at("import.dll.0.0"));
  EXPECT_EQ(kernel.time_date_stamp, 0xffffffffu);
  EXPECT_EQ(kernel.forwarder_chain, 0xffffffffu);
  ASSERT_EQ(kernel.functions.size(), 2u);
  EXPECT_EQ(ToText(kernel.functions[0].name),
            "kernel32.dll!InitializeCriticalSection");
  EXPECT_EQ(kernel.functions[0].slot, Rva{0x3000});
  EXPECT_EQ(ToText(kernel.functions[1].name), "kernel32.dll!#115");
  EXPECT_EQ(kernel.functions[1].slot, Rva{0x3004});
  EXPECT_EQ(image.imports[1].dll, "user32");
  EXPECT_EQ(ToText(image.imports[1].functions.at(0).name),
            "user32.dll!MessageBoxA");
  EXPECT_EQ(image.imports[1].time_date_stamp, 0u);
}

TEST(PeImports, ReadsSlotsWhereThereIsNoLookupTable) {
  // As Borland's linker writes them.
  PeSpec spec = FullSpec();
  spec.imports[0].bound_stamp = 0;
  spec.imports[0].functions = {"One", "#2", "Three"};
  spec.imports[0].lookup_table = false;
  spec.sections[0].content = "entry: init: c3";
  for (const uint32_t lookup : {0u, 0x10u, 0x3ffu}) {
    spec.overrides = {{"Import[0].OriginalFirstThunk", lookup}};
    const PeImage image = MustRead(spec);
    ASSERT_EQ(image.imports.at(0).functions.size(), 3u);
    EXPECT_EQ(image.imports[0].original_first_thunk, lookup);
    EXPECT_EQ(image.imports[0].functions[2].name.name, "Three");
    EXPECT_EQ(image.imports[0].functions[2].slot, Rva{0x3008});
  }
}

TEST(PeImports, ReadsSlotsWhereTheLookupTableIsEmpty) {
  PeSpec spec = FullSpec();
  spec.imports = {{"KERNEL32.dll", {"InitializeCriticalSection", "Other"}}};
  spec.overrides = {{"Lookup[0].0", 0}};
  EXPECT_EQ(MustRead(spec).imports.at(0).functions.size(), 2u);
}

TEST(PeImports, ReadsShortAndStrangeNames) {
  PeSpec spec = FullSpec();
  spec.sections[0].content = "entry: init: c3";
  spec.imports = {{"a.b", {"?f@@YAXXZ"}}, {"x", {"a b", "@__x$q", "\xc3\xa9"}}};
  const PeImage image = MustRead(spec);
  EXPECT_EQ(ToText(image.imports.at(0).functions.at(0).name), "a.b!?f@@YAXXZ");
  EXPECT_EQ(ToText(image.imports.at(1).functions.at(2).name), "x.dll!\xc3\xa9");
}

TEST(PeImports, TakesNoNoticeOfTheDirectorySize) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Directory[1].Size", 0}};
  EXPECT_EQ(MustRead(spec).imports.size(), 2u);
}

TEST(PeImports, StopsAtADescriptorWithoutNameOrSlots) {
  for (const char* field : {"Import[1].Name", "Import[1].FirstThunk"}) {
    PeSpec spec = FullSpec();
    spec.overrides = {{field, 0}};
    EXPECT_EQ(MustRead(spec).imports.size(), 1u) << field;
  }
}

TEST(PeImports, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Directory[1].Rva", 0x8000,
       "import directory ends at RVA 0x803c, SizeOfImage is 0x8000"},
      {"Directory[1].Rva", 0x7f00,
       "import descriptor 1 at RVA 0x7f00 is outside the sections"},
      {"Import[1].Name", 0x9000,
       "import 2 has its DLL's name at RVA 0x9000, where none stands"},
      {"Import[1].Name", 0x2000,
       "import 2 has its DLL's name at RVA 0x2000, where none stands"},
      {"Import[0].OriginalFirstThunk", 0x7800,
       "import 1 (KERNEL32.dll): lookup table runs to RVA 0x7800, outside the "
       "sections"},
      {"Lookup[0].0", 0x7fff0000,
       "import 1 (KERNEL32.dll): function 1 has its name at RVA 0x7fff0000, "
       "where none stands"},
      {"Lookup[1].0", 0x2000,
       "import 2 (user32): function 1 has its name at RVA 0x2000, where none "
       "stands"},
      {"Import[1].FirstThunk", 0x7fffc,
       "import 2 (user32): slot 1 at RVA 0x7fffc is outside the sections"},
  });
}

TEST(PeImports, RefusesABoundDescriptorThatNamesNothing) {
  PeSpec spec = FullSpec();
  spec.imports[0].lookup_table = false;
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "import 1 (KERNEL32.dll) is bound (TimeDateStamp 0xffffffff) and "
            "has no lookup table that names its functions");
}

TEST(PeImports, RefusesADescriptorWhoseBytesAreShared) {
  PeSpec spec = FullSpec();
  spec.overrides = {{"Section[1].PointerToRawData", 0x800}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "import descriptor 1 at RVA 0x3014 has no bytes of its own in the "
            "file");
}

TEST(PeImports, RefusesMoreDescriptorsThanItReads) {
  PeSpec spec;
  std::string table = "table: ";
  for (int i = 0; i < 4098; ++i) {
    table += "00000000 00000000 00000000 <name> <zero> ";
  }
  spec.sections = {{".text", table + "name: 'x' 00 align:4:00 zero: zero:4"}};
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Directory[1].Rva", pe.places.at("table")}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), "more than 4096 import descriptors");
}

TEST(PeImports, RefusesMoreFunctionsThanItReads) {
  PeSpec spec;
  spec.sections = {{".text", "c3 align:4:00 table: fill:262148:81"}};
  spec.imports = {{"A.dll", {"#1"}}};
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Import[0].OriginalFirstThunk", pe.places.at("table")},
                    {"Import[0].FirstThunk", pe.places.at("table")}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), "more than 65536 imported functions");
}

TEST(PeImports, RefusesNamesThatOverlap) {
  // A thousand functions that all have the one long name.
  PeSpec spec;
  std::string table = "table: ";
  for (int i = 0; i < 1000; ++i) table += "<name> ";
  spec.sections = {{".text", table + "00000000 name: 0000 fill:4000:61 00"}};
  spec.imports = {{"A.dll", {"#1"}}};
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Import[0].OriginalFirstThunk", pe.places.at("table")},
                    {"Import[0].FirstThunk", pe.places.at("table")}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "import 1 (A.dll): names of imports overlap, they have 0x2ee0 "
            "bytes up to here, the file 0x2400");
}

TEST(PeImports, RefusesANameWithoutEnd) {
  PeSpec spec = FullSpec();
  spec.sections[0].content += " name: 0000 fill:4097:61 00";
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Lookup[1].0", pe.places.at("name")}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes),
            "import 2 (user32): function 1 has its name at RVA 0x101e, where "
            "none stands");
}

TEST(PeImports, NeedsNoZeroBehindSlotsThatALookupTableCounts) {
  PeSpec spec;
  spec.sections = {{".text",
                    "table: <look> 00000000 00000000 <dll> <slots> zero:20\n"
                    "look: <first> <second> 00000000 slots: <first> 00000000\n"
                    "first: 0000 'First' 00 second: 0000 'Second' 00\n"
                    "dll: 'kernel32.dll' 00"}};
  const BuiltPe pe = BuildPe(spec);
  spec.imports = {{"unused.dll", {"#1"}}};
  spec.overrides = {{"Directory[1].Rva", pe.places.at("table")}};
  const PeImage image = MustRead(spec);
  ASSERT_EQ(image.imports.size(), 1u);
  ASSERT_EQ(image.imports[0].functions.size(), 2u);
  EXPECT_EQ(ToText(image.imports[0].functions[1].name), "kernel32.dll!Second");
  EXPECT_EQ(image.imports[0].functions[1].slot, Rva{pe.places.at("slots") + 4});
}

TEST(PeImports, KeepsLiefFromWhatWasNotChecked) {
  // Behind the descriptor without FirstThunk, where the loader stops, stand
  // thousands more that all have the one long table: LIEF would read on.
  PeSpec spec;
  std::string table =
      "table: <list> 00000000 00000000 <name> <list>\n"
      "zero:12 <name> 00000000\n";
  for (int i = 0; i < 4000; ++i) {
    table += "<long> 00000000 00000000 <name> <long> ";
  }
  spec.sections = {{".text", table +
                                 "list: 01000080 00000000 name: 'abcd' 00 "
                                 "align:4:00 long: fill:200000:81 00000000"}};
  const BuiltPe pe = BuildPe(spec);
  spec.imports = {{"unused.dll", {"#1"}}};
  spec.overrides = {{"Directory[1].Rva", pe.places.at("table")}};
  const PeImage image = MustRead(spec);
  ASSERT_EQ(image.imports.size(), 1u);
  EXPECT_EQ(ToText(image.imports[0].functions.at(0).name), "abcd.dll!#1");
}

TEST(PeBoundImports, ReadsModulesAndForwarders) {
  PeSpec spec = FullSpec();
  spec.imports[1].bound_stamp = 0x4400;
  const PeImage image = MustRead(spec);
  ASSERT_EQ(image.bound_imports.size(), 3u);
  EXPECT_EQ(image.bound_imports[0].dll, "KERNEL32.dll");
  EXPECT_EQ(image.bound_imports[0].time_date_stamp, 0x3300u);
  EXPECT_FALSE(image.bound_imports[0].forwarder);
  EXPECT_EQ(image.bound_imports[1].dll, "NTDLL.dll");
  EXPECT_EQ(image.bound_imports[1].time_date_stamp, 0x3301u);
  EXPECT_TRUE(image.bound_imports[1].forwarder);
  EXPECT_EQ(image.bound_imports[2].dll, "user32");
  EXPECT_FALSE(image.bound_imports[2].forwarder);
}

TEST(PeBoundImports, NamesTheFieldThatLies) {
  ExpectMessages({
      {"Directory[11].Rva", 0x9000,
       "bound import directory ends at RVA 0x9030, SizeOfImage is 0x8000"},
      {"Directory[11].Rva", 0x7f00,
       "bound import 1 at RVA 0x7f00 is not in the file"},
      {"Bound[0].OffsetModuleName", 0xffff,
       "bound import 1 has its DLL's name at RVA 0x1028f, where none stands"},
      {"Bound[1].OffsetModuleName", 0x2f,
       "bound import 2 has its DLL's name at RVA 0x2bf, where none stands"},
      {"Bound[0].NumberOfModuleForwarderRefs", 2,
       "bound import 3 has its DLL's name at RVA 0x290, where none stands"},
  });
}

TEST(PeBoundImports, RefusesMoreThanItReads) {
  PeSpec spec = FullSpec();
  std::string table = " align:4:00 bound: ";
  for (int i = 0; i < 4098; ++i) table += "01000000 1080 0000 ";
  spec.sections[0].content += table + "'a' 00";  // at 4098 * 8 = 0x8010
  const BuiltPe pe = BuildPe(spec);
  spec.overrides = {{"Directory[11].Rva", pe.places.at("bound")}};
  EXPECT_EQ(ErrorOf(BuildPe(spec).bytes), "more than 4096 bound imports");
}

}  // namespace
}  // namespace detachfix
