// SPDX-License-Identifier: Apache-2.0
#include "patcher/temporary_file.h"

#include <cstdio>

#include "patcher/pe_image.h"
#include "patcher/sha256.h"

namespace detachfix {
namespace {

std::string Owner(const FileState& state) {
  return std::to_string(state.owner) + ":" + std::to_string(state.group);
}

// What of `wanted` the file system did not keep, though it reported no error.
std::optional<std::string> NotKept(const FileState& wanted,
                                   const FileState& now) {
  if (Owner(wanted) != Owner(now)) {
    return "owner " + Owner(wanted) + ": it has " + Owner(now);
  }
  if (OctalMode(wanted.mode) != OctalMode(now.mode)) {
    return "mode " + OctalMode(wanted.mode) + ": it has " + OctalMode(now.mode);
  }
  if (wanted.modified_ns != now.modified_ns) {
    return "time of modification " + std::to_string(wanted.modified_ns) +
           " ns: it has " + std::to_string(now.modified_ns) + " ns";
  }
  if (wanted.attributes != now.attributes) return "extended attributes";
  if (wanted.flags && now.flags && *wanted.flags != *now.flags) {
    return "chattr flags";
  }
  return std::nullopt;
}

// Reads: the temporary file, from the device. Fails when it is not, in content
// and state, what was asked for.
Step ReadBack(Files& files, const std::string& name, const std::string& path,
              const Bytes& bytes, const FileState& wanted) {
  Result<ReadFile> back = files.Read(path, kMaxFileSize);
  if (!back) return Failed("cannot read back " + name, back.error());
  const std::optional<std::string> misread = Misread(bytes, back->bytes);
  if (misread) return Stop{Error{name + " " + *misread}};
  const std::optional<std::string> not_kept = NotKept(wanted, back->state);
  if (not_kept) {
    return Stop{Error{name + " did not keep the original's " + *not_kept}};
  }
  return std::nullopt;
}

// Fills, flushes and checks `file`. Afterwards `state` is that of the file.
Step Fill(Files& files, OutputFile& file, const Bytes& bytes,
          const StateOf& state_of, FileState& state) {
  const std::string name = "the temporary file " + file.path();
  Result<void> done = file.Write(bytes);
  if (!done) return Failed("cannot write " + name, done.error());
  Result<FileState> own = files.Look(file.path());
  if (!own) return Failed("cannot look at " + name, own.error());
  state = *own;
  const FileState wanted = state_of(*own);
  done = file.SetState(wanted);
  if (!done) {
    return Failed("cannot give " + name + " the original's state",
                  done.error());
  }
  done = file.Sync();
  if (!done) return Failed("cannot flush " + name, done.error());
  done = file.Close();
  if (!done) return Failed("cannot close " + name, done.error());
  return ReadBack(files, name, file.path(), bytes, wanted);
}

}  // namespace

Stop Failed(const std::string& what, const Error& cause) {
  return Stop{Error{what + ": " + cause.message}};
}

std::string OctalMode(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

std::optional<std::string> Misread(const Bytes& written, const Bytes& read) {
  if (written == read) return std::nullopt;
  return "reads back with SHA-256 " + ToHex(HashSha256(read)) +
         ", written was " + ToHex(HashSha256(written));
}

void RemoveTemporary(Files& files, const std::string& path, Error& error) {
  Result<void> removed = files.Remove(path);
  if (removed) return;
  error.message +=
      "; the temporary file " + path +
      " is left behind: it cannot be removed: " + removed.error().message;
}

Step MakeTemporary(Files& files, const std::string& guarded, const Bytes& bytes,
                   const StateOf& state_of, Temporary& temporary) {
  Result<std::unique_ptr<OutputFile>> file = files.CreateBeside(guarded);
  if (!file) {
    return Failed("cannot create a temporary file in " + FolderOf(guarded),
                  file.error());
  }
  temporary.path = (*file)->path();
  Step stop = Fill(files, **file, bytes, state_of, temporary.state);
  if (stop) RemoveTemporary(files, temporary.path, stop->error);
  return stop;
}

}  // namespace detachfix
