#include "agent/pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::pipeline {
namespace {

Fields GroupKey(uint32_t id) {
  Fields key;
  key.regs[0] = Be32::FromHost(id);
  return key;
}

// Every group whose number stands in the actions.
template <typename Visit>
void ForEachGroupOf(ActionSpan actions, Visit visit) {
  for (const Action action : actions) {
    if (action.kind() == ActionKind::kGroup) visit(action.Get<GroupAction>().group);
    ForEachGroupOf(action.nested(), visit);
  }
}

constexpr base::MonotonicMs kSecond = 1000;

bool Ends(const TableRule& rule) {
  return rule.rule.hard_timeout != 0 || rule.rule.idle_timeout != 0;
}

bool HasTimedOut(const TableRule& rule, base::MonotonicMs now) {
  const base::MonotonicMs used = std::max(rule.stats->used.load(), rule.modified);
  return (rule.rule.hard_timeout != 0 && rule.modified + rule.rule.hard_timeout * kSecond <= now) ||
         (rule.rule.idle_timeout != 0 && used + rule.rule.idle_timeout * kSecond <= now);
}

}  // namespace

void UseStats::Credit(uint64_t more_packets, uint64_t more_bytes, base::MonotonicMs when) {
  packets.fetch_add(more_packets, std::memory_order_relaxed);
  bytes.fetch_add(more_bytes, std::memory_order_relaxed);
  base::MonotonicMs before = used.load(std::memory_order_relaxed);
  while (before < when && !used.compare_exchange_weak(before, when, std::memory_order_relaxed)) {
  }
}

