#include "tests/support/random_pipeline.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/random_actions.h"
#include "tests/support/random_match.h"

namespace sluice::testing {
namespace {

using pipeline::GroupType;
using pipeline::PortTable;

constexpr uint16_t kVlans[] = {0, 5, 10, 20};

class Maker {
 public:
  Maker(RandomPipeline* out, uint64_t seed)
      : out_(*out), options_(out->options), random_(seed), actions_(&options_, &random_) {}

  void Run() {
    Ports();
    Addresses();
    for (unsigned table = 0; table <= options_.tables; ++table)
      for (unsigned i = 0; i < options_.rules_per_table; ++i) AddRule(table, i);
    const bool groups = (options_.exclude & Kinds({pipeline::ActionKind::kGroup})) == 0;
    for (unsigned id = 1; groups && id <= options_.groups; ++id) AddGroup(id);
  }

 private:
  void Ports() {
    out_.parts.meters.meters = {{1, 11}, {2, 12}};
    std::vector<pipeline::BridgePort> ports = {{.port_no = 0},
                                               {.port_no = 1, .name = "p1"},
                                               {.port_no = 2, .name = "p2"},
                                               {.port_no = 3, .access_vlan = 10},
                                               {.port_no = 4, .trunks = {10, 20}}};
    pipeline::SwitchOptions options;
    if (options_.switch_settings) {
      for (pipeline::BridgePort& port : ports) Vary(&port);
      options.forward_bpdu = random_.Percent(30);
      for (pipeline::BridgePort& port : ports) port.name = absl::StrCat("p", port.port_no);
      if (random_.Percent(50)) Mirrors(&ports, &options);
      if (random_.Percent(50)) out_.parts.meters.storms["p1"] = {21, 22, 23};
      if (random_.Percent(50)) out_.parts.meters.storms["p2"][0] = 24;
    }
    if (options_.tunnel_ports) options.tunnel_options = kTunnelOptions;
    if (options_.tunnel_ports)
      for (const uint32_t vport : {6U, 7U, 7U, 7U, 8U, 8U})
        ports.push_back(Tunnel(vport, ports.size()));
    out_.parts.ports = PortTable(std::move(ports), options);
  }

  void Mirrors(std::vector<pipeline::BridgePort>* ports, pipeline::SwitchOptions* options) {
    const auto some = [&] {
      std::vector<std::string> names;
      for (const pipeline::BridgePort& port : *ports)
        if (random_.Percent(30)) names.push_back(port.name);
      return names;
    };
    const uint64_t count = 1 + random_.Below(3);
    for (uint64_t i = 0; i < count; ++i) {
      pipeline::Mirror mirror{.name = absl::StrCat("m", i),
                              .source_ports = some(),
                              .destination_ports = some(),
                              .all_ports = random_.Percent(30)};
      if (random_.Percent(30)) mirror.vlans = {0, 10};
      if (random_.Percent(20)) mirror.vlans = {20};
      if (random_.Percent(40)) {
        mirror.output_vlan = kVlans[1 + random_.Below(std::size(kVlans) - 1)];
      } else {
        mirror.output_port = random_.Percent(60) ? "p3" : "p1";
      }
      if (random_.Percent(30)) mirror.snaplen = 64;
      options->mirrors.push_back(std::move(mirror));
    }
  }

  pipeline::TunnelByte TunnelByte() {
    return {.from = static_cast<pipeline::TunnelByte::From>(random_.Below(3)),
            .value = static_cast<uint8_t>(random_.Below(200))};
  }

  // An end with addresses and keys that random packets have.
  pipeline::BridgePort Tunnel(uint32_t vport, size_t ports) {
    Fields like;
    while (like.tun_flags.host() == 0) like = RandomPacket(options_.packets, &random_);
    pipeline::TunnelEnd end{.vport = vport, .tos = TunnelByte(), .ttl = TunnelByte()};
    const bool ipv4 = like.tun_src != base::Ipv4();
    if (random_.Percent(50)) end.remote = {{like.tun_src, like.tun_ipv6_src}};
    if (end.remote && !end.remote->IsSet()) end.remote->v6.bytes[15] = 9;
    if (random_.Percent(30)) end.local = {like.tun_dst, like.tun_ipv6_dst};
    if (end.remote && (end.remote->v4 == base::Ipv4()) == ipv4) end.local = {};
    end.local_from_field = random_.Percent(20);
    end.from_anybody = random_.Percent(20);
    if (random_.Percent(50)) end.in_key = like.tun_id.host();
    if (random_.Percent(50)) end.out_key = random_.Below(9);
    end.has_key = vport != 6 || random_.Percent(50);
    end.dont_fragment = random_.Percent(50);
    end.checksum = random_.Percent(50);
    end.gbp = vport == 7 && random_.Percent(50);
    end.geneve = vport == 7 && !end.gbp && random_.Percent(60);
    if (vport == 8) {
      end.erspan = pipeline::ErspanEnd{.version = static_cast<uint8_t>(random_.Below(3))};
      end.erspan->index = end.erspan->version == 1 ? 7 : 0;
      end.erspan->direction = end.erspan->version == 2 ? 1 : 0;
      end.erspan->hardware_id = end.erspan->version == 2 ? 0x2a : 0;
    }
    const auto port_no = static_cast<uint32_t>(pipeline::kFirstTunnelPort + ports - 5);
    return {.port_no = port_no, .is_peer = random_.Percent(30), .tunnel = end};
  }

