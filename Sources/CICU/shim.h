// Says where ICU's headers are, and on macOS that it is linked. They are included by ICUShim alone, whose own
// header shows none of ICU's types.
#ifndef CICU_SHIM_H
#define CICU_SHIM_H
#endif
