// The text of fields, both ways. Used by this folder only; text.h is for others.
#pragma once

#include <bit>
#include <string>
#include <string_view>

#include "netlink/attr/parser.h"
#include "netlink/attr/scanner.h"
#include "netlink/attr/table.h"
#include "netlink/attr/text.h"

namespace sluice::attr {

// Whether the lowest byte of a number comes first.
constexpr bool IsLowFirst(Order order) {
  return order == Order::kHost && std::endian::native == std::endian::little;
}

// The fields of a payload, or of each element of an array, without the parentheses. The payload has
// the row's shape. Returns whether anything was written.
bool AppendFields(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out);
// The same of a payload of a row that IsPlain(), of the row's size, under no mask.
void AppendPlainFields(const Row& row, const uint8_t* value, const TextOptions& options,
                       std::string* out);
// Whether text says all bits of a payload: whether none is set that no field covers.
bool IsCovered(const Row& row, ByteView value);
// Whether a port's name reads back as that name; `words_only` where other words may stand, too.
bool IsPlainName(std::string_view name, bool words_only);

// Reads the fields up to `)`, which stays. Fills value, mask and partial.
bool ReadFields(const Row& row, const TextOptions& options, Scanner* scanner, ParsedAttribute* out);
// Reads the value, and its mask, of the field at index `number` into the element at `base`.
bool ReadField(const Row& row, size_t number, size_t base, const TextOptions& options,
               Scanner* scanner, ParsedAttribute* out);
// The index of a field in its row, or row.fields.size().
size_t FindField(const Row& row, std::string_view name);

}  // namespace sluice::attr
