// Making keys and looking them up, included once for each set of instructions: KERNEL names the functions, of
// which KERNEL(hash) is there before.

// `at_end`: whether sixteen bytes from the start of a pre-token may be more than the text has.
static inline __attribute__((always_inline)) void KERNEL(fill_keys)(
    const pre_token_batch *batch, const pre_token_cache *cache, size_t index, pre_token_key *keys,
    uint32_t *places, const int at_end) {
  const uint8_t *text = batch->text;
  const intptr_t *ends = batch->ends;
  const char *slots = (const char *)cache->slots;
  const uint32_t mask = cache->mask * (uint32_t)sizeof(pre_token_slot);
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
    } else {
      key = long_key(text + start, length);
    }
    const uint32_t place = KERNEL(hash)(key) * (uint32_t)sizeof(pre_token_slot) & mask;
    keys[index] = key;
    places[index] = place;
    __builtin_prefetch(slots + place, 0, 3);
    start = end;
  }
}

static void KERNEL(fill)(const pre_token_batch *batch, const pre_token_cache *cache, size_t index,
                         pre_token_key *keys, uint32_t *places) {
  // No pre-token begins behind the last end.
  if (index < batch->n && (size_t)batch->ends[batch->n - 1] + 16 <= batch->count) {
    KERNEL(fill_keys)(batch, cache, index, keys, places, 0);
  } else {
    KERNEL(fill_keys)(batch, cache, index, keys, places, 1);
  }
}

static inline __attribute__((always_inline)) size_t KERNEL(find_ids)(
    const pre_token_batch *batch, const pre_token_cache *cache, const pre_token_key *keys,
    const uint32_t *places, const int is_narrow, size_t index, uint32_t *ids, size_t *written,
    pre_token_miss *misses, size_t *missing) {
  const pre_token_slot *slots = cache->slots;
  const uint8_t *arena = cache->arena;
  const size_t mask = (size_t)cache->mask * sizeof(pre_token_slot), n = batch->n;
  uint32_t *output = ids + *written;
  size_t missed = *missing;
  for (; index < n; index++) {
    const uint64_t low = keys[index].low, high = keys[index].high;
    // In bytes: an index would have to be multiplied each time.
    size_t place = places[index];
    const pre_token_slot *slot;
    uint64_t difference;
  walk:
    while (1) {
      slot = (const pre_token_slot *)((const char *)slots + place);
      difference = slot->key.high ^ high;
      if (__builtin_expect(((slot->key.low ^ low) | difference << 4) == 0, 1)) break;
      if (slot->key.high == 0) goto missing;
      place = (place + sizeof *slot) & mask;
    }
    const uint64_t code = difference >> 60;
    if (__builtin_expect(code != SLOT_IN_ARENA, 1)) {
      // All that there is room for is written: no branch depends on how many ids there are.
      if (is_narrow) {
        uint16_t narrow[SLOT_NARROW_IDS];
        memcpy(narrow, slot->payload, sizeof narrow);
        for (unsigned number = 0; number < SLOT_NARROW_IDS; number++) output[number] = narrow[number];
      } else {
        memcpy(output, slot->payload, sizeof slot->payload);
      }
      output += code;
      continue;
    }
    const uint64_t reference = slot->payload[0];
    const uint8_t *source = arena + (uint32_t)reference;
    const size_t number = reference >> 32;
    if (high >> 56 == 0) {
      // Of a long pre-token the key is but a hash: another one may have the same.
      const size_t length = high;
      const size_t begin = index == 0 ? batch->start : (size_t)batch->ends[index - 1];
      if (!is_equal(batch->text + begin, source, length)) {
        place = (place + sizeof *slot) & mask;
        goto walk;
      }
      source += (length + 3) & ~(size_t)3;
    }
    // Four at a time: up to three too many are read and written, for which both sides have room.
    for (size_t done = 0; done < number; done += 4) memcpy(output + done, source + 4 * done, 16);
    output += number;
    continue;
  missing:
    if (high == KEY_TOO_LONG) break;
    misses[missed++] = (pre_token_miss){(uint32_t)index, (uint32_t)(output - ids), 0, 0};
  }
  *written = (size_t)(output - ids);
  *missing = missed;
  return index;
}

static size_t KERNEL(find_narrow)(const pre_token_batch *batch, const pre_token_cache *cache,
                                  const pre_token_key *keys, const uint32_t *places, size_t index,
                                  uint32_t *ids, size_t *written, pre_token_miss *misses,
                                  size_t *missing) {
  return KERNEL(find_ids)(batch, cache, keys, places, 1, index, ids, written, misses, missing);
}

static size_t KERNEL(find_wide)(const pre_token_batch *batch, const pre_token_cache *cache,
                                const pre_token_key *keys, const uint32_t *places, size_t index,
                                uint32_t *ids, size_t *written, pre_token_miss *misses,
                                size_t *missing) {
  return KERNEL(find_ids)(batch, cache, keys, places, 0, index, ids, written, misses, missing);
}
