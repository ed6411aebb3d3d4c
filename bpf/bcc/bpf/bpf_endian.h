/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* As libbpf's, fit for constants too; bcc's own are functions. */
#ifndef TG_BCC_ENDIAN_H
#define TG_BCC_ENDIAN_H

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#else
#define bpf_htons(x) ((__be16)(x))
#define bpf_htonl(x) ((__be32)(x))
#endif
#define bpf_ntohs(x) bpf_htons(x)
#define bpf_ntohl(x) bpf_htonl(x)

#endif
