#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

/// From now on, blocks of memory of a megabyte or more go back to the system as soon as they are freed.
void give_freed_memory_back(void);

#endif
