// Any text is parsed or refused with a place; what was parsed is written and parsed to the same
// bytes. The first byte says whether it is a key, actions, or the filter of a dump.
#include <cstdlib>
#include <string_view>

#include "dpctl/flow_filter.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

using sluice::attr::MaskView;
namespace attr = sluice::attr;
namespace ovs = sluice::ovs;

namespace {

void Refused(const absl::Status& status, std::string_view text) {
  const auto offset = attr::TextErrorOffset(status);
  if (!offset || *offset > text.size()) std::abort();
}

void Key(std::string_view text) {
  const auto read = attr::ParseSet(ovs::kKeyTable, text, {});
  if (!read.ok()) return Refused(read.status(), text);
  std::string written;
  attr::AppendSet(ovs::kKeyTable, read->value, MaskView::Of(read->mask), {.verbose = true},
                  &written);
  const auto again = attr::ParseSet(ovs::kKeyTable, written, {});
  if (!again.ok()) std::abort();
  // Attributes that were given as bytes may stand in an order that is not the kernel's.
  std::string rewritten;
  attr::AppendSet(ovs::kKeyTable, again->value, MaskView::Of(again->mask), {.verbose = true},
                  &rewritten);
  if (rewritten != written) std::abort();
  std::string terse, terse_again;
  attr::AppendSet(ovs::kKeyTable, read->value, MaskView::Of(read->mask), {}, &terse);
  const auto from_terse = attr::ParseSet(ovs::kKeyTable, terse, {});
  if (!from_terse.ok()) std::abort();
  attr::AppendSet(ovs::kKeyTable, from_terse->value, MaskView::Of(from_terse->mask), {},
                  &terse_again);
  if (terse != terse_again) std::abort();
}

void Actions(std::string_view text) {
  const auto read = attr::ParseList(ovs::kActionTable, text, {});
  if (!read.ok()) return Refused(read.status(), text);
  std::string written;
  attr::AppendList(ovs::kActionTable, *read, {}, &written);
  const auto again = attr::ParseList(ovs::kActionTable, written, {});
  if (!again.ok()) std::abort();
  std::string rewritten;
  attr::AppendList(ovs::kActionTable, *again, {}, &rewritten);
  if (rewritten != written) std::abort();
}

void Filter(std::string_view text) {
  const auto filter = sluice::dpctl::FlowFilter::Parse(text, nullptr);
  if (!filter.ok()) return Refused(filter.status(), text);
  // Any flow will do; what is shown of one is the unit test's.
  ovs::FlowView flow;
  flow.mask.emplace();
  (void)filter->Matches(flow);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 20000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
    case 2:
      Actions(text);
      break;
    case 1:
      Key(text);
      break;
    default:
      Filter(text);
  }
  return 0;
}
