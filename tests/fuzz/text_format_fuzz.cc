// Any bytes have a text and a JSON, as every set and list that there is, under any mask. The first
// byte says which table, the second where the mask begins.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

using sluice::attr::MaskView;
using sluice::base::ByteView;

namespace {

// The text of the attributes in the kernel's order.
std::string Reread(const sluice::attr::Table& table, std::string_view text) {
  const auto read = sluice::attr::ParseList(table, text, {});
  if (!read.ok()) std::abort();
  std::string again;
  sluice::attr::AppendList(table, *read, {}, &again);
  return again;
}

void CheckList(const sluice::attr::Table& table, ByteView bytes) {
  if (!sluice::attr::AttributeWalk(bytes).leftover().empty()) return;
  std::string text;
  sluice::attr::AppendList(table, bytes, {}, &text);
  const std::string ordered = Reread(table, text);
  if (Reread(table, ordered) != ordered) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 20000) return 0;
  const auto tables = sluice::ovs::AllTables();
  const sluice::attr::Table& table = *tables[data[0] % tables.size()];
  const ByteView bytes(data + 2, size - 2);
  const size_t split = std::min<size_t>(size_t{data[1]} * 4, bytes.size());
  const MaskView mask = (data[0] & 0x80) != 0 ? MaskView{} : MaskView::Of(bytes.first(split));
  const ByteView value = bytes.subspan(split);
  for (const bool verbose : {false, true}) {
    std::string text;
    sluice::attr::AppendSet(table, value, mask, {.verbose = verbose}, &text);
    (void)sluice::attr::ParseSet(table, text, {});
    (void)sluice::attr::SetToJson(table, value, mask, {.verbose = verbose}).dump();
  }
  CheckList(sluice::ovs::kActionTable, value);
  (void)sluice::attr::ListToJson(table, value, {}).dump();
  return 0;
}
