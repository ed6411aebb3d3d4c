# The ways to the programs under the service's sandbox, each with the counts of the one before; an operator's program.
. /.vm/guest/lib.sh

redis_is_there() { await 120 db 4 get CONFIG_DB_INITIALIZED; }

counts() {
	install "$first" >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	await 120 told
	plug
	db 4 hset 'TELEGEN_JOB|up' port Ethernet0 direction ingress >/dev/null
	await 120 job_is up running
	frames 500
	all_counted
	loader_is core ''
}

# loader_is NAME REASON: as STATE_DB and the command line tell it; the compiler is not in the agent.
loader_is() {
	is "$(field 'TELEGEN_TABLE|GLOBAL' loader)" "$1" "loader"
	field 'TELEGEN_TABLE|GLOBAL' loader_reason >/run/reason
	if [ -z "$2" ]; then is "$(cat /run/reason)" "" "reason"; else has /run/reason "$2" "reason"; fi
	quiet /run/out show telegen || { cat /run/out; fail "show telegen"; }
	has /run/out "loader $1, attached by" "show telegen"
	! grep -E 'libbcc|libLLVM|libclang' "/proc/$(main_pid)/maps" || fail "the compiler is in the agent"
}

# rung NAME REASON VARIABLE=VALUE...: the service with these variables; it goes on from what was counted.
rung() {
	local name=$1 reason=$2
	shift 2
	printf '%s\n' "$@" >/etc/default/sonic-telegen.rung
	cat /run/usual /etc/default/sonic-telegen.rung >/etc/default/sonic-telegen
	restart || fail "it does not start"
	await 300 loader_told "$name"
	loader_is "$name" "$reason"
	await 120 job_is up running
	frames 500
	all_counted
	echo "        RSS $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$(main_pid)/status") MiB; its control group had at most" \
		"$(cat /sys/fs/cgroup/system.slice/sonic-telegen.service/memory.peak) bytes"
}
loader_told() { told && [ "$(field 'TELEGEN_TABLE|GLOBAL' loader)" = "$1" ]; }

hide_btf() {
	cp /sys/kernel/btf/vmlinux /usr/share/sonic-telegen/vmlinux.btf
	cp /.vm/relocating.o /usr/share/sonic-telegen/relocating.bpf.o
	chmod 644 /usr/share/sonic-telegen/*.btf /usr/share/sonic-telegen/*.o
	mount -t tmpfs none /sys/kernel/btf
	rung core 'this kernel shows no BTF: the object needs none' ''
}

operators_program() {
	frames until /run/stop &
	sender=$!
	quiet /run/out sonic-telegen bcc "$guest/ttl.c" --iface Ethernet0 --duration 5 --json || { cat /run/out; fail "bcc"; }
	touch /run/stop
	wait "$sender"
	has /run/out '"ttl": \[{"key": 64, "value": [1-9]' "what it counted"
	! tc filter show dev Ethernet0 ingress | grep telegen-bcc || fail "its filter stays"
	all_counted
	sed 's/return TC_ACT_UNSPEC/return TC_ACT_OK/' "$guest/ttl.c" >/run/wrong.c
	! quiet /run/out sonic-telegen bcc /run/wrong.c --iface Ethernet0 --duration 5 || fail "another verdict was taken"
	has /run/out 'its verdict is always TC_ACT_UNSPEC' "the refusal"
}

must "SONiC's Redis is there" redis_is_there
must "the packaged object with the kernel's BTF: each packet counted" counts
cp /etc/default/sonic-telegen /run/usual
check "without the kernel's BTF" hide_btf
check "an object that relocates, by TELEGEN_BTF_PATH" rung core-btf-file 'TELEGEN_BTF_PATH=.* stands in' \
	TELEGEN_BPF_OBJ=/usr/share/sonic-telegen/relocating.bpf.o TELEGEN_BTF_PATH=/usr/share/sonic-telegen/vmlinux.btf
check "compiled on the box by bcc, since the object finds no types" rung bcc 'it relocates against kernel types and found none.*compiled here from' \
	TELEGEN_BPF_OBJ=/usr/share/sonic-telegen/relocating.bpf.o
check "compiled on the box by bcc, since there is no object" rung bcc 'No such file or directory.*compiled here from' TELEGEN_BPF_OBJ=/nonexistent
check "an operator's program beside it" operators_program
check "and back to the packaged object" rung core 'this kernel shows no BTF' ''
summary
