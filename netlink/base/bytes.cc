#include "netlink/base/bytes.h"

#include <algorithm>

namespace sluice::base {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <uint8_t kByte>
bool IsAll(ByteView bytes) {
  constexpr uint64_t kWord = kByte * (~uint64_t{0} / 0xff);
  const uint8_t* at = bytes.data();
  const uint8_t* const end = at + bytes.size();
  for (; static_cast<size_t>(end - at) >= sizeof(kWord); at += sizeof(kWord))
    if (Load<uint64_t>(at) != kWord) return false;
  return std::all_of(at, end, [](uint8_t byte) { return byte == kByte; });
}

}  // namespace

bool IsAllZeros(ByteView bytes) { return IsAll<0>(bytes); }

bool IsAllOnes(ByteView bytes) { return IsAll<0xff>(bytes); }

bool Equal(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

void AppendHex(ByteView bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const size_t start = out->size();
  out->resize(start + 2 * bytes.size());
  char* at = out->data() + start;
  for (uint8_t b : bytes) {
    *at++ = kDigits[b >> 4];
    *at++ = kDigits[b & 0xf];
  }
}

std::string ToHex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  AppendHex(bytes, &out);
  return out;
}

std::optional<ByteVector> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  ByteVector out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return out;
}

}  // namespace sluice::base
