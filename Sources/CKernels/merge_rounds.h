// The rounds in which pre-tokens are merged side by side, included once for each set of instructions, behind what it needs
// of merge_body.h or merge_vectors.h: KERNEL names the functions.

// Reads the ranks of the pairs that the last merge has made.
INLINE void KERNEL(look_up)(const merge_table *table, merge_lane *lane) {
  const uint32_t left = KERNEL(rank_of)(table, lane->left, lane->left_group);
  const uint32_t right = KERNEL(rank_of)(table, lane->right, lane->right_group);
  lane->ranks[LANE - 1 + lane->made] = left << POSITION_BITS;
  lane->ranks[LANE + lane->made] = right << POSITION_BITS;
}

// Begins with the next pre-token that is to be merged in so many registers, and has something to merge; 0 if there is
// none.
INLINE int KERNEL(begin_next)(const merge_table *table, merge_lane *lane, merge_queue *queue, uint32_t *ids, const int width) {
  while (queue->next < queue->count) {
    pre_token_miss *miss = &queue->misses[queue->next++];
    if (miss->count != 0) continue;
    const size_t start =
        miss->index == 0 ? queue->batch->start : (size_t)queue->batch->ends[miss->index - 1];
    const size_t length = (size_t)queue->batch->ends[miss->index] - start;
    if (length > (size_t)width * LANE || length <= (size_t)(width - 1) * LANE) continue;
    KERNEL(begin)(table, lane, queue->batch->text + start, length, miss, width);
    if (__builtin_expect(!is_done(lane), 1)) return 1;
    KERNEL(finish)(table, lane, ids, width);
  }
  return 0;
}

INLINE void KERNEL(merge_all)(const merge_table *shared, merge_queue queue, uint32_t *ids, const int width,
                      const int in_order) {
  // A copy: of what lies behind a pointer a compiler reads each field again after each write.
  merge_table copy = *shared;
  copy.in_order = in_order;
  const merge_table *const table = &copy;
  merge_lane lanes[LANES];
  size_t active = 0;
  while (active < LANES && KERNEL(begin_next)(table, &lanes[active], &queue, ids, width)) active++;
  while (active > 0) {
    for (size_t lane = 0; lane < active; lane++) KERNEL(merge)(table, &lanes[lane], width);
    for (size_t lane = 0; lane < active; lane++) KERNEL(look_up)(table, &lanes[lane]);
    // Which ones are done is noted without a branch.
    size_t done[LANES], done_count = 0;
    for (size_t lane = 0; lane < active; lane++) {
      KERNEL(choose)(&lanes[lane], width);
      done[done_count] = lane;
      done_count += (size_t)is_done(&lanes[lane]);
    }
    while (done_count > 0) {
      const size_t lane = done[--done_count];
      KERNEL(finish)(table, &lanes[lane], ids, width);
      // One that is done takes what comes next, or leaves its place to the last, which is not done.
      if (!KERNEL(begin_next)(table, &lanes[lane], &queue, ids, width)) {
        if (lane < --active) lanes[lane] = lanes[active];
      }
    }
  }
}

static void KERNEL(merge_short)(const merge_table *table, const pre_token_batch *batch, pre_token_miss *misses, size_t count,
                                uint32_t *ids) {
  const merge_queue queue = {batch, misses, count, 0};
  if (table->in_order) {
    KERNEL(merge_all)(table, queue, ids, 1, 1);
    KERNEL(merge_all)(table, queue, ids, 2, 1);
  } else {
    KERNEL(merge_all)(table, queue, ids, 1, 0);
    KERNEL(merge_all)(table, queue, ids, 2, 0);
  }
}
