// Says that ICU is linked, and where its headers are. They are included by ICUShim alone, whose own header
// shows none of ICU's types.
#ifndef CICU_SHIM_H
#define CICU_SHIM_H
#endif
