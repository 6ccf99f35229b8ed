// A list that is written item by item as it comes: lines of text, or a JSON document with one item
// a line. Not thread-safe.
//
//   StreamedList list(&session->out(), json, "{\"connections\":[", "]}");
//   list.Add(json.dump());   // without the line's end
//   list.End();
#pragma once

#include <string>
#include <string_view>

#include "dpctl/output.h"

namespace sluice::dpctl {

class StreamedList {
 public:
  // `head` and `tail` are of the JSON document.
  StreamedList(Output* out, bool json, std::string head, std::string tail);

  void Add(std::string_view item);
  // What was added is void, as a dump begins anew. What has been written cannot be taken back.
  void Restart();
  void End();

  size_t size() const { return size_; }
  // Whether items may have been written twice.
  bool repeated() const { return repeated_; }

 private:
  Output* out_;
  bool json_;
  std::string head_, tail_;
  size_t size_ = 0;
  bool repeated_ = false;
};

}  // namespace sluice::dpctl
