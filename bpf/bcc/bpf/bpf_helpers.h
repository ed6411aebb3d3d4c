/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What libbpf's header has and bcc does not: bcc brings the helpers, and gives every function a section of its own. */
#ifndef TG_BCC_HELPERS_H
#define TG_BCC_HELPERS_H

#undef SEC
#define SEC(name)

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#endif
