// Rows of actions that send packets somewhere: ports, listeners, queues, tables, samples.
#include <algorithm>
#include <array>

#include "agent/pipeline/action_table.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/field_text.h"

namespace sluice::pipeline::rows {
namespace {

constexpr uint64_t kLastTable = 254;

// By PacketInReason.
constexpr std::array<std::string_view, 6> kReasons = {"no_match",   "action", "invalid_ttl",
                                                      "action_set", "group",  "packet_out"};

bool IsPortOf(const ActionReader& reader, std::string_view text, uint32_t* port) {
  Blame ignored;
  return ParsePort(text, reader.options.ports, port, &ignored);
}

// One `KEY=VALUE` after the other in the arguments; `take` is asked for each.
template <typename Take>
bool ForEachArgument(const ActionReader& reader, Take take) {
  WordReader words(reader.word.value, "=");
  TextWord argument;
  while (words.Next(&argument, reader.blame))
    if (!take(argument)) return false;
  return !words.failed();
}

bool UnknownArgument(const ActionReader& reader, const TextWord& argument) {
  return reader.Fail(argument.all, ToAbsl(reader.row.name), " has no argument ",
                     ToAbsl(argument.key), ": expected ", ToAbsl(reader.row.name), "(",
                     ToAbsl(reader.row.syntax), ")");
}

bool OutputTo(const ActionReader& reader, uint32_t port, uint32_t max_len) {
  if (port == kPortController) {
    reader.list->Append(ControllerAction{
        .max_len = static_cast<uint16_t>(max_len == 0 ? 0xffff : std::min(max_len, 0xffffU))});
  } else {
    reader.list->Append(OutputAction{.port = port, .max_len = max_len});
  }
  return true;
}

bool OutputToText(const ActionReader& reader, std::string_view text, uint32_t max_len) {
  uint32_t port = 0;
  if (IsPortOf(reader, text, &port)) return OutputTo(reader, port, max_len);
  if (text.find('[') == std::string_view::npos && FindField(text) == nullptr)
    return ParsePort(text, reader.options.ports, &port, reader.blame);
  OutputRegisterAction action;
  action.max_len = max_len;
  if (!ParseSubfield(text, &action.source, reader.blame)) return false;
  if (action.source.bits > 32) return reader.Fail(text, "a port has at most 32 bits");
  reader.list->Append(action);
  return true;
}

void AppendMaxLen(std::string_view port, uint32_t max_len, std::string* out) {
  absl::StrAppend(out, "output(port=", ToAbsl(port), ",max_len=", max_len, ")");
}

}  // namespace

bool ParseOutput(const ActionReader& reader) {
  if (reader.word.separator != '(') return OutputToText(reader, reader.word.value, 0);
  std::string_view port;
  uint64_t max_len = 0;
  const bool ok = ForEachArgument(reader, [&](const TextWord& argument) {
    if (argument.key == "port") {
      port = argument.value;
      return true;
    }
    if (argument.key != "max_len") return UnknownArgument(reader, argument);
    return reader.Number(argument.value, 0xffffffff, &max_len) &&
           (max_len >= 14 || reader.Fail(argument.value, "max_len must be at least 14"));
  });
  if (!ok) return false;
  if (port.empty()) return reader.Fail(reader.word.all, "output(..) needs port=PORT");
  return OutputToText(reader, port, static_cast<uint32_t>(max_len));
}

bool ParseReserved(const ActionReader& reader) {
  uint32_t port = 0;
  return ParsePort(reader.row.name, nullptr, &port, reader.blame) && OutputTo(reader, port, 0);
}

bool ParseController(const ActionReader& reader) {
  ControllerAction action;
  std::string userdata;
  uint64_t number = 0xffff;
  if (reader.word.separator == ':') {
    if (!reader.Number(reader.word.value, 0xffff, &number)) return false;
    action.max_len = static_cast<uint16_t>(number);
    reader.list->Append(action);
    return true;
  }
  const bool ok = ForEachArgument(reader, [&](const TextWord& argument) {
    if (argument.key == "pause") {
      action.pause = 1;
    } else if (argument.key == "max_len") {
      if (!reader.Number(argument.value, 0xffff, &number)) return false;
      action.max_len = static_cast<uint16_t>(number);
    } else if (argument.key == "id") {
      if (!reader.Number(argument.value, 0xffff, &number)) return false;
      action.id = static_cast<uint16_t>(number);
    } else if (argument.key == "meter_id") {
      if (!reader.Number(argument.value, kMaxMeter, &number)) return false;
      action.meter = static_cast<uint32_t>(number);
    } else if (argument.key == "reason") {
      const auto* const found = std::find(kReasons.begin(), kReasons.end(), argument.value);
      if (found == kReasons.end())
        return reader.Fail(argument.value, "unknown reason ", ToAbsl(argument.value));
      action.reason = static_cast<PacketInReason>(found - kReasons.begin());
    } else if (argument.key == "userdata") {
      if (!ParseDottedHex(argument.value, &userdata) || userdata.size() > ActionList::kMaxTail)
        return reader.Fail(argument.value, "userdata must be pairs of hexadecimal digits");
    } else {
      return UnknownArgument(reader, argument);
    }
    return true;
  });
  if (!ok) return false;
  reader.list->Append(action, {reinterpret_cast<const uint8_t*>(userdata.data()), userdata.size()});
  return true;
}

bool ParseEnqueue(const ActionReader& reader) {
  const char separator = reader.word.separator == '(' ? ',' : ':';
  const std::string_view text = reader.word.value;
  const size_t at = text.rfind(separator);
  if (at == std::string_view::npos) return reader.Fail(text, "expected enqueue:PORT:QUEUE");
  EnqueueAction action;
  uint64_t queue = 0;
  if (!ParsePort(Trim(text.substr(0, at)), reader.options.ports, &action.port, reader.blame) ||
      !reader.Number(Trim(text.substr(at + 1)), 0xffffffff, &queue))
    return false;
  action.queue = static_cast<uint32_t>(queue);
  reader.list->Append(action);
  return true;
}

bool ParseResubmit(const ActionReader& reader) {
  ResubmitAction action{.same_table = 1};
  std::string_view port = reader.word.value, table;
  if (reader.word.separator == '(') {
    const size_t comma = std::min(port.find(','), port.size());
    table = Trim(port.substr(std::min(comma + 1, port.size())));
    port = Trim(port.substr(0, comma));
    if (table.find(',') != std::string_view::npos)
      return reader.Fail(table, "expected resubmit([PORT],[TABLE])");
  }
  if (port.empty() && table.empty())
    return reader.Fail(reader.word.all, "resubmit needs a port or a table");
  if (!port.empty() && !ParsePort(port, reader.options.ports, &action.in_port, reader.blame))
    return false;
  if (!table.empty()) {
    uint64_t number = 0;
    if (!reader.Number(table, kLastTable, &number)) return false;
    action.table = static_cast<uint8_t>(number);
    action.same_table = 0;
  }
  reader.list->Append(action);
  return true;
}

bool ParseSample(const ActionReader& reader) {
  SampleAction action;
  const bool ok = ForEachArgument(reader, [&](const TextWord& argument) {
    struct Option {
      std::string_view name;
      uint32_t* value;
    };
    const Option options[] = {{"collector_set_id", &action.collector_set},
                              {"obs_domain_id", &action.obs_domain},
                              {"obs_point_id", &action.obs_point}};
    uint64_t number = 0;
    for (const Option& option : options) {
      if (argument.key != option.name) continue;
      if (!reader.Number(argument.value, 0xffffffff, &number)) return false;
      *option.value = static_cast<uint32_t>(number);
      return true;
    }
    if (argument.key == "probability") {
      if (!reader.Number(argument.value, 0xffff, &number)) return false;
      action.probability = static_cast<uint16_t>(number);
      return true;
    }
    if (argument.key == "sampling_port")
      return ParsePort(argument.value, reader.options.ports, &action.port, reader.blame);
    if (argument.all == "ingress" || argument.all == "egress") {
      action.direction = argument.all == "ingress" ? 1 : 2;
      return true;
    }
    return UnknownArgument(reader, argument);
  });
  if (!ok) return false;
  if (action.probability == 0)
    return reader.Fail(reader.word.all, "sample needs a probability of 1 to 65535");
  reader.list->Append(action);
  return true;
}

void FormatOutput(const Action& action, const PortNames* ports, std::string* out) {
  const auto output = action.Get<OutputAction>();
  std::string port;
  AppendPort(output.port, ports, &port);
  if (output.max_len != 0) return AppendMaxLen(port, output.max_len, out);
  if (!IsReservedPort(port) || output.port == kPortTable || output.port == kPortNone)
    out->append("output:");
  out->append(port);
}

void FormatOutputRegister(const Action& action, const PortNames*, std::string* out) {
  const auto output = action.Get<OutputRegisterAction>();
  std::string source;
  AppendSubfield(output.source, &source);
  if (output.max_len != 0) return AppendMaxLen(source, output.max_len, out);
  absl::StrAppend(out, "output:", source);
}

void FormatController(const Action& action, const PortNames*, std::string* out) {
  const auto controller = action.Get<ControllerAction>();
  const base::ByteView userdata = action.tail();
  if (controller.id == 0 && controller.reason == PacketInReason::kAction && userdata.empty() &&
      controller.pause == 0 && controller.meter == 0)
    return absl::StrAppend(out, "CONTROLLER:", controller.max_len);
  out->append("controller(");
  if (controller.reason != PacketInReason::kAction) {
    absl::StrAppend(out, "reason=", ToAbsl(ToString(controller.reason)), ",");
  }
  if (controller.max_len != 0xffff) absl::StrAppend(out, "max_len=", controller.max_len, ",");
  if (controller.id != 0) absl::StrAppend(out, "id=", controller.id, ",");
  if (!userdata.empty()) {
    out->append("userdata=");
    AppendDottedHex({reinterpret_cast<const char*>(userdata.data()), userdata.size()}, out);
    out->push_back(',');
  }
  if (controller.meter != 0) absl::StrAppend(out, "meter_id=", controller.meter, ",");
  if (controller.pause != 0) out->append("pause,");
  out->back() = ')';
}

void FormatEnqueue(const Action& action, const PortNames* ports, std::string* out) {
  const auto enqueue = action.Get<EnqueueAction>();
  out->append("enqueue:");
  AppendPort(enqueue.port, ports, out);
  absl::StrAppend(out, ":", enqueue.queue);
}

void FormatResubmit(const Action& action, const PortNames* ports, std::string* out) {
  const auto resubmit = action.Get<ResubmitAction>();
  if (resubmit.same_table != 0) {
    out->append("resubmit:");
    return AppendPort(resubmit.in_port, ports, out);
  }
  out->append("resubmit(");
  if (resubmit.in_port != kPortInPort) AppendPort(resubmit.in_port, ports, out);
  absl::StrAppend(out, ",", resubmit.table, ")");
}

void FormatSample(const Action& action, const PortNames* ports, std::string* out) {
  const auto sample = action.Get<SampleAction>();
  absl::StrAppend(out, "sample(probability=", sample.probability,
                  ",collector_set_id=", sample.collector_set, ",obs_domain_id=", sample.obs_domain,
                  ",obs_point_id=", sample.obs_point);
  if (sample.port != kPortNone) {
    out->append(",sampling_port=");
    AppendPort(sample.port, ports, out);
  }
  if (sample.direction != 0) out->append(sample.direction == 1 ? ",ingress" : ",egress");
  out->push_back(')');
}

}  // namespace sluice::pipeline::rows

namespace sluice::pipeline {

std::string_view ToString(PacketInReason reason) {
  const auto i = static_cast<size_t>(reason);
  return i < rows::kReasons.size() ? rows::kReasons[i] : "unknown";
}

}  // namespace sluice::pipeline
