/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* bcc's compiler has no headers of its own. */
#ifndef TG_BCC_STDDEF_H
#define TG_BCC_STDDEF_H
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
typedef __SIZE_TYPE__ size_t;
#endif
