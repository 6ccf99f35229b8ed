#include "netlink/socket/batch.h"

namespace sluice::socket {

bool Batch::Add(const Request& request) {
  if (!request.valid() || (request.flags() & NLM_F_DUMP) == NLM_F_DUMP) return false;
  const ByteView message = request.bytes();
  items_.push_back({.offset = bytes_.size(),
                    .length = static_cast<uint32_t>(message.size()),
                    .attributes_offset = static_cast<uint32_t>(request.attributes_offset()),
                    .outcome = kNotSent,
                    .has_reply = request.read_only() || (request.flags() & NLM_F_ECHO) != 0,
                    .label = request.label()});
  bytes_.insert(bytes_.end(), message.begin(), message.end());
  bytes_.resize(attr::Align4(bytes_.size()));
  return true;
}

void Batch::Clear() {
  bytes_.clear();
  items_.clear();
  details_.clear();
  failed_ = 0;
  unanswered_ = 0;
}

const ExtAck* Batch::details(size_t index) const {
  const auto it = details_.find(index);
  return it == details_.end() ? nullptr : &it->second;
}

ByteView Batch::request(size_t index) const {
  return ByteView(bytes_).subspan(items_[index].offset, items_[index].length);
}

}  // namespace sluice::socket
