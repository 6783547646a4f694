// The boundaries of cl100k's pattern and of those that follow it (o200k, llama3, qwen2), included once for
// each set of instructions as split_body.h is.
//
// A *word* is a run of letters, of marks too where words end by case. The character before one goes with it
// if it is white space but no line end, or a visible one that stands alone. Visible characters otherwise go
// with a blank before them and with the line ends behind them. White space ends at its last line end; what
// comes after that leaves its last character to what follows.

// Of the places behind a line end where white space without line ends begins, those after which no line end
// comes in the same run; `tail` says whether such places count at the end of the text. Sets `*lost` if a run
// goes on for longer than the masks reach.
static inline uint64_t KERNEL(behind_last_line_end)(uint64_t places, uint64_t spaces,
                                                    uint64_t line_ends, const split_masks *ahead,
                                                    size_t left, int tail, uint64_t *lost) {
  // Adding the first bit of a run carries through to the bit behind it.
  uint64_t ends;
  const int reaches_over = __builtin_add_overflow(spaces, places, &ends);
  if (!reaches_over && !(ends & ~spaces & line_ends)) return places;
  const uint64_t ahead_spaces = ahead->space & ~ahead->line_end;
  for (uint64_t bits = places; bits; bits &= bits - 1) {
    const unsigned place = (unsigned)__builtin_ctzll(bits);
    const uint64_t rest = ~spaces >> place;
    // The offset of the first byte behind the run, and whether that is a line end.
    unsigned end;
    int is_line_end;
    if (rest) {
      end = place + (unsigned)__builtin_ctzll(rest);
      is_line_end = (int)(line_ends >> end & 1);
    } else {
      end = ~ahead_spaces ? 64 + (unsigned)__builtin_ctzll(~ahead_spaces) : 128;
      is_line_end = end < 128 && (ahead->line_end >> (end - 64) & 1);
    }
    // What lies beyond the text is spaces.
    if (end >= left ? !tail : is_line_end) places &= ~(1ull << place);
    else if (end == 128 && end < left) *lost |= 1ull << place;
  }
  return places;
}

