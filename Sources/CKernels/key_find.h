// Looking keys up, included once for each set of instructions: KERNEL names the functions, WHICH_DIFFER says which of two
// keys are not those of two slots that have their ids, in bits of which those of FIRST_DIFFERS are the first key's.

// Two pre-tokens at a time, with one branch for both. Other threads may change a line while it is read: any of its words may
// be that before or after (`pre_token_slot`), which the thread sanitizer cannot know where vectors are compared.
static inline __attribute__((always_inline, no_sanitize("thread"))) size_t KERNEL(find)(
    const key_search search, key_output *output, size_t index, const int is_narrow) {
  // Copies: behind an atomic load a compiler reads the fields again.
  const char *slots = (const char *)search.cache->slots;
  const pre_token_key *keys = search.keys;
  const uint32_t *places = search.places;
  const size_t n = search.batch->n;
  uint32_t *ids = output->ids;
  while (index + 1 < n) {
    // In bytes: an index would have to be multiplied each time.
    const pre_token_slot *one = likely_slot(slots + places[index], keys[index].low);
    const pre_token_slot *two = likely_slot(slots + places[index + 1], keys[index + 1].low);
    const unsigned differ = WHICH_DIFFER(keys + index, one, two);
    if (__builtin_expect(differ == 0, 1)) {
      ids = copy_inline(one, slot_high(one) >> 60, ids, is_narrow);
      ids = copy_inline(two, slot_high(two) >> 60, ids, is_narrow);
      index += 2;
      continue;
    }
    // The first is not there, or else the second. Which one is not for a branch to foresee: the ids of the first are
    // written, and count or not.
    const size_t is_first_there = (differ & FIRST_DIFFERS) == 0;
    uint32_t *behind_first = copy_inline(one, slot_high(one) >> 60 & 7, ids, is_narrow);
    __asm__("" : "+r"(behind_first));
    ids = is_first_there ? behind_first : ids;
    index += is_first_there;
    const pre_token_slot *slot = is_first_there ? two : one;
    output->ids = ids;
    if ((slot_high(slot) ^ keys[index].high) == (uint64_t)SLOT_IN_ARENA << 60 && slot_low(slot) == keys[index].low &&
        copy_from_arena(search, index, slot->payload[0], output)) {
      ids = output->ids;
    } else if (!claim_at_home(search, output, index)) {
      const int is_found = walk(search, output, index, is_narrow);
      ids = output->ids;
      if (!is_found) return index;
    }
    index++;
  }
  output->ids = ids;
  // The last one of an odd number.
  if (index < n && walk(search, output, index, is_narrow)) index++;
  return index;
}

static __attribute__((no_sanitize("thread"))) size_t KERNEL(find_narrow)(const key_search search, key_output *output,
                                                                         size_t index) {
  return KERNEL(find)(search, output, index, 1);
}

static __attribute__((no_sanitize("thread"))) size_t KERNEL(find_wide)(const key_search search, key_output *output,
                                                                       size_t index) {
  return KERNEL(find)(search, output, index, 0);
}
