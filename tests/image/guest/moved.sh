# An image upgrade: a new root file system, the rows of the old one, /host kept, and no package.
. /.vm/guest/lib.sh

rows_without_model() {
	await 120 db 4 get CONFIG_DB_INITIALIZED
	is "$(db 4 hget 'TELEGEN_JOB|up' port)" Ethernet0 "the row that was loaded at boot"
	! command -v sonic-telegen || fail "the package is there"
	! quiet /run/out /etc/sonic/reload || fail "config reload takes rows without a model"
	has /run/out 'no YANG model for TELEGEN' "its reason"
}

documented_step() {
	plug
	compiled_once
	dpkg -i /host/sonic-telegen.deb >/run/out 2>&1 || { tail /run/out; fail "dpkg failed"; }
	await 120 told
	await 120 job_is up running
	frames 200
	all_counted
}

reloads() {
	local before
	before=$(main_pid)
	traffic
	/etc/sonic/reload >/run/out 2>&1 || { tail /run/out; fail "config reload is refused"; }
	await 180 told
	traffic_stop
	[ "$(main_pid)" != "$before" ] || fail "the same process"
	await 120 job_is up running
	all_counted
}

must "a new image: the rows are loaded, config reload refuses them" rows_without_model
must "dpkg -i from /host, without a network: they are counted" documented_step
check "config reload takes them, and no packet is lost" reloads
summary
