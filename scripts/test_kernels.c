// Compares the kernels that a processor has with those for any processor, on generated texts: splitting, UTF-8, keys
// and their look-up; and merging with the obvious way. Built and run by scripts/test-neon; says what it has compared, ends with 1 at a difference.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_kernels.h"
#include "merge_kernels.h"
#include "scalar_classes.h"
#include "split_kernels.h"
#include "utf8_kernels.h"

enum { LARGEST = 4096, ROUNDS = 3000 };

static uint64_t random_state;

// xorshift64*: the numbers are the same everywhere.
static uint32_t below(uint32_t bound) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 0x2545F4914F6CDD1Du >> 32) % bound);
}

static void fail(const char *what, uint64_t seed) {
  printf("differs: %s, seed %llu\n", what, (unsigned long long)seed);
  exit(1);
}

static size_t append_scalar(uint8_t *text, size_t count, uint32_t scalar) {
  if (scalar < 0x80) {
    text[count++] = (uint8_t)scalar;
  } else if (scalar < 0x800) {
    text[count++] = (uint8_t)(0xC0 | scalar >> 6);
    text[count++] = (uint8_t)(0x80 | (scalar & 0x3F));
  } else if (scalar < 0x10000) {
    text[count++] = (uint8_t)(0xE0 | scalar >> 12);
    text[count++] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    text[count++] = (uint8_t)(0x80 | (scalar & 0x3F));
  } else {
    text[count++] = (uint8_t)(0xF0 | scalar >> 18);
    text[count++] = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
    text[count++] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    text[count++] = (uint8_t)(0x80 | (scalar & 0x3F));
  }
  return count;
}

static const char *const fragments[] = {
    "the", " of", "Keeper", "HTTPServer", "'s", "'ll", "'RE", "'", " ", "  ", "\n", "\r\n", " \n ", "\t", "42", "1234567",
    ".", "!?", "/", "//\n", "naïve", "straße", "Größe", "привет", "مرحبا", "नमस्ते", "日本語", "中文字", "😀", "👍🏽",
    "\u0301", "\u00A0", "\xC2\x85", "\u3000", "\u2028", "\u180E", "ſ", "ǅ", "ʰ", "Ⅷ", "½", "٣", "…", "“", "€"};

// Valid UTF-8 of up to `limit` bytes: fragments, any scalars, runs.
static size_t make_text(uint8_t *text, size_t limit) {
  size_t count = 0;
  while (count + 80 < limit) {
    switch (below(8)) {
      case 0: {
        uint32_t scalar = below(2) ? below(0x10000) : below(0x110000);
        if (scalar >= 0xD800 && scalar < 0xE000) scalar = 0xFFFD;
        count = append_scalar(text, count, scalar);
        break;
      }
      case 1: count = append_scalar(text, count, below(0x80)); break;
      case 2: {
        const uint8_t byte = (uint8_t)" aA0\n.'"[below(7)];
        for (uint32_t left = below(70); left > 0; left--) text[count++] = byte;
        break;
      }
      default: {
        const char *fragment = fragments[below(sizeof fragments / sizeof *fragments)];
        memcpy(text + count, fragment, strlen(fragment));
        count += strlen(fragment);
      }
    }
    if (below(400) == 0) break;
  }
  return count;
}

static void check_splitting(const uint8_t *text, size_t count, uint64_t seed) {
  static intptr_t expected[LARGEST + SPLIT_SLACK], found[LARGEST + SPLIT_SLACK];
  for (int pattern = SPLIT_GPT2; pattern <= SPLIT_QWEN2; pattern++) {
    size_t start = 0;
    const size_t limit = below(2) ? LARGEST : 1 + below(40);
    while (start < count) {
      size_t hard, other_hard;
      const size_t n = split_text(pattern, SPLIT_PLAIN, text, start, count, expected, limit, &hard);
      for (int level = SPLIT_BASELINE; level <= split_best_level(); level++) {
        const size_t m = split_text(pattern, level, text, start, count, found, limit, &other_hard);
        if (n != m || hard != other_hard || memcmp(expected, found, n * sizeof *found))
          fail("splitting", seed);
      }
      // On from the last end; where masks do not tell, behind what they do not tell.
      size_t next = n > 0 ? (size_t)expected[n - 1] : start;
      if (hard > next) next = hard;
      if (next <= start) break;
      while (next < count && (text[next] & 0xC0) == 0x80) next += 1;
      start = next;
    }
  }
}

