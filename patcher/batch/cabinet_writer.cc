// SPDX-License-Identifier: Apache-2.0
// The only file that includes libgcab, which works on streams of GLib; those
// here are in memory.
#include "patcher/batch/cabinet_writer.h"

#include <libgcab.h>

#include <algorithm>
#include <memory>
#include <string>

namespace detachfix {

namespace {

constexpr uint16_t kMethodMask = 0x000f;  // of typeCompress, [MS-CAB] 2.2
// Read-only, hidden, system, archive, executable ([MS-CAB] 2.3).
constexpr uint16_t kKnownAttributes = 0x0067;

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
  void operator()(GBytes* bytes) const { g_bytes_unref(bytes); }
  void operator()(GDateTime* time) const { g_date_time_unref(time); }
};
template <typename T>
using Held = std::unique_ptr<T, Unref>;

/// What failed, from GLib's error, which is freed.
Error Failure(GError* error) {
  const std::string message = error != nullptr ? error->message : "no reason";
  g_clear_error(&error);
  return Error{"gcab cannot write the cabinet: " + message};
}

/// The MS-DOS date and time, which know no zone: taken as they are.
Held<GDateTime> ToDateTime(const CabinetForm& form) {
  return Held<GDateTime>(g_date_time_new_utc(
      1980 + (form.date >> 9), form.date >> 5 & 0xf, form.date & 0x1f,
      form.time >> 11, form.time >> 5 & 0x3f, (form.time & 0x1f) * 2));
}

/// gcab gives other characters a meaning of their own.
bool IsPlain(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

Result<void> CheckForm(const CabinetForm& form) {
  const uint16_t method = form.compression & kMethodMask;
  if (method != GCAB_COMPRESSION_NONE && method != GCAB_COMPRESSION_MSZIP) {
    return Error{"the cabinet's folder is compressed by " +
                 std::string(method == GCAB_COMPRESSION_LZX ? "LZX"
                             : method == GCAB_COMPRESSION_QUANTUM
                                 ? "Quantum"
                                 : "an unknown method") +
                 " (" + std::to_string(form.compression) +
                 "), which gcab does not write"};
  }
  if (!IsPlain(form.name)) {
    return Error{
        "the name of the cabinet's member has other characters than letters, "
        "digits, '.', '_' and '-'"};
  }
  if ((form.attributes & ~kKnownAttributes) != 0) {
    return Error{"the cabinet's member has the attributes " +
                 std::to_string(form.attributes) +
                 ", not all of which are known"};
  }
  return {};
}

Result<Held<GCabFile>> MakeMember(const CabinetForm& form,
                                  const Bytes& content) {
  const Held<GDateTime> time = ToDateTime(form);
  if (!time) {
    return Error{"the cabinet's member has no valid date and time (" +
                 std::to_string(form.date) + ", " + std::to_string(form.time) +
                 ")"};
  }
  const Held<GBytes> bytes(g_bytes_new_static(content.data(), content.size()));
  Held<GCabFile> member(
      gcab_file_new_with_bytes(form.name.c_str(), bytes.get()));
  if (!member) return Error{"gcab does not take the member's name"};
  gcab_file_set_attributes(member.get(), form.attributes);
  gcab_file_set_date_time(member.get(), time.get());
  return member;
}

}  // namespace

Result<Bytes> WriteCabinet(const CabinetForm& form, const Bytes& content) {
  const Result<void> checked = CheckForm(form);
  if (!checked) return checked.error();
  const Result<Held<GCabFile>> member = MakeMember(form, content);
  if (!member) return member.error();
  const Held<GCabFolder> folder(
      gcab_folder_new(form.compression & kMethodMask));
  const Held<GCabCabinet> cabinet(gcab_cabinet_new());
  const Held<GOutputStream> stream(g_memory_output_stream_new_resizable());
  GError* error = nullptr;
  if (!gcab_folder_add_file(folder.get(), member->get(), FALSE, nullptr,
                            &error) ||
      !gcab_cabinet_add_folder(cabinet.get(), folder.get(), &error) ||
      !gcab_cabinet_write_simple(cabinet.get(), stream.get(), nullptr, nullptr,
                                 nullptr, &error)) {
    return Failure(error);
  }
  GMemoryOutputStream* memory = G_MEMORY_OUTPUT_STREAM(stream.get());
  const uint8_t* data =
      static_cast<const uint8_t*>(g_memory_output_stream_get_data(memory));
  return Bytes(data, data + g_memory_output_stream_get_data_size(memory));
}

}  // namespace detachfix