// One bundle. What was made and what was thrown out is freed when nobody can see it; without
// Commit(), what was made.
class Pipeline::Change {
 public:
  Change(Pipeline* pipeline, base::MonotonicMs now)
      : pipeline_(pipeline), now_(now), update_(&pipeline->versions_) {}
  ~Change() {
    if (!committed_) {
      for (const TableRule* rule : made_rules_) Retire(rule);
      for (const PipelineGroup* group : made_groups_) Retire(group);
    }
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  absl::Status Do(const GroupChange& change);
  absl::Status Do(const RuleChange& change);
  // Rules that name a group which is not there, among those that this bundle brought.
  absl::Status CheckGroups();
  absl::Status BecomeGroups(std::span<const Group> groups);
  absl::Status BecomeRules(std::span<const Rule> rules);
  bool DeleteTimedOut();
  Report Commit();

 private:
  using Table = Classifier<TableRule>;

  absl::Status Add(const Rule& rule);
  void Modify(const RuleChange& change);
  void Delete(const RuleChange& change);
  void DeleteGroup(const PipelineGroup& group);
  // Those of the tables that the change is about.
  std::vector<const TableRule*> Selected(const RuleChange& change);
  void Put(TableRule rule, const TableRule* in_place_of);
  void Remove(const TableRule& rule);
  void Put(PipelineGroup group);
  void Remove(const PipelineGroup& group);
  const TableRule* Find(const Rule& rule) {
    Table& table = TableOf(rule);
    return table.Find(rule.match.Value(), rule.match.Mask(), rule.priority, table.View(&update_));
  }

  Table& TableOf(const Rule& rule) { return *pipeline_->tables_[rule.table]; }
  const PipelineGroup* FindGroup(uint32_t id) {
    return pipeline_->FindGroup(id, pipeline_->groups_.View(&update_));
  }
  void Retire(const TableRule* rule) { pipeline_->versions_.Retire(const_cast<TableRule*>(rule)); }
  void Retire(const PipelineGroup* group) {
    pipeline_->versions_.Retire(const_cast<PipelineGroup*>(group));
  }

  Pipeline* const pipeline_;
  const base::MonotonicMs now_;
  Update update_;
  Report report_;
  std::vector<const TableRule*> made_rules_, gone_rules_;
  std::vector<const PipelineGroup*> made_groups_, gone_groups_;
  bool committed_ = false;
};

// --- Groups --------------------------------------------------------------------------------------

absl::Status Pipeline::Change::Do(const GroupChange& change) {
  const Group& group = change.group;
  if (change.command == GroupCommand::kDelete) {
    std::vector<const PipelineGroup*> doomed;
    pipeline_->ForEachGroup(pipeline_->groups_.View(&update_), [&](const PipelineGroup& present) {
      if (group.id == kAllGroups || group.id == present.group.id) doomed.push_back(&present);
    });
    for (const PipelineGroup* present : doomed) DeleteGroup(*present);
    return absl::OkStatus();
  }
  const PipelineGroup* present = FindGroup(group.id);
  if (change.command == GroupCommand::kAdd && present != nullptr)
    return absl::AlreadyExistsError(absl::StrCat("group ", group.id, " is there already"));
  if (change.command == GroupCommand::kModify && present == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no group ", group.id));
  PipelineGroup next{group, now_, std::make_shared<UseStats>(), {}};
  for (size_t i = 0; i < group.buckets.size(); ++i)
    next.bucket_stats.push_back(std::make_shared<UseStats>());
  if (present != nullptr) {
    next.created = present->created;
    next.stats = present->stats;
  }
  Put(std::move(next));
  return absl::OkStatus();
}

void Pipeline::Change::Put(PipelineGroup group) {
  const auto* made = new PipelineGroup(std::move(group));
  made_groups_.push_back(made);
  const PipelineGroup* replaced = pipeline_->groups_.Insert(&update_, GroupKey(made->group.id),
                                                            GroupKey(~uint32_t{0}), 0, made);
  if (replaced != nullptr) gone_groups_.push_back(replaced);
  ++report_.groups;
}

// With the rules that send packets to it, as OpenFlow has it.
void Pipeline::Change::DeleteGroup(const PipelineGroup& group) {
  Delete({.command = RuleCommand::kDelete, .out_group = group.group.id});
  Remove(group);
}

void Pipeline::Change::Remove(const PipelineGroup& group) {
  pipeline_->groups_.Remove(&update_, GroupKey(group.group.id), GroupKey(~uint32_t{0}), 0);
  gone_groups_.push_back(&group);
  ++report_.groups;
}

// --- Rules ---------------------------------------------------------------------------------------

absl::Status Pipeline::Change::Do(const RuleChange& change) {
  switch (change.command) {
    case RuleCommand::kAdd:
      return Add(change.rule);
    case RuleCommand::kModify:
    case RuleCommand::kModifyStrict:
      Modify(change);
      return absl::OkStatus();
    case RuleCommand::kDelete:
    case RuleCommand::kDeleteStrict:
      Delete(change);
      return absl::OkStatus();
  }
  return absl::InternalError("a change of no kind");
}

absl::Status Pipeline::Change::Add(const Rule& rule) {
  Table& table = TableOf(rule);
  const Fields value = rule.match.Value(), mask = rule.match.Mask();
  const Version view = table.View(&update_);
  const TableRule* present = table.Find(value, mask, rule.priority, view);
  if ((rule.flags & kCheckOverlap) != 0 && present == nullptr &&
      table.Overlaps(value, mask, rule.priority, view))
    return absl::AlreadyExistsError(
        absl::StrCat("a rule of the same priority overlaps: ", ToString(rule)));
  TableRule next{rule, now_, now_, nullptr};
  if (present != nullptr && (rule.flags & kResetCounts) == 0) next.stats = present->stats;
  if (next.stats == nullptr) next.stats = std::make_shared<UseStats>();
  ++(present == nullptr ? report_.added : report_.replaced);
  Put(std::move(next), present);
  return absl::OkStatus();
}

void Pipeline::Change::Modify(const RuleChange& change) {
  for (const TableRule* present : Selected(change)) {
    TableRule next{present->rule, present->created, now_, present->stats};
    next.rule.actions = change.rule.actions;
    if (change.sets_cookie) next.rule.cookie = change.rule.cookie;
    if ((change.rule.flags & kResetCounts) != 0) next.stats = std::make_shared<UseStats>();
    ++report_.modified;
    Put(std::move(next), present);
  }
}

void Pipeline::Change::Delete(const RuleChange& change) {
  for (const TableRule* present : Selected(change)) Remove(*present);
}

std::vector<const TableRule*> Pipeline::Change::Selected(const RuleChange& change) {
  std::vector<const TableRule*> selected;
  const Fields value = change.rule.match.Value(), mask = change.rule.match.Mask();
  for (size_t i = 0; i < kTables; ++i) {
    if (change.table && *change.table != i) continue;
    Table& table = *pipeline_->tables_[i];
    if (table.size() == 0) continue;
    table.ForEachWithin(value, mask, table.View(&update_),
                        [&](const Fields&, const Fields&, int32_t, const TableRule* rule) {
                          if (change.Selects(rule->rule)) selected.push_back(rule);
                        });
  }
  return selected;
}

void Pipeline::Change::Put(TableRule rule, const TableRule* in_place_of) {
  const auto* made = new TableRule(std::move(rule));
  made_rules_.push_back(made);
  TableOf(made->rule)
      .Insert(&update_, made->rule.match.Value(), made->rule.match.Mask(), made->rule.priority,
              made);
  if (in_place_of != nullptr) gone_rules_.push_back(in_place_of);
  report_.tables.set(made->rule.table);
}

void Pipeline::Change::Remove(const TableRule& rule) {
  TableOf(rule.rule).Remove(&update_, rule.rule.match.Value(), rule.rule.match.Mask(),
                            rule.rule.priority);
  gone_rules_.push_back(&rule);
  report_.tables.set(rule.rule.table);
  ++report_.deleted;
}

absl::Status Pipeline::Change::CheckGroups() {
  for (const TableRule* rule : made_rules_) {
    absl::Status status;
    ForEachGroupOf(rule->rule.actions.span(), [&](uint32_t id) {
      if (status.ok() && FindGroup(id) == nullptr)
        status = absl::NotFoundError(absl::StrCat(
            "there is no group ", id, ", which a rule asks for: ", ToString(rule->rule)));
    });
    SLUICE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

// --- All of it -----------------------------------------------------------------------------------

// What stays as it is keeps its statistics, and flows that follow it are not looked at again.
absl::Status Pipeline::Change::BecomeGroups(std::span<const Group> groups) {
  absl::flat_hash_set<uint32_t> wanted;
  for (const Group& group : groups) {
    if (!wanted.insert(group.id).second)
      return absl::AlreadyExistsError(absl::StrCat("group ", group.id, " is there twice"));
    const PipelineGroup* present = FindGroup(group.id);
    if (present == nullptr || present->group != group)
      SLUICE_RETURN_IF_ERROR(Do(GroupChange{GroupCommand::kAddOrModify, group}));
  }
  std::vector<const PipelineGroup*> doomed;
  pipeline_->ForEachGroup(pipeline_->groups_.View(&update_), [&](const PipelineGroup& present) {
    if (!wanted.contains(present.group.id)) doomed.push_back(&present);
  });
  for (const PipelineGroup* present : doomed) Remove(*present);
  return absl::OkStatus();
}

absl::Status Pipeline::Change::BecomeRules(std::span<const Rule> rules) {
  const std::vector<const TableRule*> before = Selected({.command = RuleCommand::kDelete});
  absl::flat_hash_set<const TableRule*> stay;
  for (const Rule& rule : rules) {
    const TableRule* present = Find(rule);
    if (present != nullptr && present->rule == rule) {
      stay.insert(present);
    } else {
      SLUICE_RETURN_IF_ERROR(Add(rule));
    }
  }
  for (const TableRule* rule : before)
    if (!stay.contains(rule) && Find(rule->rule) == rule) Remove(*rule);
  return absl::OkStatus();
}

bool Pipeline::Change::DeleteTimedOut() {
  for (const TableRule* rule : Selected({.command = RuleCommand::kDelete}))
    if (HasTimedOut(*rule, now_)) Remove(*rule);
  return report_.deleted != 0;
}

Pipeline::Report Pipeline::Change::Commit() {
  report_.version = update_.Commit();
  committed_ = true;
  for (size_t i = 0; i < kTables; ++i)
    if (report_.tables[i]) pipeline_->changed_[i].store(report_.version, std::memory_order_release);
  if (report_.groups != 0)
    pipeline_->groups_changed_.store(report_.version, std::memory_order_release);
  size_t ending = pipeline_->rules_that_end_.load(std::memory_order_relaxed);
  for (const TableRule* rule : made_rules_) ending += Ends(*rule) ? 1 : 0;
  for (const TableRule* rule : gone_rules_) ending -= Ends(*rule) ? 1 : 0;
  pipeline_->rules_that_end_.store(ending, std::memory_order_relaxed);
  for (const TableRule* rule : gone_rules_) Retire(rule);
  for (const PipelineGroup* group : gone_groups_) Retire(group);
  return report_;
}

// --- The pipeline --------------------------------------------------------------------------------

Pipeline::Pipeline(ClassifierOptions options) : groups_(&versions_) {
  for (auto& table : tables_) table = std::make_unique<Classifier<TableRule>>(&versions_, options);
}

Pipeline::~Pipeline() {
  Change change(this, 0);
  (void)change.BecomeRules({});
  (void)change.BecomeGroups({});
  (void)change.Commit();
}

absl::StatusOr<Pipeline::Report> Pipeline::Apply(std::span<const RuleChange> rules,
                                                 std::span<const GroupChange> groups,
                                                 base::MonotonicMs now) {
  Change change(this, now);
  for (const GroupChange& group : groups) SLUICE_RETURN_IF_ERROR(change.Do(group));
  for (const RuleChange& rule : rules) SLUICE_RETURN_IF_ERROR(change.Do(rule));
  SLUICE_RETURN_IF_ERROR(change.CheckGroups());
  return change.Commit();
}

absl::StatusOr<Pipeline::Report> Pipeline::Replace(std::span<const Rule> rules,
                                                   std::span<const Group> groups,
                                                   base::MonotonicMs now) {
  Change change(this, now);
  SLUICE_RETURN_IF_ERROR(change.BecomeGroups(groups));
  SLUICE_RETURN_IF_ERROR(change.BecomeRules(rules));
  SLUICE_RETURN_IF_ERROR(change.CheckGroups());
  return change.Commit();
}

Pipeline::Report Pipeline::Expire(base::MonotonicMs now) {
  if (rules_that_end_.load(std::memory_order_relaxed) == 0) return {};
  Change change(this, now);
  return change.DeleteTimedOut() ? change.Commit() : Report{};
}

const PipelineGroup* Pipeline::FindGroup(uint32_t id, Version version) const {
  return groups_.Find(GroupKey(id), GroupKey(~uint32_t{0}), 0, version);
}

void Pipeline::set_options(ClassifierOptions options) {
  for (auto& table : tables_) table->set_options(options);
}

size_t Pipeline::rules() const {
  size_t rules = 0;
  for (const auto& table : tables_) rules += table->size();
  return rules;
}

}  // namespace sluice::pipeline