  void Vary(pipeline::BridgePort* port) {
    const auto vlan = [this] { return kVlans[random_.Below(std::size(kVlans))]; };
    port->up = random_.Percent(90);
    port->is_silent = !port->up && random_.Percent(50);
    port->is_protected = random_.Percent(30);
    port->is_peer = random_.Percent(40);
    if (random_.Percent(40)) port->relays_to = {"", absl::StrCat("p", random_.Below(5))};
    port->priority_tags = static_cast<pipeline::PriorityTags>(random_.Below(3));
    if (port->access_vlan) {
      port->is_tunnel = random_.Percent(40);
      return;
    }
    if (random_.Percent(30)) {
      port->native_vlan = 10;
      port->native_tagged = random_.Percent(50);
    }
    if (random_.Percent(40)) port->vlan_map.push_back({.wire = 30, .vlan = 20});
    const uint16_t other = vlan();
    if (random_.Percent(20) && other != 0 && other != 20)
      port->vlan_map.push_back({.wire = 20, .vlan = other});
  }

  void Addresses() {
    for (uint8_t last = 1; last <= 4; ++last) {
      for (const uint16_t vlan : kVlans) {
        if (random_.Percent(50)) continue;
        const auto port = static_cast<uint32_t>(random_.Below(6));  // 5 is gone
        out_.parts.macs[{vlan, base::Mac{{0, 0, 0, 0, 0, last}}}] = port;
      }
    }
  }

  template <typename T>
  void Keep(const absl::StatusOr<T>& parsed, const std::string& text, std::vector<T>* things) {
    if (parsed.ok()) {
      things->push_back(*parsed);
    } else {
      out_.errors.push_back(absl::StrCat(text, "\n", parsed.status().message()));
    }
  }

  // Each rule of a table has a priority of its own.
  void AddRule(unsigned table, unsigned priority) {
    const Fields like = RandomTemplate(options_.packets, &random_);
    const bool catch_all = priority == 0 && random_.Percent(60);
    const std::string match = catch_all ? "" : RandomMatch(like, &random_);
    const auto parsed = pipeline::ParseMatch(match, nullptr);
    if (!parsed.ok()) {
      out_.errors.push_back(absl::StrCat(match, "\n", parsed.status().message()));
      return;
    }
    const std::string actions =
        actions_.OfRule(static_cast<uint8_t>(table), {parsed->Value(), parsed->Mask()});
    std::string text = absl::StrCat("table=", table, ",priority=", priority, ",", match,
                                    match.empty() ? "" : ",", "actions=", actions);
    Keep(pipeline::ParseRule(text, nullptr), text, &out_.parts.rules);
    out_.rules.push_back(std::move(text));
  }

  std::string TypeText(GroupType* type) {
    const uint64_t kind = random_.Below(100);
    const bool select = options_.kernel_hashes || options_.field_hashes;
    if (kind < 35 || (kind >= 75 && !select)) {
      *type = GroupType::kAll;
      return "all";
    }
    if (kind < 50) {
      *type = GroupType::kIndirect;
      return "indirect";
    }
    if (kind < 75) {
      *type = GroupType::kFastFailover;
      return random_.Percent(50) ? "ff" : "fast_failover";
    }
    *type = GroupType::kSelect;
    if (options_.field_hashes && (!options_.kernel_hashes || random_.Percent(50))) {
      return absl::StrCat("select,selection_method=hash,fields(",
                          random_.Percent(50) ? "ip_src," : "",
                          random_.Percent(50) ? "tcp_dst" : "eth_src", ")");
    }
    if (random_.Percent(30)) return "select,selection_method=dp_hash,selection_method_param=7";
    return random_.Percent(50) ? "select" : "select,selection_method=symmetric_l4";
  }

  std::string Watch(unsigned id) {
    if (random_.Percent(75))
      return absl::StrCat("watch_port:", random_.Percent(60) ? 1 + random_.Below(4) : 9, ",");
    const uint64_t watched = options_.loops ? 1 + random_.Below(options_.groups) : id + 1;
    return absl::StrCat("watch_group:", watched, ",");
  }

  void AddGroup(unsigned id) {
    GroupType type = GroupType::kAll;
    std::string text = absl::StrCat("group_id=", id, ",type=", TypeText(&type));
    uint64_t buckets = type == GroupType::kIndirect ? 1 : random_.Below(4);
    for (; buckets > 0; --buckets) {
      text.append(",bucket=");
      if (type == GroupType::kSelect) absl::StrAppend(&text, "weight:", random_.Below(4), ",");
      const bool watches =
          type == GroupType::kFastFailover || (type == GroupType::kSelect && random_.Percent(30));
      if (watches) text.append(Watch(id));
      absl::StrAppend(&text, "actions=", actions_.OfBucket(id));
    }
    Keep(pipeline::ParseGroup(text, nullptr), text, &out_.parts.groups);
    out_.groups.push_back(std::move(text));
  }

  RandomPipeline& out_;
  const RandomPipelineOptions& options_;
  Random random_;
  RandomActions actions_;
};

}  // namespace

RandomPipeline::RandomPipeline(uint64_t seed, const RandomPipelineOptions& wanted)
    : options(wanted) {
  options.packets.tunnel_metadata = options.tunnel_ports;
  Maker(this, seed).Run();
}

Fields RandomPipeline::Packet(Random* random) const {
  Fields packet = RandomPacket(options.packets, random);
  if (!options.tunnel_ports || packet.tun_flags.host() == 0) return packet;
  packet.in_port = base::Be32::FromHost(static_cast<uint32_t>(6 + random->Below(3)));
  if (random->Percent(95)) return packet;
  packet.eth_type = base::Be16::FromHost(pipeline::kHeartbeatType);
  packet.eth_src = {};
  return Canonical(packet);
}

std::string RandomPipeline::Text() const {
  return absl::StrCat(absl::StrJoin(rules, "\n"), "\n", absl::StrJoin(groups, "\n"));
}

}  // namespace sluice::testing
