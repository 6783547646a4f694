// The boundaries of GPT-2's pattern, included once for each set of instructions as split_body.h is.

static size_t KERNEL(gpt2)(const uint8_t *text, size_t start, size_t count, intptr_t *ends,
                           size_t limit, size_t *hard) {
  (void)hard;
  split_reader reader = {text, count, start, {0}};
  split_masks here, ahead;
  KERNEL(read)(&reader, &here, 0);
  // The classes of the byte before, in the lowest bit: at `start` a pre-token begins, whatever was before.
  uint64_t before_letter = 0, before_number = 0, before_other = 0, before_space = 0;
  uint64_t before_blank = 0;
  // What a contraction at the end of the last 64 bytes says about these.
  uint64_t cleared = 0, forced = 1;
  size_t found = 0;
  for (size_t base = start;; base += 64) {
    KERNEL(read)(&reader, &ahead, 0);
    const uint64_t other = ~(here.letter | here.number | here.space);
    const uint64_t after_space = here.space << 1 | before_space;

    // A run of letters, numbers or others begins where the class changes; a blank before it is its
    // first character.
    uint64_t starts = (here.letter & ~(here.letter << 1 | before_letter)) |
                      (here.number & ~(here.number << 1 | before_number)) |
                      (other & ~(other << 1 | before_other));
    starts &= ~(here.blank << 1 | before_blank);

    // A run of white space begins, and its last character begins, if visible ones follow: that is left
    // over by \s+(?!\S).
    starts |= here.space & ~after_space;
    const uint64_t last = KERNEL(last_spaces)(&here, &ahead);
    starts |= last & after_space;

    starts = (starts & ~cleared) | forced;
    cleared = 0;
    forced = 0;
    for (uint64_t marks = here.apostrophe & starts; marks; marks &= marks - 1) {
      // A contraction ends where a pre-token begins, and none begins inside of it.
      const unsigned offset = (unsigned)__builtin_ctzll(marks);
      if (base + offset >= count) break;
      const size_t length = contraction_length(text + base + offset, count - base - offset);
      if (length == 0) continue;
      const unsigned end = offset + (unsigned)length;
      if (offset < 63) starts &= ~(2ull << offset); else cleared = 1;
      if (end < 64) starts |= 1ull << end; else forced |= 1ull << (end - 64);
    }

    if (base == start) starts &= ~1ull;
    const int is_last = count - base <= 64;
    // The end of the text is the end of the last pre-token.
    if (is_last && count - base < 64) starts &= (1ull << (count - base)) - 1;
    const unsigned number = (unsigned)__builtin_popcountll(starts);
    KERNEL(emit)(starts, base, ends + found, number);
    found += number;
    if (found >= limit) return limit;
    if (is_last) {
      ends[found] = (intptr_t)count;
      return found + 1;
    }
    before_letter = here.letter >> 63;
    before_number = here.number >> 63;
    before_other = other >> 63;
    before_space = here.space >> 63;
    before_blank = here.blank >> 63;
    here = ahead;
  }
}
