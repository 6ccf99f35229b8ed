// Random but valid attributes, made from the tables: for tests that hold for every row.
#pragma once

#include <algorithm>
#include <random>

#include "netlink/attr/masks.h"
#include "netlink/attr/table.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::testing {

class RandomAttributes {
 public:
  explicit RandomAttributes(unsigned seed) : random_(seed) {}

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  bool Chance(size_t one_in) { return Below(one_in) == 0; }

  // A payload that the row's fields say all of.
  base::ByteVector Payload(const attr::Row& row, int depth) {
    base::ByteVector out;
    switch (row.kind) {
      case attr::Kind::kFields:
        Element(row, &out);
        if (row.paired) Element(row, &out);
        break;
      case attr::Kind::kArray:
        for (size_t n = 1 + Below(3); n > 0; --n) Element(row, &out);
        break;
      case attr::Kind::kString:
        for (size_t n = 1 + Below(12); n > 0; --n)
          out.push_back(static_cast<uint8_t>('a' + Below(26)));
        out.push_back(0);
        break;
      case attr::Kind::kBytes:
        Bytes(row, &out);
        break;
      case attr::Kind::kSet:
        if (row.name == "set" || row.name == "set_masked") return SetAction(row, depth);
        if (row.name == "push_nsh") {
          attr::Writer(&out).Put(OVS_KEY_ATTR_NSH, Set(ovs::kNshTable, depth + 1));
          return out;
        }
        return Set(*row.nested, depth + 1);
      case attr::Kind::kList:
        return List(*row.nested, depth + 1);
      case attr::Kind::kFlag:
      case attr::Kind::kReserved:
        break;
    }
    return out;
  }

  // Attributes in the table's order; where `masks` is not null also a mask for each of them.
  base::ByteVector Set(const attr::Table& table, int depth, base::ByteVector* masks = nullptr) {
    base::ByteVector out;
    attr::Writer writer(&out);
    const bool nat = table.name == "ovs_nat_attr";
    for (const attr::Row& row : table.rows) {
      if (row.kind == attr::Kind::kReserved || Chance(2) || TooDeep(row, depth)) continue;
      if (nat && row.kind != attr::Kind::kFlag) continue;  // ranges: flow_text_test
      if (row.kind == attr::Kind::kSet && masks != nullptr) {
        base::ByteVector inner_masks;
        writer.Put(row.type, Set(*row.nested, depth + 1, &inner_masks));
        attr::Writer(masks).Put(row.type, inner_masks);
        continue;
      }
      const base::ByteVector payload = Payload(row, depth);
      writer.Put(row.type, payload);
      if (masks != nullptr && (row.kind != attr::Kind::kFlag || Chance(2)))
        attr::Writer(masks).Put(row.type, Mask(row, payload.size()));
    }
    if (Chance(4)) {
      base::ByteVector strange(Below(9));
      for (uint8_t& byte : strange) byte = Byte();
      const auto type = static_cast<uint16_t>(64 + Below(1000));
      writer.Put(type, strange);
      for (uint8_t& byte : strange) byte = Byte();
      if (masks != nullptr) attr::Writer(masks).Put(type, strange);
    }
    return out;
  }

  base::ByteVector List(const attr::Table& table, int depth) {
    base::ByteVector out;
    attr::Writer writer(&out);
    for (size_t n = Below(4); n > 0; --n) {
      const attr::Row& row = table.rows[Below(table.rows.size())];
      if (row.kind == attr::Kind::kReserved || TooDeep(row, depth)) continue;
      const uint16_t flags = row.nested_flag ? NLA_F_NESTED : 0;
      writer.Put(static_cast<uint16_t>(row.type | flags), Payload(row, depth));
    }
    return out;
  }

