/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* GRE types of ERSPAN: I and II, III, and a vendor's own form. */
#ifndef TELEGEN_ERSPAN_H
#define TELEGEN_ERSPAN_H

#include "parse.h"

#define TG_TYPE_12 0x88be
#define TG_TYPE_3 0x22eb
#define TG_TYPE_VENDOR 0x8949

static __always_inline bool tg_is_erspan_type(__u16 type)
{
	return type == TG_TYPE_12 || type == TG_TYPE_3 || type == TG_TYPE_VENDOR;
}

#endif
