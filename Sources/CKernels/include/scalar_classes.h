// Character classes of Unicode 16.0.0, one byte a scalar; the tables are generated.
#ifndef SCALAR_CLASSES_H
#define SCALAR_CLASSES_H

#include <stdint.h>

// The layout of a class byte.
enum {
  SCALAR_CLASS_CATEGORY = 0x1F,     // the general category, numbered as in GeneralCategory
  SCALAR_CLASS_WHITE_SPACE = 0x20,  // White_Space
  SCALAR_CLASS_UNSETTLED = 0x40,    // another library may class the scalar otherwise
};

extern const uint16_t scalar_class_index[0x110000 >> 7];
extern const uint8_t scalar_class_blocks[];

// A bit for each group of scalars, 1 if one of them is unsettled: for 64 scalars at a time below U+10000, then,
// from bit 1024 on, for 4,096 at a time of all. What the first two bytes in UTF-8 say is which group it is.
extern const uint64_t scalar_unsettled_groups[];

// A bit for each scalar of up to two bytes in UTF-8, and for each of three bytes whose first is one of
// `scalar_bits_leads`: for one kind after the other, whether it is of that kind. Of those areas one follows the other. Where
// three bytes begin with E4 (but not E4 B7), E5 to E9, EB or EC all are letters without case.
enum { SCALAR_BITS_LETTER, SCALAR_BITS_NUMBER_OR_SPACE, SCALAR_BITS_UPPER, SCALAR_BITS_LOWER, SCALAR_BITS_MARK };
enum { SCALAR_BITS_KINDS = 5, SCALAR_BITS_AREAS = 6 };
static const uint8_t scalar_bits_leads[SCALAR_BITS_AREAS] = {0xE0, 0xE1, 0xE2, 0xE3, 0xEA, 0xED};
extern const uint8_t scalar_bits_two[SCALAR_BITS_KINDS * 256];
extern const uint8_t scalar_bits_three[SCALAR_BITS_AREAS * SCALAR_BITS_KINDS * 512];

// The class byte of a scalar; what lies beyond U+10FFFF is unassigned and unsettled.
static inline uint8_t scalar_class(uint32_t scalar) {
  if (scalar > 0x10FFFF) return 29 | SCALAR_CLASS_UNSETTLED;
  return scalar_class_blocks[((uint32_t)scalar_class_index[scalar >> 7] << 7) | (scalar & 127)];
}

#endif
