/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What Linux has for every machine is enough. */
