/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* bcc's compiler has no headers of its own. */
#ifndef TG_BCC_STDBOOL_H
#define TG_BCC_STDBOOL_H
#define bool _Bool
#define true 1
#define false 0
#endif
