#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the maker of the Alpha samples does to gcc's assembly, and the base
relocations that it writes. Expected values: by hand, from the PE/COFF
specification and the Alpha Architecture Handbook."""

import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
sys.path.insert(0, str(SAMPLES))
from maker import alpha_assembly, alpha_c_build, alpha_link  # noqa: E402
from maker import base_relocations  # noqa: E402
from maker.base_relocations import HIGHADJ, HIGHLOW, LOW  # noqa: E402
from maker.base_relocations import BaseRelocation  # noqa: E402


def convert(*lines):
    converted = alpha_assembly.convert("\n".join(lines))
    return [line for line in converted.split("\n") if line]


class Assembly(unittest.TestCase):
    def test_drops_the_global_pointer(self):
        self.assertEqual(convert("\tldah $29,0($27)\t\t!gpdisp!1",
                                 "\tlda $29,0($29)\t\t!gpdisp!1"), [])

    def test_builds_addresses_from_zero(self):
        self.assertEqual(
            convert("\tldah $1,g_x($29)\t\t!gprelhigh",
                    "\tldl $2,g_x($1)\t\t!gprellow"),
            ["\tldah $1,g_x($31)\t\t!gprelhigh",
             "\tldl $2,g_x($1)\t\t!gprellow"])

    def test_builds_what_linux_loads_from_a_table(self):
        self.assertEqual(
            convert("\tldq $27,Far($29)\t\t!literal!3",
                    "\tjsr $26,($27),Far\t\t!lituse_jsr!3"),
            ["\tldah $27,Far($31)\t!gprelhigh",
             "\tlda $27,Far($27)\t!gprellow", "\tjsr $26,($27),0"])

    def test_calls_near_functions_directly(self):
        self.assertEqual([line.rstrip() for line in
                          convert("\tbsr $26,Near\t\t!samegp")],
                         ["\tbsr $26,Near"])

    def test_makes_tables_of_addresses(self):
        self.assertEqual(convert("\taddq $29,$1,$1", "\t.gprel32 $L4"),
                         ["\t.long $L4"])

    def test_refuses_what_it_does_not_know(self):
        for line in ("\tldq $1,0($29)", "\taddq $29,$1,$2",
                     "\tlda $29,8($29)", "\tmov $29,$9"):
            with self.assertRaises(alpha_assembly.UnknownForm):
                convert(line)

    def test_enters_only_functions_with_a_frame(self):
        def function(size):
            return convert(".ent f", "f:", f".frame $30,{size},$26,0",
                           ".prologue 1", "\tret $31,($26),1", ".end f")
        self.assertIn("\t.long f,$pdata.f.end,0,0,$pdata.f.prologue",
                      function(16))
        self.assertNotIn(".pdata", "\n".join(function(0)).replace(
            "$pdata", ""))


class BaseRelocations(unittest.TestCase):
    def test_high_adjusted_takes_two_slots(self):
        table = base_relocations.table([
            BaseRelocation(0x2004, LOW),
            BaseRelocation(0x2000, HIGHADJ, 0x8058)])
        self.assertEqual(table, struct.pack(
            "<II4H", 0x2000, 16, 0x4000, 0x8058, 0x2004, 0x0000))

    def test_blocks_are_pages_of_4_kb(self):
        table = base_relocations.table([BaseRelocation(0x3000, HIGHLOW),
                                        BaseRelocation(0x2ffc, HIGHLOW)])
        self.assertEqual(table, struct.pack(
            "<II2HII2H", 0x2000, 12, 0x3ffc, 0, 0x3000, 12, 0x3000, 0))


SOURCE = """
    .set noat
    .text
    .globl entry
    .ent entry
entry:
    .frame $30,16,$26,0
    lda $30,-16($30)
    .prologue 0
    ldah $16,far($31) !gprelhigh
    lda $16,far($16) !gprellow
    bsr $26,leaf
    lda $30,16($30)
    ret $31,($26),1
    .end entry
    .ent leaf
leaf:
    .frame $30,0,$26,0
    .prologue 0
    ret $31,($26),1
    .end leaf
    .data
    .space 0x4000
far: .quad entry
"""


class Link(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            text = alpha_assembly.convert(SOURCE)
            built = alpha_c_build.assemble(Path(folder) / "t", text)
            cls.linked = alpha_link.link([built])

    def test_carries_the_low_half_into_the_high_one(self):
        # far is at 0x77a88000: its low half counts as negative.
        self.assertEqual(self.linked.symbols["far"], 0x8000)
        words = struct.unpack_from("<3I", self.linked.sections[0].content, 4)
        self.assertEqual(words[0], 0x261f77a9)  # ldah a0,0x77a9(zero)
        self.assertEqual(words[1], 0x22108000)  # lda a0,-0x8000(a0)
        self.assertEqual(words[2], 0xd3400002)  # bsr ra,.+4+8

    def test_relocates_each_address_once(self):
        self.assertEqual(sorted(self.linked.relocations), [
            BaseRelocation(0x2004, HIGHADJ, 0x8000),
            BaseRelocation(0x2008, LOW),
            BaseRelocation(0x8000, HIGHLOW),
            BaseRelocation(0xa000, HIGHLOW),
            BaseRelocation(0xa004, HIGHLOW),
            BaseRelocation(0xa010, HIGHLOW)])

    def test_lists_the_framed_function(self):
        self.assertEqual(
            self.linked.section(".pdata").content,
            struct.pack("<5I", 0x77a82000, 0x77a82018, 0, 0, 0x77a82004))


if __name__ == "__main__":
    unittest.main()