  // Bits that some field covers: wild, full or partial.
  base::ByteVector Mask(const attr::Row& row, size_t size) {
    if (row.name == "geneve") return GeneveMask(size);
    base::ByteVector out(size);
    const size_t kind = Below(3);
    for (size_t at = 0; row.size != 0 && at + row.size <= size; at += row.size)
      for (const attr::Field& field : row.fields) Field(field, kind, out.data() + at);
    if (row.fields.empty() && kind != 0)
      for (uint8_t& byte : out) byte = kind == 1 ? 0xff : Byte();
    if (row.name == "erspan") std::fill(out.begin(), out.end(), uint8_t{0});
    return out;
  }

 private:
  static bool TooDeep(const attr::Row& row, int depth) {
    return depth > 4 && (row.kind == attr::Kind::kSet || row.kind == attr::Kind::kList);
  }

  uint8_t Byte() { return static_cast<uint8_t>(Below(256)); }

  // kind 0: zeros, 1: ones, 2: random
  void Field(const attr::Field& field, size_t kind, uint8_t* element) {
    if (attr::IsByteField(field)) {
      for (size_t i = 0; i < field.size; ++i)
        element[field.offset + i] = kind == 0 ? 0 : kind == 1 ? 0xff : Byte();
      return;
    }
    const uint64_t value = kind == 0 ? 0 : kind == 1 ? ~uint64_t{0} : random_();
    attr::StoreField(field, value, element);
  }

  void Element(const attr::Row& row, base::ByteVector* out) {
    const size_t at = out->size();
    out->resize(at + row.size);
    for (const attr::Field& field : row.fields) {
      Field(field, 2, out->data() + at);
      if (field.implied && Chance(2)) attr::StoreField(field, *field.implied, out->data() + at);
    }
  }

  void Bytes(const attr::Row& row, base::ByteVector* out) {
    if (row.name == "geneve") {
      for (size_t n = Below(3); n > 0; --n) {
        const size_t words = Below(4);
        for (uint8_t byte : {Byte(), Byte(), Byte(), static_cast<uint8_t>(words)})
          out->push_back(byte);
        for (size_t i = 0; i < 4 * words; ++i) out->push_back(Byte());
      }
    } else if (row.name == "erspan") {
      out->resize(12);
      const uint32_t version = 1 + static_cast<uint32_t>(Below(2));
      base::Store(out->data(), version);
      if (version == 1) {
        for (size_t i = 4; i < 8; ++i) (*out)[i] = Byte();
      } else {
        (*out)[10] = Byte() & 0x03;
        (*out)[11] = Byte() & 0xf8;
      }
    } else if (row.name == "userdata" && Chance(2)) {
      Cookie(out);
    } else {
      out->resize(row.size != 0 ? row.size : Below(10));
      for (uint8_t& byte : *out) byte = Byte();
    }
  }

  // What an agent of Open vSwitch might write, and something near it.
  void Cookie(base::ByteVector* out) {
    out->assign(48, 0);
    (*out)[0] = static_cast<uint8_t>(Below(7));
    (*out)[4] = (*out)[5] = 0xff;
    for (size_t n = Below(12); n > 0; --n) (*out)[24 + Below(24)] = Byte();
    if (Chance(2)) (*out)[Below(24)] = Byte();
  }

  base::ByteVector GeneveMask(size_t size) {
    base::ByteVector out(size);
    for (uint8_t& byte : out) byte = Byte();
    return out;
  }

  // One key attribute; in a masked set the value, zero where the mask is, and the mask.
  base::ByteVector SetAction(const attr::Row& row, int) {
    base::ByteVector out;
    const attr::Row* field = nullptr;
    while (field == nullptr || field->kind != attr::Kind::kFields)
      field = &row.nested->rows[Below(row.nested->rows.size())];
    base::ByteVector value = Payload(*field, 0);
    if (row.name == "set_masked") {
      base::ByteVector mask = Mask(*field, value.size());
      for (size_t i = 0; i < mask.size(); ++i) value[i] &= mask[i];
      value.insert(value.end(), mask.begin(), mask.end());
    }
    attr::Writer(&out).Put(field->type, value);
    return out;
  }

  std::mt19937_64 random_;
};

}  // namespace sluice::testing
