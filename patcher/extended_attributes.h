// SPDX-License-Identifier: Apache-2.0
// Extended attributes of a file. A Samba share keeps NT access lists and DOS
// attributes in them (security.NTACL, user.DOSATTRIB), Linux keeps POSIX access
// lists (system.posix_acl_access), labels and capabilities there. ntfs-3g gives
// what NTFS keeps of a file under names that it does not list.
#ifndef DETACHFIX_PATCHER_EXTENDED_ATTRIBUTES_H_
#define DETACHFIX_PATCHER_EXTENDED_ATTRIBUTES_H_

#include <map>
#include <string>

#include "patcher/plan.h"
#include "patcher/result.h"

namespace detachfix {

using Attributes = std::map<std::string, Bytes>;

/// All that this process may see; none where the file system has none.
Result<Attributes> ReadAttributes(int descriptor);

/// The same of a path, without following a symbolic link.
Result<Attributes> ReadAttributes(const std::string& path);

/// Gives the file exactly the attributes `wanted`. What it has already is not
/// touched, so labels that the system sets by itself need no privilege.
Result<void> WriteAttributes(int descriptor, const Attributes& wanted);

/// The 8.3 name that NTFS has for the file beside its long one, or empty. Only
/// a file with NTFS's attributes is asked.
std::string ReadShortName(int descriptor, const Attributes& attributes);
std::string ReadShortName(const std::string& path,
                          const Attributes& attributes);

/// Gives it to the file at `path`. A rename takes it away, and while another
/// file of the folder has it nobody gets it.
Result<void> WriteShortName(const std::string& path, const std::string& name);

/// Whether NTFS or a Samba server calls the file read-only, which its mode need
/// not show.
bool IsDosReadOnly(const Attributes& attributes);

}  // namespace detachfix

#endif  // DETACHFIX_PATCHER_EXTENDED_ATTRIBUTES_H_
