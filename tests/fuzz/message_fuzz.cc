// Any datagram is walked, and read as acknowledgement, upcall, flow, datapath, port, meter and
// sample.
#include <cstdlib>

#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/meter.h"
#include "netlink/ovs/packet.h"
#include "netlink/ovs/psample.h"
#include "netlink/ovs/vport.h"
#include "netlink/socket/ext_ack.h"

using sluice::base::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const sluice::socket::MessageWalk walk(bytes);
  size_t seen = 0;
  for (const sluice::socket::Message& message : walk) {
    seen += message.bytes.size();
    if (const auto ack = sluice::socket::ParseExtAck(message); ack.ok())
      (void)sluice::socket::ToString(sluice::socket::BlameOf(*ack, bytes, 20).path);
    sluice::ovs::Upcall upcall;
    if (sluice::ovs::DecodeUpcall(message, &upcall) == sluice::ovs::UpcallFault::kNone &&
        (upcall.packet.data() == nullptr || upcall.key.data() == nullptr))
      std::abort();
    (void)sluice::ovs::ParseFlow(message);
    (void)sluice::ovs::ParseDatapath(message);
    (void)sluice::ovs::ParseVport(message);
    (void)sluice::ovs::ParseMeter(message);
    (void)sluice::ovs::ParseMeterFeatures(message);
    (void)sluice::ovs::ParseSample(message);
  }
  if (seen + walk.leftover().size() > size) std::abort();
  return 0;
}