// Every scalar beyond ASCII, alone and beside others like it, wherever in 64 bytes.
static void check_every_scalar(void) {
  random_state = 1;
  static uint8_t text[LARGEST];
  for (unsigned shape = 0; shape < 4; shape++) {
    size_t count = 0;
    for (uint32_t scalar = 0x80; scalar < 0x110000; scalar++) {
      if (scalar >= 0xD800 && scalar < 0xE000) continue;
      // Beyond, nearly all that differs is in the table, which all kernels read alike.
      if (scalar >= 0x20000) scalar += 60;
      if (scalar >= 0x110000) break;
      count = append_scalar(text, count, scalar);
      if (shape > 0) {
        text[count++] = shape == 1 ? 'A' : ' ';
        count = append_scalar(text, count, scalar);
        if (shape == 3) count = append_scalar(text, count, scalar);
      }
      if (count + 32 > LARGEST) {
        check_splitting(text, count, scalar);
        count = 0;
      }
    }
    check_splitting(text, count, shape);
  }
}

static void check_utf8(uint8_t *text, size_t count, uint64_t seed) {
  size_t expected = 0;
  while (expected < count) {
    const uint8_t *next = text + expected;
    const size_t length = next[0] < 0x80 ? 1 : next[0] < 0xE0 ? 2 : next[0] < 0xF0 ? 3 : 4;
    uint32_t scalar = length == 1 ? next[0] : next[0] & 0x7Fu >> length;
    for (size_t index = 1; index < length; index++) scalar = scalar << 6 | (next[index] & 0x3F);
    if (scalar_class(scalar) & SCALAR_CLASS_UNSETTLED) break;
    expected += length;
  }
  if (utf8_next_unsettled(text, 0, count) != expected) fail("the first unsettled scalar", seed);
  if (utf8_well_formed_end(text, 0, count) != count) fail("well-formed text", seed);
  for (int number = 0; number < 4 && count > 0; number++) {
    uint8_t *place = text + below((uint32_t)count);
    const uint8_t kept = *place;
    static const uint8_t bytes[] = {0x80, 0xBF, 0xC0, 0xC1, 0xE0, 0xED, 0xF0, 0xF4, 0xF5, 0xFF, 0x41, 0x9F, 0xA0};
    *place = below(2) ? (uint8_t)below(256) : bytes[below(sizeof bytes)];
    const size_t end = below(2) ? count : below((uint32_t)count + 1);
    if (utf8_well_formed_end(text, 0, end) != utf8_well_formed_end_portable(text, 0, end))
      fail("ill-formed text", seed);
    *place = kept;
  }
}

// CRC-32C of eight bytes, a bit at a time.
static uint32_t crc32c(uint32_t sum, uint64_t word) {
  for (int byte = 0; byte < 8; byte++) {
    sum ^= (uint8_t)(word >> 8 * byte);
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0x82F63B78u : 0);
  }
  return sum;
}

