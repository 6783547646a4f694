#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

/// From now on, blocks of memory of a megabyte or more go back to the system as soon as they are freed.
void give_freed_memory_back(void);

/// From now on, what is freed of a few megabytes stays for later, and memory is asked for a megabyte at a time: giving
/// pages back and getting them again is most of what small blocks cost. All threads share one heap.
void keep_freed_memory(void);
/// Whether that is so.
int keeps_freed_memory(void);

#endif
