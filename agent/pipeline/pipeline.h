// What a bridge shall do: 255 tables of rules, and groups; changed as a whole, read without locks.
//
//   Pipeline pipeline;
//   SLUICE_ASSIGN_OR_RETURN(auto changes, ParseRuleLines(text, "rules.txt", RuleCommand::kAdd,
//   ports)); SLUICE_ASSIGN_OR_RETURN(Pipeline::Report report, pipeline.Apply(changes, {},
//   clock.Now()));
//
//   Versions::Reader reader(&pipeline.versions());        // once a thread
//   Versions::Snapshot snapshot(&reader);                 // for a batch of packets
//   const TableRule* rule = pipeline.Lookup(0, packet, &mask, snapshot.version());
//
// Thread contract: Apply() and Expire() may be called by any thread, one after the other; what one
// of them does is visible at once and whole, to snapshots taken from then on. What a snapshot shows
// stays alive until the snapshot goes. Rule and Group of what is found never change; statistics do.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pipeline/classifier/classifier.h"
#include "agent/pipeline/group.h"
#include "agent/pipeline/rule.h"
#include "agent/pipeline/use_stats.h"
#include "agent/pipeline/versions.h"
#include "netlink/base/clock.h"

namespace sluice::pipeline {

inline constexpr size_t kTables = size_t{kMaxTable} + 1;
using TableSet = std::bitset<kTables>;

// A rule in its table.
struct TableRule {
  Rule rule;
  base::MonotonicMs created = 0, modified = 0;
  std::shared_ptr<UseStats> stats;
};

struct PipelineGroup {
  Group group;
  base::MonotonicMs created = 0;
  std::shared_ptr<UseStats> stats;
  std::vector<std::shared_ptr<UseStats>> bucket_stats;  // as group.buckets
};

// In place of a group's number.
inline constexpr uint32_t kAllGroups = 0xfffffffc;

enum class GroupCommand : uint8_t { kAdd, kModify, kAddOrModify, kDelete };
struct GroupChange {
  GroupCommand command = GroupCommand::kAdd;
  Group group{};  // of kDelete, only the id counts: kAllGroups deletes every one
};

class Pipeline {
 public:
  explicit Pipeline(ClassifierOptions options = {});
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  struct Report {
    Version version = 0;  // that shows it
    size_t added = 0, replaced = 0, modified = 0, deleted = 0;
    size_t groups = 0;  // added, changed or deleted
    TableSet tables;    // with a change
  };
  // All of it, groups first, or nothing. Errors: kAlreadyExists (an overlap that kCheckOverlap
  // forbids; a group that is there), kNotFound (a group that is not there, or that a rule asks
  // for), each with the rule or group as text. Modifying and deleting what is not there is no
  // error.
  absl::StatusOr<Report> Apply(std::span<const RuleChange> rules,
                               std::span<const GroupChange> groups, base::MonotonicMs now);
  // Everything that is there gives way to these; what is there already stays, with its statistics.
  absl::StatusOr<Report> Replace(std::span<const Rule> rules, std::span<const Group> groups,
                                 base::MonotonicMs now);
  // Removes the rules whose time is up: idle since `used`, or hard.
  Report Expire(base::MonotonicMs now);

  // Readers, under a snapshot of versions().
  const TableRule* Lookup(uint8_t table, const Fields& packet, Fields* mask,
                          Version version) const {
    return tables_[table]->Lookup(packet, mask, version);
  }
  const PipelineGroup* FindGroup(uint32_t id, Version version) const;
  // visit(const TableRule&), in no order.
  template <typename Visit>
  void ForEachRule(uint8_t table, Version version, Visit visit) const {
    tables_[table]->ForEach(version, [&](const Fields&, const Fields&, int32_t,
                                         const TableRule* rule) { visit(*rule); });
  }
  template <typename Visit>
  void ForEachGroup(Version version, Visit visit) const {
    groups_.ForEach(version, [&](const Fields&, const Fields&, int32_t,
                                 const PipelineGroup* group) { visit(*group); });
  }

  Versions& versions() const { return versions_; }
  void set_options(ClassifierOptions options);
  // Of the newest version.
  size_t rules() const;
  size_t rules(uint8_t table) const { return tables_[table]->size(); }
  // How many different masks the rules of a table have. For readers.
  size_t masks(uint8_t table) const { return tables_[table]->subtables(); }
  // The version of the last change to a table: a decision that looked at none changed since its own
  // version still holds. Groups have one for all of them.
  Version changed(uint8_t table) const { return changed_[table].load(std::memory_order_acquire); }
  Version groups_changed() const { return groups_changed_.load(std::memory_order_acquire); }

 private:
  class Change;  // an Apply() under way

  mutable Versions versions_;
  std::array<std::unique_ptr<Classifier<TableRule>>, kTables> tables_;
  // By number: a classifier whose rules match nothing but regs[0], so that groups have versions,
  // bundles and lookups without locks in the way that rules have.
  Classifier<PipelineGroup> groups_;
  std::array<std::atomic<Version>, kTables> changed_{};
  std::atomic<Version> groups_changed_{0};
  std::atomic<size_t> rules_that_end_{0};  // with a timeout
};

}  // namespace sluice::pipeline
