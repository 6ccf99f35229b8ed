#include "dpctl/streamed_list.h"

#include <utility>

namespace sluice::dpctl {

StreamedList::StreamedList(Output* out, bool json, std::string head, std::string tail)
    : out_(out), json_(json), head_(std::move(head)), tail_(std::move(tail)) {
  if (json_) out_->Write(head_);
}

void StreamedList::Add(std::string_view item) {
  if (json_) out_->Write(size_ == 0 ? "\n" : ",\n");
  out_->Write(item);
  if (!json_) out_->Write("\n");
  ++size_;
  out_->Step();
}

void StreamedList::Restart() {
  repeated_ |= out_->started();
  if (repeated_) return;
  out_->buffer().clear();
  size_ = 0;
  if (json_) out_->Write(head_);
}

void StreamedList::End() {
  if (!json_) return;
  if (size_ != 0) out_->Write("\n");
  out_->Write(tail_);
  out_->Write("\n");
}

}  // namespace sluice::dpctl
