// Any packet, and any actions on it: what is handed out is no longer than tags, labels and options
// can make it. The input: how long the actions are, in words; what kind of packet it is; the
// actions, and the packet.
#include <linux/openvswitch.h>

#include <algorithm>
#include <cstdlib>

#include "agent/translate/slow_path.h"

using sluice::base::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const size_t length = size_t{data[0]} * 4;
  const ByteView rest = ByteView(data, size).subspan(2);
  const ByteView actions = rest.first(std::min(length, rest.size()));
  const ByteView packet = rest.subspan(actions.size());
  sluice::ovs::FlowKey key;
  if ((data[1] & 1) != 0) {
    key.present[0] |= uint64_t{1} << OVS_KEY_ATTR_ETHERNET;
  } else {
    key.layers[0].eth_type = sluice::base::Be16::FromHost((data[1] & 2) != 0 ? 0x86dd : 0x0800);
  }
  size_t times = 0;
  (void)sluice::translate::Replay(
      packet, key, static_cast<uint16_t>(packet.size()) & 1U ? uint16_t{576} : uint16_t{0}, actions,
      [&](ByteView now, ByteView then) {
        ++times;
        if (then.empty() || now.size() > packet.size() + 8 * actions.size()) std::abort();
      });
  if (times > sluice::translate::kMaxExecutes) std::abort();
  return 0;
}
