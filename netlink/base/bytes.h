// Borrowed and owned bytes, and unaligned loads and stores.
//
// A ByteView is never kept past the call that it was handed to, unless its owner says so.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sluice::base {

using ByteView = std::span<const uint8_t>;
using MutableByteView = std::span<uint8_t>;
using ByteVector = std::vector<uint8_t>;

// Reads a T from `p`, which needs no alignment. The caller has checked that sizeof(T) bytes are
// there.
template <typename T>
requires std::is_trivially_copyable_v<T> T Load(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T>
requires std::is_trivially_copyable_v<T>
void Store(void* p, const T& value) { std::memcpy(p, &value, sizeof(T)); }

// The bytes of a trivially copyable object.
template <typename T>
requires std::is_trivially_copyable_v<T> ByteView AsBytes(const T& object) {
  return {reinterpret_cast<const uint8_t*>(&object), sizeof(T)};
}

bool IsAllZeros(ByteView bytes);
bool IsAllOnes(ByteView bytes);
bool Equal(ByteView a, ByteView b);

// Lower-case hex, two digits a byte, nothing between them: "0a1b".
void AppendHex(ByteView bytes, std::string* out);
std::string ToHex(ByteView bytes);

// Reads what ToHex() writes, in either case; nullopt for an odd count or a strange character.
std::optional<ByteVector> FromHex(std::string_view text);

}  // namespace sluice::base
