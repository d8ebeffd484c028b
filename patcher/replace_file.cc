// SPDX-License-Identifier: Apache-2.0
#include "patcher/replace_file.h"

#include <memory>
#include <utility>

#include "patcher/interrupt.h"
#include "patcher/pe_image.h"
#include "patcher/temporary_file.h"

namespace detachfix {
namespace {

constexpr uint32_t kOwnerMayWrite = 0200;

// The side file and the backup that this call made. They go again when the file
// itself does not become new, also when a signal ends the program before.
class MadeFiles {
 public:
  void Add(const std::string& path) {
    paths_.push_back(path);
    guards_.push_back(std::make_unique<RemoveOnInterrupt>(path));
  }

  // They stay. Gives their paths.
  std::vector<std::string> Keep() {
    guards_.clear();
    return std::exchange(paths_, {});
  }

  void Remove(Files& files, Error& error) {
    for (const std::string& path : Keep()) {
      Result<void> removed = files.Remove(path);
      if (removed) continue;
      error.message += "; " + path + " is left behind: it cannot be removed: " +
                       removed.error().message;
    }
  }

 private:
  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<RemoveOnInterrupt>> guards_;
};

// How `now` differs from what was read, or nothing.
std::optional<std::string> Change(const FileState& read, const FileState& now) {
  if (now.is_symlink) return "a symbolic link stands in its place";
  if (now.device != read.device || now.inode != read.inode) {
    return "another file stands in its place";
  }
  if (now.size != read.size) {
    return "it had " + std::to_string(read.size) + " bytes and has " +
           std::to_string(now.size) + " now";
  }
  if (now.modified_ns != read.modified_ns) {
    return "its time of modification is another";
  }
  if (now.changed_ns != read.changed_ns) {
    return "its permissions, owner, links or attributes were changed";
  }
  return std::nullopt;
}

Stop ChangedMeanwhile(const std::string& how) {
  return Stop{Error{"changed since it was read: " + how}};
}

Step CheckAllowed(const FileState& state, const ReplaceOptions& options) {
  if (state.is_symlink) {
    return Stop{Error{"is a symbolic link; name the file that it points to"},
                true};
  }
  if (!state.is_regular) return Stop{Error{"is not a regular file"}, true};
  if (state.link_count > 1 && !options.break_hard_links) {
    return Stop{
        Error{"has " + std::to_string(state.link_count) +
              " hard links, and only this one would get the new content; "
              "--break-hard-links allows that"},
        true};
  }
  if (!state.writable && !options.replace_read_only) {
    const bool by_mode = (state.mode & kOwnerMayWrite) == 0;
    return Stop{Error{"is read-only (" +
                      (by_mode ? "mode " + OctalMode(state.mode)
                               : std::string("DOS attribute")) +
                      "); --replace-read-only allows replacing it"},
                true};
  }
  return std::nullopt;
}

Step CheckBefore(Files& files, const std::string& path,
                 const ReadFile& original, const ReplaceOptions& options) {
  Result<FileState> now = files.Look(path);
  if (!now) return Failed("cannot be looked at", now.error());
  if (Step stop = CheckAllowed(*now, options)) return stop;
  if (!original.state.attributes_problem.empty()) {
    return Failed("its attributes could not be kept",
                  Error{original.state.attributes_problem});
  }
  const std::optional<std::string> change = Change(original.state, *now);
  if (change) return ChangedMeanwhile(*change);
  return std::nullopt;
}

// Whether the same content stands at `side.path` already. What else stands
// there is not ours to overwrite.
Step CheckTaken(Files& files, const std::string& name, const SideFile& side,
                bool& same) {
  same = false;
  Result<bool> exists = files.Exists(side.path);
  if (!exists) return Failed("cannot look at " + name, exists.error());
  if (!*exists) return std::nullopt;
  Result<FileState> state = files.Look(side.path);
  if (!state) return Failed("cannot look at " + name, state.error());
  if (!state->is_regular) {
    return Stop{Error{name + " exists and is not a regular file"}, true};
  }
  Result<ReadFile> present = files.Read(side.path, kMaxFileSize);
  if (!present) return Failed("cannot compare " + name, present.error());
  same = present->bytes == side.bytes;
  if (same) return std::nullopt;
  return Stop{Error{name + " exists and has other content"}, true};
}

// Makes a file of its own, durable when this returns. Its temporary file is
// named after `guarded`.
Step PutNew(Files& files, const std::string& what, const SideFile& side,
            const std::string& guarded, const StateOf& state_of,
            MadeFiles& made) {
  const std::string name = what + " " + side.path;
  bool same = false;
  Step stop = CheckTaken(files, name, side, same);
  if (stop || same) return stop;
  Temporary temporary;
  stop = MakeTemporary(files, guarded, side.bytes, state_of, temporary);
  if (stop) {
    stop->error.message = name + ": " + stop->error.message;
    return stop;
  }
  const HoldInterrupts hold;
  Result<void> renamed = files.RenameNew(temporary.path, side.path);
  if (!renamed) {
    stop = Failed(
        "cannot rename the temporary file " + temporary.path + " to " + name,
        renamed.error());
    RemoveTemporary(files, temporary.path, stop->error);
    return stop;
  }
  made.Add(side.path);
  Result<void> flushed = files.SyncFolder(side.path);
  if (!flushed) {
    return Failed("cannot flush the folder of " + name, flushed.error());
  }
  return std::nullopt;
}

// A new file of whoever runs this: permissions like those of `like`, no access
// list that the folder handed down, which would widen them.
FileState OwnState(const FileState& own, const FileState& like) {
  FileState state = own;
  state.mode = (own.mode & ~0777u) | (like.mode & 0777u);
  state.attributes.erase("system.posix_acl_access");
  return state;
}

Step PutSideFiles(Files& files, const ReadFile& original,
                  const ReplaceOptions& options, MadeFiles& made) {
  if (options.side_file) {
    Step stop = PutNew(
        files, "the side file", *options.side_file, options.side_file->path,
        [&](const FileState& own) { return OwnState(own, original.state); },
        made);
    if (stop) return stop;
  }
  if (options.backup) {
    return PutNew(
        files, "the backup", {*options.backup, original.bytes}, *options.backup,
        [&](const FileState&) { return original.state; }, made);
  }
  return std::nullopt;
}

// The last look. After it only the rename follows; a writer that comes between
// the two cannot be seen by any means that POSIX has.
Step CheckUnchanged(Files& files, const std::string& path,
                    const ReadFile& original) {
  Result<FileState> now = files.Look(path);
  if (!now) return Failed("cannot be looked at again", now.error());
  std::optional<std::string> change = Change(original.state, *now);
  if (change) return ChangedMeanwhile(*change);
  Result<ReadFile> again = files.Read(path, kMaxFileSize);
  if (!again) return Failed("cannot be read again", again.error());
  change = Change(original.state, again->state);
  if (change) return ChangedMeanwhile(*change);
  if (!(again->bytes == original.bytes)) {
    return ChangedMeanwhile("its content is another");
  }
  return std::nullopt;
}

// Whether the new file stands at `path`, as far as that can be seen.
Written WhatStandsAt(Files& files, const std::string& path,
                     const Temporary& temporary) {
  Result<bool> exists = files.Exists(path);
  if (exists && !*exists) return Written::kNothing;
  Result<FileState> state = files.Look(path);
  if (!state) return Written::kUnsure;
  const bool same = state->device == temporary.state.device &&
                    state->inode == temporary.state.inode;
  return same ? Written::kNew : Written::kNothing;
}

// A rename over a network can report a failure and yet have happened, so what
// is true is looked up. While that is in doubt the way back is not removed.
Stop RenameFailed(Files& files, const std::string& path,
                  const Temporary& temporary, const Error& cause,
                  MadeFiles& made, WriteOutcome& outcome) {
  outcome.written = WhatStandsAt(files, path, temporary);
  if (outcome.written == Written::kNew) {
    outcome.made = made.Keep();
    return Failed("has its new content, but the rename reported", cause);
  }
  Stop stop = Failed(
      "cannot rename the temporary file " + temporary.path + " to " + path,
      cause);
  if (outcome.written == Written::kUnsure) {
    outcome.made = made.Keep();
    stop.error.message += "; which content it has now cannot be seen";
  }
  RemoveTemporary(files, temporary.path, stop.error);
  return stop;
}

// Renames and flushes the folder.
using RenameStep = Result<void> (Files::*)(const std::string& from,
                                           const std::string& to);
Step PutInPlace(Files& files, const Temporary& temporary,
                const std::string& path, RenameStep rename, MadeFiles& made,
                WriteOutcome& outcome) {
  const HoldInterrupts hold;
  Result<void> renamed = (files.*rename)(temporary.path, path);
  if (!renamed) {
    return RenameFailed(files, path, temporary, renamed.error(), made, outcome);
  }
  outcome.written = Written::kNew;
  outcome.made = made.Keep();
  Result<void> flushed = files.SyncFolder(path);
  if (!flushed) {
    return Failed("has its new content, but the folder " + FolderOf(path) +
                      " cannot be flushed",
                  flushed.error());
  }
  return std::nullopt;
}

Step ReadAfterwards(Files& files, const std::string& path, const Bytes& bytes,
                    WriteOutcome& outcome) {
  Result<ReadFile> back = files.Read(path, kMaxFileSize);
  if (!back) {
    return Failed("was given its new content, but reading it back failed",
                  back.error());
  }
  const std::optional<std::string> misread = Misread(bytes, back->bytes);
  if (misread) {
    return Stop{Error{"was given its new content, but " + *misread}};
  }
  outcome.bytes = std::move(back->bytes);
  return std::nullopt;
}

// The file that had the name of old programs is gone from under its long name.
Step KeepShortName(Files& files, const std::string& path,
                   const FileState& original) {
  if (original.short_name.empty()) return std::nullopt;
  const Result<void> given = files.SetShortName(path, original.short_name);
  if (given) return std::nullopt;
  return Failed("has its new content, but not its short name " +
                    original.short_name + " again",
                given.error());
}

Step Replace(Files& files, const std::string& path, const ReadFile& original,
             const Bytes& bytes, const ReplaceOptions& options, MadeFiles& made,
             WriteOutcome& outcome) {
  Step stop = CheckBefore(files, path, original, options);
  if (stop) return stop;
  stop = PutSideFiles(files, original, options, made);
  if (stop) return stop;
  // From here on the way back is on the device.
  Temporary temporary;
  stop = MakeTemporary(
      files, path, bytes, [&](const FileState&) { return original.state; },
      temporary);
  if (stop) return stop;
  // From here on the new content is on the device, whole.
  stop = CheckUnchanged(files, path, original);
  if (stop) {
    RemoveTemporary(files, temporary.path, stop->error);
    return stop;
  }
  stop = PutInPlace(files, temporary, path, &Files::Rename, made, outcome);
  if (stop) return stop;
  stop = KeepShortName(files, path, original.state);
  if (stop) return stop;
  return ReadAfterwards(files, path, bytes, outcome);
}

Step WriteNew(Files& files, const std::string& path, const std::string& guarded,
              const FileState& like, const Bytes& bytes,
              const std::optional<SideFile>& side_file, const StateOf& state_of,
              MadeFiles& made, WriteOutcome& outcome) {
  bool same = false;
  Step stop = CheckTaken(files, path, {path, bytes}, same);
  if (stop) return stop;
  if (side_file) {
    stop = PutNew(
        files, "the side file", *side_file, guarded,
        [&](const FileState& own) { return OwnState(own, like); }, made);
    if (stop) return stop;
  }
  if (same) {
    outcome.made = made.Keep();
    outcome.bytes = bytes;
    return std::nullopt;
  }
  Temporary temporary;
  stop = MakeTemporary(files, guarded, bytes, state_of, temporary);
  if (stop) return stop;
  stop = PutInPlace(files, temporary, path, &Files::RenameNew, made, outcome);
  if (!stop) stop = ReadAfterwards(files, path, bytes, outcome);
  if (stop && outcome.written == Written::kNew) {
    stop->error.message = path + " " + stop->error.message;
  }
  return stop;
}

WriteOutcome Finish(Files& files, Step stop, MadeFiles& made,
                    WriteOutcome outcome) {
  if (!stop) return outcome;
  made.Remove(files, stop->error);
  outcome.error = std::move(stop->error);
  outcome.refused = stop->refused;
  return outcome;
}

}  // namespace

std::optional<Error> ReplaceRefusal(Files& files, const std::string& path,
                                    const ReplaceOptions& options) {
  const Result<FileState> now = files.Look(path);
  const Step stop = now ? CheckAllowed(*now, options) : std::nullopt;
  return stop ? std::optional<Error>(stop->error) : std::nullopt;
}

WriteOutcome ReplaceFile(Files& files, const std::string& path,
                         const ReadFile& original, const Bytes& bytes,
                         const ReplaceOptions& options) {
  WriteOutcome outcome;
  if (bytes == original.bytes) {
    outcome.bytes = bytes;
    return outcome;
  }
  MadeFiles made;
  Step stop = Replace(files, path, original, bytes, options, made, outcome);
  return Finish(files, std::move(stop), made, std::move(outcome));
}

WriteOutcome WriteNewFile(Files& files, const std::string& path,
                          const FileState& like, const Bytes& bytes,
                          const std::optional<SideFile>& side_file) {
  const StateOf state_of = [&](const FileState& own) {
    FileState state = OwnState(own, like);
    state.modified_ns = like.modified_ns;
    state.accessed_ns = like.accessed_ns;
    return state;
  };
  WriteOutcome outcome;
  MadeFiles made;
  Step stop = WriteNew(files, path, path, like, bytes, side_file, state_of,
                       made, outcome);
  return Finish(files, std::move(stop), made, std::move(outcome));
}

WriteOutcome PlaceFile(Files& files, const std::string& path,
                       const std::string& guarded, const FileState& like,
                       const Bytes& bytes,
                       const std::optional<SideFile>& side_file) {
  const StateOf state_of = [&](const FileState&) { return like; };
  WriteOutcome outcome;
  MadeFiles made;
  Step stop = WriteNew(files, path, guarded, like, bytes, side_file, state_of,
                       made, outcome);
  return Finish(files, std::move(stop), made, std::move(outcome));
}

}  // namespace detachfix
