/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* bcc includes this first of all: what it asks of a kernel's configuration. */
#ifndef CONFIG_BPF_SYSCALL
#define CONFIG_BPF_SYSCALL 1
#endif