static inline __attribute__((always_inline)) size_t KERNEL(words)(
    const uint8_t *text, size_t start, size_t count, intptr_t *ends, size_t limit, size_t *hard,
    const split_rules rules) {
  const unsigned wants = WANT_LINE_ENDS | (rules.words_by_case ? WANT_CASES : 0);
  split_reader reader = {text, count, start, {0}};
  split_masks here, ahead;
  KERNEL(read)(&reader, &here, wants);
  // The masks below for the 64 bytes before: at `start` a pre-token begins, whatever was before.
  word_masks before = {0};
  // What a contraction at the end of the last 64 bytes says about these.
  uint64_t cleared = 0, forced = 1;
  // Where the last contraction ended that went with a word.
  size_t contraction_end = start;
  size_t found = 0;
  for (size_t base = start;; base += 64) {
    KERNEL(read)(&reader, &ahead, wants);
    const size_t left = count - base;
    word_masks now = {0};
    now.long_byte = here.long_byte;
    now.blank = here.blank;
    now.line_end = here.line_end;
    now.number = here.number;
    now.word = rules.words_by_case ? here.letter | here.mark : here.letter;
    now.other = ~(now.word | here.number | here.space);
    uint64_t is_hard = 0;
    if (rules.digits > 1) is_hard |= here.number & here.long_byte;
    uint64_t after_other = after(now.other, before.other);

    // Line ends behind visible characters are theirs. Adding the first bit of a run clears it.
    const uint64_t first_taken = here.line_end & (after_other | before.taken >> 63);
    now.taken = here.line_end & ~(here.line_end + first_taken);
    if (rules.words_by_case) {
      // Marks among visible characters.
      is_hard |= after_other & here.mark;
      if (here.slash & (after(here.line_end, before.line_end) | before.taken >> 63)) {
        // Slashes behind those line ends go with them, line ends behind these too, and so on: within a run of both, all
        // that is behind the first that is taken, by twice the distance in each step.
        uint64_t both = here.line_end | here.slash;
        now.taken = first_taken | (both & before.taken >> 63);
        for (unsigned distance = 1; distance < 64; distance *= 2) {
          now.taken |= both & now.taken << distance;
          both &= both << distance;
        }
        now.other &= ~now.taken;
        after_other = after(now.other, before.other);
      }
    }
    // White space of its own, and white space that is no line end.
    now.space = here.space & ~now.taken;
    now.inner_space = here.space & ~here.line_end;

    if (rules.words_by_case) {
      // Neither upper nor lower case, and so both to the pattern: whether a word ends before upper case
      // that follows depends on what follows that.
      now.neutral = now.word & ~(here.upper | here.lower);
      is_hard |= after(now.neutral, before.neutral) & here.upper;
    }

    // White space begins, and its last character before something visible does.
    uint64_t starts = now.space & ~after(now.space, before.space);
    const uint64_t behind = now.inner_space & after(here.line_end, before.line_end) & ~starts;
    if (behind) {
      starts |= KERNEL(behind_last_line_end)(behind, now.inner_space, here.line_end, &ahead, left,
                                             !rules.ends_with_spaces, &is_hard);
    }
    starts |= KERNEL(last_spaces)(&here, &ahead) & now.inner_space;

    // Visible characters begin, unless a blank before them has begun.
    now.alone = now.other & ~after_other & ~after(here.blank, before.blank);
    starts |= now.alone;

    // Words begin, unless the character before them has begun.
    uint64_t joined = after(now.inner_space, before.inner_space) |
                      (after(now.alone, before.alone) & ~here.continuation);
    if (here.long_byte | before.long_byte) {
      // Behind characters of two, three and four bytes that stand alone.
      now.second = after(now.alone, before.alone) & here.continuation;
      now.third = after(now.second, before.second) & here.continuation;
      now.fourth = after(now.third, before.third) & here.continuation;
      joined |= (after(now.second, before.second) | after(now.third, before.third) |
                 after(now.fourth, before.fourth)) & ~here.continuation;
    }
    starts |= now.word & ~after(now.word, before.word) & ~joined;
    if (rules.words_by_case) {
      now.lower = here.lower;
      starts |= here.upper & after(here.lower, before.lower);
    }

    // Numbers begin; each third digit in a row, or each digit, begins another.
    if (here.number) {
      const uint64_t second = here.number & after(here.number, before.number);
      if (rules.digits == 1) {
        starts |= here.number & ~here.continuation;
      } else {
        const uint64_t third = second & (here.number << 2 | before.number >> 62);
        now.numbers = (here.number & ~second) | (before.numbers >> 61 & third);
        for (uint64_t more = now.numbers; (more = more << 3 & third);) now.numbers |= more;
        starts |= now.numbers;
      }
    }

    starts = (starts & ~cleared) | forced;
    cleared = 0;
    forced = 0;
    // A contraction is a pre-token, or goes with the word before it; none begins inside of it.
    uint64_t marks = here.apostrophe & (rules.words_by_case ? after(now.word, before.word) : now.alone);
    for (; marks; marks &= marks - 1) {
      const unsigned offset = (unsigned)__builtin_ctzll(marks);
      if (offset >= left) break;
      // What follows a contraction that went with a word is a word of its own.
      if (rules.words_by_case && base + offset == contraction_end) continue;
      const unsigned length = (unsigned)folded_contraction_length(text + base + offset, left - offset);
      if (length == 0) continue;
      for (unsigned inside = offset + !rules.words_by_case; inside < offset + length; inside++) {
        if (inside < 64) starts &= ~(1ull << inside); else cleared |= 1ull << (inside - 64);
      }
      const unsigned end = offset + length;
      if (end < 64) starts |= 1ull << end; else forced |= 1ull << (end - 64);
      contraction_end = base + end;
    }

    if (is_hard) {
      *hard = left <= 64 ? count : base + 64;
      return found;
    }
    if (base == start) starts &= ~1ull;
    const int is_last = left <= 64;
    // The end of the text is the end of the last pre-token.
    if (left < 64) starts &= (1ull << left) - 1;
    const unsigned number = (unsigned)__builtin_popcountll(starts);
    KERNEL(emit)(starts, base, ends + found, number);
    found += number;
    if (found >= limit) return limit;
    if (is_last) {
      ends[found] = (intptr_t)count;
      return found + 1;
    }
    before = now;
    here = ahead;
  }
}

#define PATTERN(name, digits, words_by_case, ends_with_spaces)                                        \
  static size_t KERNEL(name)(const uint8_t *text, size_t start, size_t count, intptr_t *ends,        \
                             size_t limit, size_t *hard) {                                           \
    const split_rules rules = {digits, words_by_case, ends_with_spaces};                             \
    return KERNEL(words)(text, start, count, ends, limit, hard, rules);                              \
  }
PATTERN(cl100k, 3, 0, 1)
PATTERN(o200k, 3, 1, 0)
PATTERN(llama3, 3, 0, 0)
PATTERN(qwen2, 1, 0, 0)
#undef PATTERN
