// SPDX-License-Identifier: Apache-2.0
// The locale of an ordinary process: English of the United States, as a system
// has it on which nobody has changed it (Windows SDK, "Locale Information
// Constants").

#include <algorithm>
#include <array>

#include "disasm/process/process.h"

namespace detachfix {
namespace {

struct LocaleRow {
  uint32_t type;  ///< LCTYPE (winnls.h)
  std::string_view text;
};

// Sorted by type.
constexpr LocaleRow kLocale[] = {
    {0x0001, "0409"},                     // LOCALE_ILANGUAGE
    {0x0002, "English (United States)"},  // LOCALE_SLANGUAGE
    {0x0003, "ENU"},                      // LOCALE_SABBREVLANGNAME
    {0x0004, "English"},                  // LOCALE_SNATIVELANGNAME
    {0x0005, "1"},                        // LOCALE_ICOUNTRY
    {0x0006, "United States"},            // LOCALE_SCOUNTRY
    {0x0007, "USA"},                      // LOCALE_SABBREVCTRYNAME
    {0x0008, "United States"},            // LOCALE_SNATIVECTRYNAME
    {0x0009, "0409"},                     // LOCALE_IDEFAULTLANGUAGE
    {0x000a, "1"},                        // LOCALE_IDEFAULTCOUNTRY
    {0x000b, "437"},                      // LOCALE_IDEFAULTCODEPAGE
    {0x000c, ","},                        // LOCALE_SLIST
    {0x000d, "1"},                        // LOCALE_IMEASURE
    {0x000e, "."},                        // LOCALE_SDECIMAL
    {0x000f, ","},                        // LOCALE_STHOUSAND
    {0x0010, "3;0"},                      // LOCALE_SGROUPING
    {0x0011, "2"},                        // LOCALE_IDIGITS
    {0x0012, "1"},                        // LOCALE_ILZERO
    {0x0013, "0123456789"},               // LOCALE_SNATIVEDIGITS
    {0x0014, "$"},                        // LOCALE_SCURRENCY
    {0x0015, "USD"},                      // LOCALE_SINTLSYMBOL
    {0x0016, "."},                        // LOCALE_SMONDECIMALSEP
    {0x0017, ","},                        // LOCALE_SMONTHOUSANDSEP
    {0x0018, "3;0"},                      // LOCALE_SMONGROUPING
    {0x0019, "2"},                        // LOCALE_ICURRDIGITS
    {0x001a, "2"},                        // LOCALE_IINTLCURRDIGITS
    {0x001b, "0"},                        // LOCALE_ICURRENCY
    {0x001c, "0"},                        // LOCALE_INEGCURR
    {0x001d, "/"},                        // LOCALE_SDATE
    {0x001e, ":"},                        // LOCALE_STIME
    {0x001f, "M/d/yyyy"},                 // LOCALE_SSHORTDATE
    {0x0020, "dddd, MMMM d, yyyy"},       // LOCALE_SLONGDATE
    {0x0021, "0"},                        // LOCALE_IDATE
    {0x0022, "0"},                        // LOCALE_ILDATE
    {0x0023, "0"},                        // LOCALE_ITIME
    {0x0024, "1"},                        // LOCALE_ICENTURY
    {0x0025, "0"},                        // LOCALE_ITLZERO
    {0x0026, "0"},                        // LOCALE_IDAYLZERO
    {0x0027, "0"},                        // LOCALE_IMONLZERO
    {0x0028, "AM"},                       // LOCALE_S1159
    {0x0029, "PM"},                       // LOCALE_S2359
    {0x002a, "Monday"},                   // LOCALE_SDAYNAME1
    {0x002b, "Tuesday"},
    {0x002c, "Wednesday"},
    {0x002d, "Thursday"},
    {0x002e, "Friday"},
    {0x002f, "Saturday"},
    {0x0030, "Sunday"},
    {0x0031, "Mon"},  // LOCALE_SABBREVDAYNAME1
    {0x0032, "Tue"},
    {0x0033, "Wed"},
    {0x0034, "Thu"},
    {0x0035, "Fri"},
    {0x0036, "Sat"},
    {0x0037, "Sun"},
    {0x0038, "January"},  // LOCALE_SMONTHNAME1
    {0x0039, "February"},
    {0x003a, "March"},
    {0x003b, "April"},
    {0x003c, "May"},
    {0x003d, "June"},
    {0x003e, "July"},
    {0x003f, "August"},
    {0x0040, "September"},
    {0x0041, "October"},
    {0x0042, "November"},
    {0x0043, "December"},
    {0x0044, "Jan"},  // LOCALE_SABBREVMONTHNAME1
    {0x0045, "Feb"},
    {0x0046, "Mar"},
    {0x0047, "Apr"},
    {0x0048, "May"},
    {0x0049, "Jun"},
    {0x004a, "Jul"},
    {0x004b, "Aug"},
    {0x004c, "Sep"},
    {0x004d, "Oct"},
    {0x004e, "Nov"},
    {0x004f, "Dec"},
    {0x0050, ""},               // LOCALE_SPOSITIVESIGN
    {0x0051, "-"},              // LOCALE_SNEGATIVESIGN
    {0x0052, "3"},              // LOCALE_IPOSSIGNPOSN
    {0x0053, "0"},              // LOCALE_INEGSIGNPOSN
    {0x0059, "en"},             // LOCALE_SISO639LANGNAME
    {0x005a, "US"},             // LOCALE_SISO3166CTRYNAME
    {0x005c, "en-US"},          // LOCALE_SNAME
    {0x0079, "h:mm tt"},        // LOCALE_SSHORTTIME
    {0x1001, "English"},        // LOCALE_SENGLANGUAGE
    {0x1002, "United States"},  // LOCALE_SENGCOUNTRY
    {0x1003, "h:mm:ss tt"},     // LOCALE_STIMEFORMAT
    {0x1004, "1252"},           // LOCALE_IDEFAULTANSICODEPAGE
    {0x1005, "0"},              // LOCALE_ITIMEMARKPOSN
    {0x1009, "1"},              // LOCALE_ICALENDARTYPE
    {0x100b, "0"},              // LOCALE_IOPTIONALCALENDAR
    {0x100c, "6"},              // LOCALE_IFIRSTDAYOFWEEK
    {0x100d, "0"},              // LOCALE_IFIRSTWEEKOFYEAR
    {0x100e, ""},               // LOCALE_SMONTHNAME13
    {0x100f, ""},               // LOCALE_SABBREVMONTHNAME13
    {0x1010, "1"},              // LOCALE_INEGNUMBER
};
static_assert(std::ranges::is_sorted(kLocale, {}, &LocaleRow::type),
              "kLocale is searched by bisection");

}  // namespace

bool IsOwnLocale(uint64_t locale) {
  constexpr std::array<uint64_t, 3> kOwn = {
      0x409, 0x400, 0x800};  // LOCALE_USER_DEFAULT, LOCALE_SYSTEM_DEFAULT
  return std::ranges::find(kOwn, locale) != kOwn.end();
}

std::optional<std::string_view> LocaleText(uint32_t type) {
  constexpr uint32_t kHow = 0xc0000000;  // LOCALE_NOUSEROVERRIDE, _USE_CP_ACP
  type &= ~kHow;
  const auto* row =
      std::ranges::lower_bound(kLocale, type, {}, &LocaleRow::type);
  if (row == std::end(kLocale) || row->type != type) return std::nullopt;
  return row->text;
}

}  // namespace detachfix
