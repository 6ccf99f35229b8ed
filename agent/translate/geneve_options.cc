#include "agent/translate/geneve_options.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "absl/container/inlined_vector.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be64;
using pipeline::Fields;
using pipeline::kTunnelFields;
using pipeline::kTunnelOptionHeader;
using pipeline::TunnelOption;
using pipeline::TunnelOptions;

constexpr uint8_t kLengthBits = 0x1f;  // of a header's last byte: the length in words
constexpr std::array<uint8_t, kTunnelOptionHeader> kHeaderMask = {0xff, 0xff, 0xff, kLengthBits};
constexpr uint64_t Bit(uint16_t attribute) { return uint64_t{1} << attribute; }
constexpr uint64_t kGeneve = Bit(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS);
// An option in a buffer: where its header begins, and how much data follows that.
struct Place {
  size_t header = 0, length = 0;

  size_t data() const { return header + kTunnelOptionHeader; }
};

struct Layout {
  absl::InlinedVector<Place, 8> options;
  size_t end = 0;   // of whole options
  size_t size = 0;  // of everything

  explicit Layout(const ovs::TunnelKey& key) {
    if (!key.Has(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS)) return;
    size = std::min<size_t>(key.geneve_size, ovs::kMaxGeneveOptionBytes);
    while (end + kTunnelOptionHeader <= size) {
      const Place place{.header = end, .length = 4u * (key.geneve[end + 3] & kLengthBits)};
      if (place.data() + place.length > size) break;
      options.push_back(place);
      end = place.data() + place.length;
    }
  }
};

// The place of the first such option, if that has the right length.
std::optional<Place> Find(const Layout& layout, const ovs::TunnelKey& key,
                          const TunnelOption& wanted) {
  for (const Place& place : layout.options) {
    const uint8_t* const header = &key.geneve[place.header];
    if (base::Load<Be16>(header).host() != wanted.option_class || header[2] != wanted.type)
      continue;
    return place.length == wanted.length ? std::optional(place) : std::nullopt;
  }
  return std::nullopt;
}

std::span<const uint8_t> Part(const ovs::TunnelKey& key, const Place& place,
                              const TunnelOption& option) {
  return {&key.geneve[place.data() + option.offset], option.bytes};
}

std::span<uint8_t> Part(ovs::TunnelKey* key, const Place& place, const TunnelOption& option) {
  return {&key->geneve[place.data() + option.offset], option.bytes};
}

Be64 FromPart(std::span<const uint8_t> part) {
  uint64_t value = 0;
  for (const uint8_t byte : part) value = value << 8 | byte;
  return Be64::FromHost(value);
}

void ToPart(Be64 field, std::span<uint8_t> part) {
  uint64_t value = field.host();
  for (size_t i = part.size(); i > 0; --i, value >>= 8)
    part[i - 1] = static_cast<uint8_t>(value & 0xff);
}

Be64 AllOf(const TunnelOption& option) {
  return Be64::FromHost(~uint64_t{0} >> (64 - 8 * option.bytes));
}

// Whether the mask says of every option what it is.
bool KnowsAll(const ovs::TunnelKey& mask, const Layout& layout) {
  if (layout.size == 0) return ovs::AsksForOptions(mask);
  const auto is_whole = [](uint8_t byte) { return byte == 0xff; };
  return std::all_of(layout.options.begin(), layout.options.end(),
                     [&](const Place& place) {
                       return std::memcmp(&mask.geneve[place.header], kHeaderMask.data(),
                                          kTunnelOptionHeader) == 0;
                     }) &&
         std::all_of(&mask.geneve[layout.end], &mask.geneve[layout.size], is_whole);
}

}  // namespace

void GeneveToFields(const ovs::TunnelKey& key, const TunnelOptions& options, Fields* fields) {
  const Layout layout(key);
  if (layout.options.empty()) return;
  for (size_t i = 0; i < kTunnelFields; ++i) {
    if (!options[i]) continue;
    const std::optional<Place> place = Find(layout, key, *options[i]);
    if (place) fields->tun_metadata[i] = FromPart(Part(key, *place, *options[i]));
  }
}

void GeneveFromFields(const Fields& fields, const TunnelOptions& options, ovs::TunnelKey* key) {
  ovs::TunnelKey made{};
  size_t size = 0;
  for (size_t i = 0; i < kTunnelFields; ++i) {
    if (!options[i] || (fields.tun_metadata[i].wire() & AllOf(*options[i]).wire()) == 0) continue;
    const TunnelOption& option = *options[i];
    made.present = kGeneve;
    made.geneve_size = static_cast<uint16_t>(size);
    std::optional<Place> place = Find(Layout(made), made, option);
    if (!place) {
      place = Place{.header = size, .length = option.length};
      const size_t end = place->data() + option.length;
      if (end > pipeline::kMaxTunnelOptionBytes) continue;  // the configuration allows no such
      uint8_t* const header = &made.geneve[size];
      base::Store(header, Be16::FromHost(option.option_class));
      header[2] = option.type;
      header[3] = static_cast<uint8_t>(option.length / 4);
      size = end;
    }
    ToPart(fields.tun_metadata[i], Part(&made, *place, option));
  }
  if (size == 0) return;
  key->present |= kGeneve;
  key->geneve = made.geneve;
  key->geneve_size = static_cast<uint16_t>(size);
}

bool GeneveMask(const Fields& bits, const TunnelOptions& options, const ovs::TunnelKey& key,
                ovs::TunnelKey* mask) {
  const Layout layout(key);
  size_t known = 0;  // so far headers are matched
  bool none = false;
  for (size_t i = 0; i < kTunnelFields; ++i) {
    if (!options[i] || (bits.tun_metadata[i].wire() & AllOf(*options[i]).wire()) == 0) continue;
    const std::optional<Place> place = Find(layout, key, *options[i]);
    if (!place) {
      known = layout.size;
      none |= known == 0;
      continue;
    }
    known = std::max(known, place->data());
    const std::span<uint8_t> part = Part(mask, *place, *options[i]);
    std::array<uint8_t, sizeof(Be64)> asked{};
    ToPart(bits.tun_metadata[i], {asked.data(), part.size()});
    for (size_t at = 0; at < part.size(); ++at) part[at] |= asked[at];
  }
  for (const Place& place : layout.options)
    if (place.header < known) base::Store(&mask->geneve[place.header], kHeaderMask);
  if (known > layout.end) std::memset(&mask->geneve[layout.end], 0xff, layout.size - layout.end);
  return none;
}

void GeneveBits(const ovs::TunnelKey& mask, const TunnelOptions& options, const ovs::TunnelKey& key,
                Fields* bits) {
  const Layout layout(key);
  const bool knows_all = KnowsAll(mask, layout);
  for (size_t i = 0; i < kTunnelFields; ++i) {
    if (!options[i]) continue;
    const std::optional<Place> place = Find(layout, key, *options[i]);
    if (place) {
      bits->tun_metadata[i] = FromPart(Part(mask, *place, *options[i]));
    } else if (knows_all) {
      bits->tun_metadata[i] = AllOf(*options[i]);
    }
  }
}

}  // namespace sluice::translate