// By the plain kernel and by another one: the same keys, ids and misses.
static void check_keys(int other, const uint8_t *text, size_t count, uint64_t seed) {
  static intptr_t ends[LARGEST];
  size_t n = 0;
  for (size_t place = 0; place < count && n < LARGEST;) {
    place += 1 + below(below(4) ? 12 : 300);
    ends[n++] = (intptr_t)(place < count ? place : count);
  }
  if (n == 0) return;
  enum { BITS = 13, SLOTS = 1 << BITS };
  static _Alignas(64) pre_token_slot slots[2][SLOTS];
  static pre_token_key keys[2][LARGEST + KEY_SLACK];
  static uint32_t places[2][LARGEST + KEY_SLACK], ids[2][LARGEST + 8];
  static pre_token_miss misses[2][LARGEST];
  size_t written[2] = {0}, missing[2] = {0}, stopped[2];
  const pre_token_batch batch = {text, count, 0, ends, n};
  memset(slots, 0, sizeof slots);
  for (int side = 0; side < 2; side++) {
    const int kernel = side == 0 ? KEY_KERNEL_PLAIN : other;
    const pre_token_cache cache = {slots[side], BITS, NULL, 0};
    keys_fill(kernel, &batch, &cache, 0, keys[side], places[side]);
    for (size_t index = 0; index < n; index++) {
      const pre_token_key key = keys[side][index];
      const uint32_t hash = keys_hash(kernel, key);
      if (kernel == KEY_KERNEL_CRC32 && hash != crc32c(crc32c(0, key.low), key.high)) fail("CRC32", seed);
      // Two slots a line.
      if (places[side][index] != (hash >> (33 - BITS)) * 2 * sizeof(pre_token_slot)) fail("places", seed);
      // Every second pre-token that is its own key is remembered, with an id that follows from it.
      if (key.high >> 56 == 0 || (key.low + key.high) % 2 == 0) continue;
      size_t place = places[side][index];
      pre_token_slot *slot = slots[side] + place / sizeof *slot;
      while (slot->key.high != 0 && (slot->key.low != key.low || slot->key.high << 8 != key.high << 8)) {
        place = slot_after(place, sizeof slots[side] - 1);
        slot = slots[side] + place / sizeof *slot;
      }
      // Two ids: a code of one.
      slot->key = (pre_token_key){key.low, key.high | 1ull << 60};
      slot->payload[0] = (key.low * 7 & 0xFFFF) | (key.low * 11 & 0xFFFF) << 16;
    }
    stopped[side] = keys_find(kernel, &batch, &cache, keys[side], places[side], 1, 0, ids[side], &written[side],
                              misses[side], &missing[side]);
  }
  if (memcmp(keys[0], keys[1], n * sizeof **keys)) fail("keys", seed);
  if (stopped[0] != stopped[1] || written[0] != written[1] || missing[0] != missing[1] ||
      memcmp(ids[0], ids[1], written[0] * sizeof **ids))
    fail("look-ups", seed);
  for (size_t index = 0; index < missing[0]; index++) {
    const pre_token_miss *one = &misses[0][index], *two = &misses[1][index];
    if (one->index != two->index || one->gap != two->gap || one->first != two->first) fail("misses", seed);
  }
}

// A table of random merges as `MergeTableStorage` makes it, and the same as a list.
enum { MERGE_BITS = 9, MERGE_SLOTS = 1 << MERGE_BITS, MOST_MERGES = MERGE_SLOTS / 2 };
static _Alignas(64) uint64_t merge_slots[MERGE_SLOTS];
static uint32_t rank_of_bytes[1 << 16], merged[MOST_MERGES], tokens[256 + MOST_MERGES], lefts[MOST_MERGES], rights[MOST_MERGES];

static int rank_of(uint32_t left, uint32_t right, int count) {
  for (int rank = 0; rank < count; rank++) {
    if (lefts[rank] == left && rights[rank] == right) return rank;
  }
  return -1;
}

static int make_merges(int in_order) {
  memset(merge_slots, 0xFF, sizeof merge_slots);
  for (int pair = 0; pair < 1 << 16; pair++) rank_of_bytes[pair] = (1u << MERGE_RANK_BITS) - 1;
  for (int symbol = 0; symbol < 256 + MOST_MERGES; symbol++) {
    tokens[symbol] = in_order && symbol > 255 ? (uint32_t)symbol : (uint32_t)symbol * 3 + 1000;
  }
  const int wanted = 1 + (int)below(MOST_MERGES);
  const uint32_t shift = in_order ? 0 : below((uint32_t)wanted);
  int count = 0;
  for (int attempt = 0; attempt < 4 * wanted && count < wanted; attempt++) {
    // Of few bytes, so that a text of them has something to merge, and of what they make.
    const uint32_t left = below(3) && count ? merged[below((uint32_t)count)] : 'a' + below(4);
    const uint32_t right = below(3) && count ? merged[below((uint32_t)count)] : 'a' + below(4);
    if (rank_of(left, right, count) >= 0) continue;
    lefts[count] = left, rights[count] = right;
    merged[count] = 256 + ((uint32_t)count + shift) % (uint32_t)wanted;
    const uint64_t pair = (uint64_t)left << MERGE_SYMBOL_BITS | right;
    size_t slot = pair * 0x9E3779B97F4A7C15u >> (64 - MERGE_BITS) & ~(uint64_t)(MERGE_GROUP - 1);
    while (merge_slots[slot] != UINT64_MAX) slot = (slot + 1) % MERGE_SLOTS;
    merge_slots[slot] = pair << MERGE_RANK_BITS | (uint64_t)count;
    if (left < 256 && right < 256) rank_of_bytes[left << 8 | right] = (uint32_t)count;
    count++;
  }
  return count;
}

