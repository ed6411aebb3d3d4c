/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What is otherwise where bcc compiles (sonic_telegen/kernel/compiled.py). It makes no object but bare instructions:
 * there is no .rodata for the layout to be in, and no map but those that user space makes by the layout.
 */
#ifndef TELEGEN_BCC_H
#define TELEGEN_BCC_H

#define TG_TELL(value) asm volatile("r0 = %0" : : "i"(value));
#define TG_TELL_WORD(name, value) TG_TELL(value)
#define TG_TELL_BOUNDS(a, b, c, d, e, f, g, h, i)                                                                      \
	TG_TELL(a) TG_TELL(b) TG_TELL(c) TG_TELL(d) TG_TELL(e) TG_TELL(f) TG_TELL(g) TG_TELL(h) TG_TELL(i)
#define TG_TELL_ALL(bounds...) TG_TELL_BOUNDS(bounds)

/* The body of a function that is never loaded: its instructions are the layout, one constant each. */
#define TG_TELL_LAYOUT TG_LAYOUT(TG_TELL_WORD) TG_TELL_ALL(TG_BOUNDS) return TC_ACT_UNSPEC

/* A map's place in an instruction: the number that TG_FD_<name> is on the command line. */
#define TG_MAP(map_type, name, entries, key_type, value_type) _Static_assert(TG_FD_##name > 0, "a number is missing")
#define TG_AT(map) ((void *)bpf_pseudo_fd(1, TG_FD_##map))

#endif
