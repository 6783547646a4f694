// Threads that wait for the next piece of work of the small language models.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "MiniLMKernels.h"
#include "thread_cores.h"

#define MOST_THREADS 1023
// A step of a small model has three meetings, tens of microseconds apart at most; whoever waits
// longer sleeps.
#define SPIN_NANOSECONDS 100000

static pthread_mutex_t callers = PTHREAD_MUTEX_INITIALIZER;  // one caller at a time
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;    // guards the two conditions
static pthread_cond_t begun = PTHREAD_COND_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static size_t thread_count = 0;      // written by the caller only
static atomic_uint generation = 0;   // which call it is
static atomic_size_t pending = 0;    // threads that have not finished it
static atomic_size_t sleepers = 0;   // threads asleep, or about to be
static atomic_int caller_sleeps = 0;
// The call; written before `generation`, read after it.
static size_t work_count;
static minilm_work work;
static void *work_context;

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void wait_for_call(unsigned seen) {
  const long long start = nanoseconds();
  for (unsigned turn = 1; atomic_load(&generation) == seen; turn++) {
    pause_briefly();
    if (turn % 64 != 0 || nanoseconds() - start < SPIN_NANOSECONDS) continue;
    pthread_mutex_lock(&mutex);
    // Counted before the last look: the caller looks at the count after it has changed generation.
    atomic_fetch_add(&sleepers, 1);
    while (atomic_load(&generation) == seen) pthread_cond_wait(&begun, &mutex);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&mutex);
    return;
  }
}

// One thread less to wait for; the last one wakes the caller if it sleeps.
static void end_part(void) {
  if (atomic_fetch_sub(&pending, 1) == 1 && atomic_load(&caller_sleeps)) {
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&mutex);
  }
}

static void *thread_main(void *argument) {
  const size_t index = (size_t)argument;
  unsigned seen = atomic_load(&generation);
  // The one who made this thread waits until it has noted where the calls are.
  end_part();
  while (1) {
    wait_for_call(seen);
    seen++;
    if (index < work_count) work(work_context, index);
    end_part();
  }
  return NULL;
}

static void wait_for_end(void) {
  const long long start = nanoseconds();
  for (unsigned turn = 1; atomic_load(&pending) != 0; turn++) {
    pause_briefly();
    if (turn % 64 != 0 || nanoseconds() - start < SPIN_NANOSECONDS) continue;
    pthread_mutex_lock(&mutex);
    atomic_store(&caller_sleeps, 1);
    while (atomic_load(&pending) != 0) pthread_cond_wait(&ended, &mutex);
    atomic_store(&caller_sleeps, 0);
    pthread_mutex_unlock(&mutex);
  }
}

static void make_threads(size_t wanted) {
  if (wanted > MOST_THREADS) wanted = MOST_THREADS;
  while (thread_count < wanted) {
    pthread_t thread;
    atomic_store(&pending, 1);
    if (pthread_create(&thread, NULL, thread_main, (void *)(thread_count + 1)) != 0) {
      atomic_store(&pending, 0);
      return;
    }
    pthread_detach(thread);
    wait_for_end();
    thread_count++;
  }
}

void minilm_parallel(size_t count, minilm_work body, void *context) {
  if (count <= 1 || pthread_mutex_trylock(&callers) != 0) {
    for (size_t index = 0; index < count; index++) body(context, index);
    return;
  }
  make_threads(count - 1);
  work_count = count;
  work = body;
  work_context = context;
  atomic_store(&pending, thread_count);
  atomic_fetch_add(&generation, 1);
  if (atomic_load(&sleepers) != 0) {
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&begun);
    pthread_mutex_unlock(&mutex);
  }
  body(context, 0);
  // What there was no thread for.
  for (size_t index = thread_count + 1; index < count; index++) body(context, index);
  wait_for_end();
  pthread_mutex_unlock(&callers);
}