// The leftmost of the lowest rank again and again.
static size_t merge_naively(const uint8_t *bytes, size_t length, int merge_count, uint32_t *ids) {
  uint32_t symbols[MERGE_LONGEST];
  for (size_t place = 0; place < length; place++) symbols[place] = bytes[place];
  while (1) {
    int lowest = -1;
    size_t at = 0;
    for (size_t place = 0; place + 1 < length; place++) {
      const int rank = rank_of(symbols[place], symbols[place + 1], merge_count);
      if (rank >= 0 && (lowest < 0 || rank < lowest)) lowest = rank, at = place;
    }
    if (lowest < 0) break;
    symbols[at] = merged[lowest];
    memmove(symbols + at + 1, symbols + at + 2, (length - at - 2) * sizeof *symbols);
    length--;
  }
  for (size_t place = 0; place < length; place++) ids[place] = tokens[symbols[place]];
  return length;
}

// By a kernel and the obvious way.
static void check_merges(int kernel, uint64_t seed) {
  enum { MOST = 60, ROOM = MERGE_LONGEST + 3 };
  static uint8_t text[MOST * (MERGE_LONGEST + 8)];
  static intptr_t ends[MOST];
  static pre_token_miss misses[MOST];
  static uint32_t ids[MOST * ROOM];
  const int in_order = (int)below(2), merge_count = make_merges(in_order);
  const size_t n = 1 + below(MOST);
  size_t end = 0;
  for (size_t index = 0; index < n; index++) {
    const size_t length = 1 + below(below(4) ? 16 : MERGE_LONGEST + 8);
    for (size_t place = 0; place < length; place++) text[end++] = (uint8_t)('a' + below(below(8) ? 4 : 26));
    ends[index] = (intptr_t)end;
    // Some have their ids already.
    misses[index] = (pre_token_miss){.index = (uint32_t)index, .place = (uint32_t)(index * ROOM), .count = below(10) == 0};
  }
  const merge_table table = {merge_slots, MERGE_BITS, rank_of_bytes, merged, tokens, in_order};
  const pre_token_batch batch = {text, end, 0, ends, n};
  for (size_t index = 0; index < n; index++) ids[index * ROOM] = 7;
  uint32_t before[MOST];
  for (size_t index = 0; index < n; index++) before[index] = misses[index].count;
  merge_short(kernel, &table, &batch, misses, n, ids);
  for (size_t index = 0; index < n; index++) {
    const size_t start = index ? (size_t)ends[index - 1] : 0, length = (size_t)ends[index] - start;
    if (before[index] || length > MERGE_LONGEST) {
      if (misses[index].count != before[index] || ids[index * ROOM] != 7) fail("what is not to be merged", seed);
      continue;
    }
    uint32_t expected[MERGE_LONGEST];
    const size_t count = merge_naively(text + start, length, merge_count, expected);
    if (misses[index].count != count || memcmp(ids + index * ROOM, expected, count * sizeof *ids)) fail("merging", seed);
  }
}

int main(void) {
  static uint8_t text[LARGEST + 64];
  size_t bytes = 0;
  check_every_scalar();
  for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
    random_state = seed * 0x9E3779B97F4A7C15u;
    // At the end of its memory, so that reading too far may show.
    const size_t limit = below(3) ? LARGEST : 100 + below(200);
    const size_t count = make_text(text, limit);
    uint8_t *copy = malloc(count + 1);
    memcpy(copy, text, count);
    check_splitting(copy, count, seed);
    check_utf8(copy, count, seed);
    for (int kernel = KEY_KERNEL_PLAIN + 1; kernel <= KEY_KERNEL_AVX512; kernel++) {
      if (keys_have_kernel(kernel)) check_keys(kernel, copy, count, seed);
    }
    for (int kernel = MERGE_KERNEL_PLAIN; kernel <= MERGE_KERNEL_AVX512; kernel++) {
      if (merges_have_kernel(kernel)) check_merges(kernel, seed);
    }
    free(copy);
    bytes += count;
  }
  printf("%d texts, %zu bytes: splitting at levels 0 to %d, UTF-8 %s, keys %s, merging: no difference\n", ROUNDS, bytes,
         split_best_level(), utf8_has_vectors() ? "by vectors" : "without vectors",
         keys_have_kernel(KEY_KERNEL_CRC32) ? "by CRC32" : "not compared, there is no CRC32");
  return 0;
}
