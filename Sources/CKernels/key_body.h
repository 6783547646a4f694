// Making keys one by one, included once for each set of instructions: KERNEL names the functions, of which KERNEL(hash) is
// there before.

static inline __attribute__((always_inline)) uint32_t KERNEL(place)(pre_token_key key, uint32_t bits) {
  // A table of 2^bits slots has half as many lines, and at least one.
  return (uint32_t)((uint64_t)KERNEL(hash)(key) >> (33 - bits) << 6);
}

// `at_end`: whether sixteen bytes from the start of a pre-token may be more than the text has.
static inline __attribute__((always_inline)) void KERNEL(fill_keys)(
    const pre_token_batch *batch, const pre_token_cache *cache, size_t index, pre_token_key *keys,
    uint32_t *places, const int at_end) {
  const uint8_t *text = batch->text;
  const intptr_t *ends = batch->ends;
  const char *slots = (const char *)cache->slots;
  const uint32_t bits = cache->bits;
  size_t start = index == 0 ? batch->start : (size_t)ends[index - 1];
  for (const size_t n = batch->n; index < n; index++) {
    const size_t end = (size_t)ends[index];
    const size_t length = end - start;
    pre_token_key key;
    if (__builtin_expect(length <= KEY_LONGEST_INLINE, 1)) {
      if (!at_end || start + 16 <= batch->count) {
        key.low = load8(text + start);
        key.high = load8(text + start + 8);
      } else {
        uint8_t padded[16] = {0};
        memcpy(padded, text + start, length);
        key.low = load8(padded);
        key.high = load8(padded + 8);
      }
      key.low &= bytes_of_length[length].low;
      key.high &= bytes_of_length[length].high;
      key.high |= (uint64_t)length << 56;
      if (__builtin_expect(key.low == 0, 0)) key = rare_key(text + start, length);
    } else {
      key = rare_key(text + start, length);
    }
    const uint32_t place = KERNEL(place)(key, bits);
    keys[index] = key;
    places[index] = place;
    __builtin_prefetch(slots + place, 0, 3);
    start = end;
  }
}

static void KERNEL(fill)(const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
                         pre_token_key *keys, uint32_t *places) {
  if (has_room_behind(batch, index)) {
    KERNEL(fill_keys)(batch, cache, index, keys, places, 0);
  } else {
    KERNEL(fill_keys)(batch, cache, index, keys, places, 1);
  }
}
