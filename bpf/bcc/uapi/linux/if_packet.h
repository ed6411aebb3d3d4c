/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* bcc includes it; a tc program has no use for what the kernel has there. */
