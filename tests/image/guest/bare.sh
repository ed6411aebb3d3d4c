# A Debian without anything of SONiC: no Redis, no sonic-utilities. What goes wrong around an installation.
. /.vm/guest/lib.sh

files() {
	find / -xdev \( -path /proc -o -path /.vm -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/systemd \
		-o -path /tmp -o -path /var/tmp -o -path /run -o -path /sys -o -path /dev \) -prune -o ! -name '*-' ! -path /etc/.pwd.lock \
		! -name __pycache__ ! -name '*.pyc' -printf '%y %m %u %p %l\n' | sort
}

no_space_to_install() {
	files >/run/before
	mkdir /usr/lib/sonic-telegen
	mount -t tmpfs -o size=256k none /usr/lib/sonic-telegen
	! quiet /run/out install "$first" || fail "it was installed where there is no room"
	has /run/out 'No space left on device' "apt's words"
	umount /usr/lib/sonic-telegen
	inactive || fail "something runs"
}

installs() {
	install "$first" >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	is "$(systemctl is-enabled sonic-telegen)" enabled "enabled"
	await 120 active
	compiled_once
	systemctl show -P StatusText sonic-telegen | grep -qi redis || fail "its status does not tell of Redis: $(systemctl show -P StatusText sonic-telegen)"
}

says_what_is_missing() {
	! quiet /run/out telegen show || fail "telegen show found something"
	has /run/out '[Rr]edis\|database_config' "what it says"
	has /run/out 'see that the database service runs' "its remedy"
	is "$(rest /healthz)" 503 "REST's answer"
}

twice() {
	dpkg -i "$first" >/run/out 2>&1 || { tail /run/out; fail "dpkg failed"; }
	await 120 active
	is "$(dpkg --audit)" "" "what dpkg finds unfinished"
}

read_only_usr() {
	mount --bind /usr /usr && mount -o remount,bind,ro /usr || fail "/usr does not get read-only"
	restart || fail "it does not start from a read-only /usr"
	! quiet /run/out dpkg -i "$second" || fail "installed into a read-only /usr"
	has /run/out 'Read-only file system' "dpkg's words"
	await 120 active
	is "$(version)" "$(dpkg-deb -f "$first" Version)" "the version that stays"
	mount -o remount,bind,rw /usr
	umount -l /usr
}

broken_default_file() {
	echo TELEGEN_LOG_LEVEL=loud >>/etc/default/sonic-telegen
	! restart 2>/dev/null || fail "it started"
	is "$(systemctl show -P ExecMainStatus -P ActiveState sonic-telegen | sort | xargs)" "2 failed" "status"
	journalctl --no-pager -u sonic-telegen | grep -q "TELEGEN_LOG_LEVEL='loud'" || fail "the variable is not named"
	dpkg -i "$second" >/run/out 2>&1 || { tail /run/out; fail "a package is not installed because its service does not start"; }
	is "$(version)" "$(dpkg-deb -f "$second" Version)" "the version installed"
	printf '%s\n' 'not a variable' '"unbalanced' '=' $'\xff\xfe' >/etc/default/sonic-telegen
	systemctl reset-failed sonic-telegen
	systemctl start sonic-telegen || fail "lines that are no variables keep it from starting"
	rm /etc/default/sonic-telegen
	restart || fail "without the file it does not start"
	await 120 active
}

no_space_at_all() {
	mount -t tmpfs -o size=4k none /var/lib/sonic-telegen
	chmod 750 /var/lib/sonic-telegen
	dd if=/dev/zero of=/var/lib/sonic-telegen/full bs=4k count=1 2>/dev/null
	restart || fail "it does not start where its state has no room"
	await 120 active
	umount -l /var/lib/sonic-telegen
	restart || fail "nor after that"
}

purges() {
	no_traceback
	compiled_always
	apt-get -qq purge -y sonic-telegen >/run/out 2>&1 || { tail /run/out; fail "apt failed"; }
	nothing_left
	files >/run/after
	diff /run/before /run/after || fail "files differ"
}

must "no room: apt says so, nothing runs" no_space_to_install
must "installs without Redis and sonic-utilities; active, idle, tells what it waits for" installs
check "the command line says what is missing, REST that it is not ready" says_what_is_missing
check "the same package once more" twice
check "a read-only /usr: the service starts, an upgrade is refused, the agent goes on" read_only_usr
check "a broken /etc/default file: named, status 2, no loop; an upgrade ends all the same" broken_default_file
check "no room for its state: it runs" no_space_at_all
check "purge leaves every file as it was" purges
summary
