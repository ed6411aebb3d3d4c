#!/usr/bin/env bash
# bcc_headers.sh FOLDER: what stands in for a kernel's headers where bcc compiles on the box (bpf/bcc, and of Linux' own
# headers for user space those that describe frames), laid out as bcc looks for it.
set -euo pipefail
folder=$1
own=$(dirname "$0")/../../bpf/bcc
uapi=(types bpf_common pkt_cls if_ether in in6 ip ipv6 icmpv6 tcp udp)
places=(-isystem "/usr/include/$(uname -m)-linux-gnu" -isystem /usr/include)

rm -rf "$folder.new"
mkdir -p "$folder.new"
cp -r "$own" "$folder.new/include"
printf '#include <linux/%s.h>\n' "${uapi[@]}" | ${CLANG:-clang} -target bpf -ffreestanding -nostdlibinc "${places[@]}" -M -x c - |
	tr -d '\\' | tr -s ' ' '\n' | grep -E '^/usr/include/(linux|asm-generic)/' | while read -r header; do
	name=${header#/usr/include/}
	mkdir -p "$folder.new/include/uapi/$(dirname "$name")"
	[ -e "$folder.new/include/uapi/$name" ] || cp "$header" "$folder.new/include/uapi/$name"
done
find "$folder.new" -type f -exec chmod 644 {} +
rm -rf "$folder"
mv "$folder.new" "$folder"
