// PCRE2 asks for the width of a code unit before its header is read: eight bits, UTF-8.
#ifndef CPCRE2_SHIM_H
#define CPCRE2_SHIM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// Macros with casts do not reach Swift: spelled again as constants.
static const size_t CPCRE2_UNSET = PCRE2_UNSET;
static const size_t CPCRE2_ZERO_TERMINATED = PCRE2_ZERO_TERMINATED;

#endif
