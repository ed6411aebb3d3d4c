/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* bcc chooses helpers for tracing by the kernel's version; a tc program has no use for it. */
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 10, 0)
#endif
