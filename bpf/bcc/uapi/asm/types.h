/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* For every machine alike: a BPF program is for a little-endian machine of 64 bits of its own. */
#include <asm-generic/types.h>
