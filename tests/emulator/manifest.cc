// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/manifest.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace detachfix::emulator {
namespace {

using nlohmann::json;

void ReadProbe(const json& probe, Sample& sample) {
  if (probe.is_null()) return;
  SampleProbe read;
  read.call.name = probe.at("export").get<std::string>();
  read.call.arguments = probe.at("args").get<std::vector<uint32_t>>();
  read.call.convention = probe.at("convention").get<std::string>();
  read.result = probe.at("result").get<uint32_t>();
  sample.setting.probes.push_back(read.call);
  sample.probes.push_back(read);
}

void ReadAttachFail(const json& fail, Sample& sample) {
  if (fail.is_null()) return;
  Steering steering;
  steering.returns = sample.setting.returns;
  // The import is made to answer by the environment, as in a real process.
  steering.returns.erase(fail.at("import").get<std::string>());
  steering.environment =
      fail.at("environment").get<std::map<std::string, std::string>>();
  sample.setting.attach_fails = steering;
  sample.sections_when_attach_fails =
      fail.at("sections_initialised").get<size_t>() -
      fail.at("sections_deleted").get<size_t>();
}

Sample ReadSample(const json& entry, const std::string& folder) {
  Sample sample;
  sample.name = entry.at("name").get<std::string>();
  sample.path = folder + "/" + entry.at("file").get<std::string>();
  sample.verdict = entry.at("verdict").get<std::string>();
  for (const json& section : entry.at("critical_sections")) {
    std::string place = "image+" + Hex(section.at("rva").get<uint32_t>());
    std::set<std::string> deleted =
        section.at("deleted_on").get<std::set<std::string>>();
    sample.sections.insert(place);
    if (deleted.count("detach") == 0) sample.leaked.insert(place);
    if (deleted.count("process_exit") == 0) sample.alive_at_exit.insert(place);
  }
  const json& heap = entry.at("heap_sections");
  sample.heap_sections = heap.at("initialised").get<size_t>();
  sample.heap_sections_leaked = heap.at("leaked").get<size_t>();
  sample.other_calls =
      entry.at("other_calls")
          .get<std::map<std::string, std::vector<std::string>>>();
  for (const auto& [import, value] : entry.at("import_returns").items()) {
    // "pointer" is memory of the size asked for: what the models give.
    if (value.is_number()) {
      sample.setting.returns[import] = value.get<uint32_t>();
    }
  }
  ReadAttachFail(entry.at("attach_fail"), sample);
  ReadProbe(entry.at("probe"), sample);
  return sample;
}

}  // namespace

Result<std::vector<Sample>> ReadManifest(const std::string& folder,
                                         const std::string& machine) {
  std::ifstream file(folder + "/manifest.json");
  if (!file) return Error{"no manifest.json in " + folder};
  std::vector<Sample> samples;
  try {
    json manifest = json::parse(file);
    for (const json& entry : manifest.at("samples")) {
      if (entry.at("machine") != machine) continue;
      samples.push_back(ReadSample(entry, folder));
    }
  } catch (const json::exception& problem) {
    return Error{std::string("manifest.json: ") + problem.what()};
  }
  return samples;
}

}  // namespace detachfix::emulator
