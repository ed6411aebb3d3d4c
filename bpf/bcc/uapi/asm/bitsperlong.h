/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* For every machine alike: a BPF program is for a little-endian machine of 64 bits of its own. */
#ifndef __BITS_PER_LONG
#define __BITS_PER_LONG 64
#endif
#include <asm-generic/bitsperlong.h>
