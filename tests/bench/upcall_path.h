// What the agent does with an upcall, step by step and without a kernel: for benchmarks, and for
// the instructions that tools/test counts.
//
// One packet of UDP or TCP after the other, each from the next source port, misses in a bridge of
// two ports that has learned both addresses. With megaflows off each is a flow of its own. Used by
// one thread; what a step leaves is what the next one takes.
//
//   UpcallPath path({.rules = kNormal});
//   for (auto _ : state) path.Whole();
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/flowcache/flow_cache.h"
#include "agent/translate/mask_fit.h"
#include "agent/translate/translate.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/packet.h"
#include "netlink/ovs/tables.h"
#include "netlink/socket/batch.h"

namespace sluice::testing {

class UpcallPath {
 public:
  struct Options {
    bool megaflows = false;
    // Beside actions=normal in each of `tables`, each of which goes on to the next one.
    int tables = 1;
  };
  static constexpr size_t kBatch = 32;

  explicit UpcallPath(const Options& options) {
    pipeline::MaskOptions masks;
    masks.budget.exact = !options.megaflows;
    bridge_.SetMaskOptions(masks);
    bridge_.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "v2"}});
    bridge_.Learn({{{{0x0a, 0, 0, 0, 0, 1}}}, 0, 1}, clock_.Now());
    bridge_.Learn({{{{0x0a, 0, 0, 0, 0, 2}}}, 0, 2}, clock_.Now());
    if (options.tables > 1) UseTables(options.tables);
    auto parsed = attr::ParseSet(
        ovs::kKeyTable,
        "recirc_id(0),dp_hash(0),skb_priority(0),in_port(1),skb_mark(0),ct_state(0),ct_zone(0),"
        "ct_mark(0),ct_label(0),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
        "ipv4(src=10.0.1.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1000,dst=7)",
        {});
    if (!parsed.ok()) std::abort();
    key_bytes_ = parsed->value;
    flow_family_.id = 30;
    packet_family_.id = 31;
    flow_family_.header_size = packet_family_.header_size = sizeof(ovs_header);
    port_ = const_cast<uint8_t*>(attr::Find(key_bytes_, OVS_KEY_ATTR_UDP).data());
    sight_ = std::make_unique<bridge::Sight>(&bridge_);
  }

  // The next packet's key.
  void Next() {
    ++number_;
    port_[0] = static_cast<uint8_t>(number_ >> 8);
    port_[1] = static_cast<uint8_t>(number_);
  }
  void Decode() {
    key_ = {};
    unknowns_.clear();
    if (ovs::DecodeFlowKey(key_bytes_, &key_, &unknowns_)) std::abort();
  }
  void Translate() {
    translator_.Translate(key_, sight_->view(), &translation_);
    for (const translate::Learned& learned : translation_.learned) bridge_.Learn(learned, 1);
  }
  void Fit() {
    mask_use_ = translate::FitMask(key_, bridge_.masks(), &translation_);
    ufid_ = flowcache::UfidOf(key_, translation_.mask, &masked_key_, &mask_);
  }
  // Flows are dropped when there are many.
  void Record() {
    if (cache_ == nullptr || cache_->size() >= kFlows) {
      cache_ = std::make_unique<flowcache::FlowCache>(2 * kFlows);
    }
    cache_->Add(ufid_, {.key = key_,
                        .mask = mask_,
                        .mask_use = mask_use_,
                        .translation = translation_,
                        .sight = *sight_,
                        .now = 1});
  }
  void Encode() {
    if (executes_.size() >= kBatch) {
      executes_.Clear();
      changes_.Clear();
    }
    ovs::EncodeExecute(
        packet_family_, 1,
        {.packet = packet_, .key = key_bytes_, .actions = translation_.actions.bytes()}, &request_);
    executes_.Add(request_);
    ovs::EncodeFlowPut(
        flow_family_, 1,
        {.key = key_bytes_, .mask = mask_, .actions = translation_.actions.bytes(), .ufid = ufid_},
        &request_);
    changes_.Add(request_);
  }
  void Whole() {
    Next();
    Decode();
    Translate();
    Fit();
    Record();
    Encode();
  }

 private:
  static constexpr size_t kFlows = 20'000;

  void UseTables(int tables) {
    std::vector<pipeline::Rule> rules;
    for (int table = 0; table < tables; ++table) {
      const std::string text =
          absl::StrCat("table=", table, ",priority=1,",
                       table + 1 < tables ? absl::StrCat("actions=resubmit(,", table + 1, ")")
                                          : "actions=normal");
      auto rule = pipeline::ParseRule(text, nullptr);
      if (!rule.ok()) std::abort();
      rules.push_back(*std::move(rule));
    }
    if (!bridge_.ReplaceRules(rules, {}).ok()) std::abort();
  }

  base::SystemClock clock_;
  bridge::Bridge bridge_{{.name = "br0"}, &clock_};
  std::unique_ptr<bridge::Sight> sight_;
  base::ByteVector key_bytes_, packet_ = base::ByteVector(43);
  uint8_t* port_ = nullptr;
  unsigned number_ = 0;
  socket::Family flow_family_, packet_family_;
  attr::Unknowns unknowns_;
  ovs::FlowKey key_;
  translate::Translator translator_;
  translate::Translation translation_;
  pipeline::MaskUse mask_use_;
  ovs::Ufid ufid_;
  base::ByteVector mask_, masked_key_;
  std::unique_ptr<flowcache::FlowCache> cache_;
  socket::Request request_;
  socket::Batch executes_, changes_;
};

}  // namespace sluice::testing
