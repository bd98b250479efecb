# The parts of packaging/test-in-container, in the order in which it calls them. Each begins where the one
# before it ended.

VIP=192.168.0.100
RIVALS="keepalived haproxy"
# Two at most are open when the address goes, of those that the client opens every 5 ms; they are reset with it.
HANDED_OVER='refused <= 2'

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*"
    for node in $NODES; do
        echo "--- $node"
        on "$node" journalctl --no-pager -n 60 -u 'tandem*' || :
        on "$node" ip -brief address || :
    done
    exit 1
} 2>&1
finish() {
    local status=$?
    trap - EXIT
    raze_lab
    exit $status
}

# ---- the lab, with nothing installed on its nodes ------------------------------------------------
bare_install() { cp "$STATE/old.deb" "$STATE/new.deb" "$1/opt/"; cp -r packaging/debian/tests "$1/opt/tests"; }
bare_configure() { :; }

prepare() {    # NEW.deb OLD.deb
    raze_stale_labs
    mkdir -p "$STATE/nodes"
    started_at $$ > "$STATE/owner"
    PROGRAMS=$STATE/programs
    mkdir -p "$PROGRAMS"
    cc -O2 -o "$PROGRAMS/observer" $HERE/observer.c || exit 1
    cc -O2 -o "$PROGRAMS/backend" $HERE/backend.c || exit 1
    cp "$2" "$STATE/old.deb"
    if [ "$1" = "$2" ]; then
        dpkg-deb --raw-extract "$1" "$STATE/newer" || exit 1
        sed -i 's/^Version: .*/&+1/' "$STATE/newer/DEBIAN/control"
        dpkg-deb -Znone --root-owner-group --build "$STATE/newer" "$STATE/new.deb" > /dev/null || exit 1
        rm -rf "$STATE/newer"
    else
        cp "$1" "$STATE/new.deb"
    fi
    make_root
    raise_lab
    STACK=bare
    peer_names
    make_layer bare
    for node in $NODES; do make_disk "$node"; switch_on "$node"; done
    for node in $NODES; do wait_until_booted "$node"; done
}

# ---- what is looked at ---------------------------------------------------------------------------
state() { on "$1" systemctl show --value -p ActiveState "$2"; }
pid() { on "$1" systemctl show --value -p MainPID "$2"; }
version() { on "$1" dpkg-query -W -f '${Version}' tandem; }
owns() { on "$1" ip -brief address show to $VIP | grep -q .; }
# The inode of the socket that listens on port 7001: the same one after a restart is the same queue.
listener() { on "$1" awk '$4 == "0A" && $2 ~ /:1B59$/ { print $10 }' /proc/net/tcp; }
within() {    # SECONDS WHAT COMMAND…
    local deadline=$((SECONDS + $1)) what=$2; shift 2
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "not in time: $what"
        sleep 0.1
    done
}
active() { [ "$(state "$1" "$2")" = active ]; }
well() { on "$1" tandemctl status > /dev/null 2>&1; }
no_failed_unit() { [ -z "$(on "$1" systemctl --failed --no-legend | grep tandem)" ]; }

# Everything of the package's that could stay on a node: files, units, processes, sockets, addresses,
# overrides. Users are not among it: see docs/install.md.
traces() {
    on "$1" sh -c '
        find /etc /usr /lib /var /run /opt /srv /root /home /tmp -xdev 2>/dev/null |
            grep -iE "tandem|haproxy" | grep -vE "^/opt|^/var/(log|cache|lib/dpkg/info/haproxy)"
        grep -rilE tandem /etc 2>/dev/null | sed "s/^/names it: /" | grep -vE "/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"
        { systemctl list-units --all --plain --no-legend "tandem*"; systemctl list-unit-files --no-legend "tandem*"; } |
            sed "s/^/unit: /"
        ps -eo comm= | grep -E "^tandem" | sed "s/^/process: /"
        ss -Hxln | grep -i tandem | sed "s/^/socket: /"
        ip -o address | grep -vE " lo | 192\.168\.0\.19[23]/| fe80:" | sed "s/.*inet/address: inet/"
        dpkg-statoverride --list | grep -i tandem
        dpkg -l tandem 2>/dev/null | grep "^[a-z][a-z] "' | sort
}

# ---- the client ----------------------------------------------------------------------------------
observe() {
    mkfifo "$STATE/marks"
    ( join_group client
      exec nsenter --net="/run/netns/$LAB-client" "$PROGRAMS/observer" $VIP 7001 \
          machine1="/run/netns/$LAB-machine1" machine2="/run/netns/$LAB-machine2" ) \
        < "$STATE/marks" > "$STATE/figures" 2> "$STATE/timeline" &
    OBSERVER=$!
    exec 7> "$STATE/marks"
    sleep 1
}
# Ends the observation; each argument is a condition on the figures.
observed() {
    local condition
    sleep 1.5
    exec 7>&-
    wait "$OBSERVER"
    rm -f "$STATE/marks"
    sed 's/^/   client: /' "$STATE/figures"
    for condition in "$@"; do
        # shellcheck disable=SC2046 # KEY=VALUE pairs
        ( eval $(cat "$STATE/figures") && (( condition )) ) || {
            cat "$STATE/timeline"
            fail "the client saw otherwise: $condition"
        }
    done
}
install_on() {    # NODE old|new
    on "$1" dpkg --install --force-confold "/opt/$2.deb" > "$STATE/dpkg.log" 2>&1 || { cat "$STATE/dpkg.log"; fail "dpkg on $1"; }
    grep '^tandem: ' "$STATE/dpkg.log" | sed 's/^/   /'
}

# ---- the parts -----------------------------------------------------------------------------------
fresh() {
    say "install on a machine without either, the tests of the package"
    traces machine1 > "$STATE/before"
    install_on machine1 old
    ! grep -q '^tandem: ' "$STATE/dpkg.log" || fail "something was said where there is nothing to say"
    active machine1 tandem.target || fail "tandem.target is not active"
    no_failed_unit machine1 || fail "a unit failed"
    on machine1 sh /opt/tests/programs || fail "programs"
    on machine1 sh /opt/tests/services || fail "services"
    on machine1 sh /opt/tests/hardening || fail "hardening"

    say "purge: nothing is left"
    on machine1 dpkg --purge tandem > "$STATE/dpkg.log" 2>&1 || { cat "$STATE/dpkg.log"; fail "purge"; }
    traces machine1 > "$STATE/after"
    diff "$STATE/before" "$STATE/after" || fail "purge left these behind"
    # docs/install.md says so: files may belong to them.
    on machine1 getent passwd haproxy | sed 's/^/   kept: /'
    on machine1 getent group tandem | sed 's/^/   kept: /'
}

beside() {
    say "keepalived and HAProxy run; install beside them"
    for node in $NODES; do
        on "$node" sh -c 'dpkg --install /opt/peer/*.deb' > "$STATE/dpkg.log" 2>&1 || { cat "$STATE/dpkg.log"; fail "$RIVALS"; }
        peer_configure "$(root_of "$node")" "$node"
        on "$node" systemctl restart haproxy keepalived || fail "$RIVALS do not start on $node"
    done
    within 20 "keepalived holds the address" owns machine1
    within 20 "the classic pair answers" answers
    local processes
    processes=$(for node in $NODES; do pid "$node" keepalived; pid "$node" haproxy; done)

    observe
    for node in $NODES; do
        install_on "$node" old
        for service in $RIVALS; do
            grep -q "$service.service runs on this machine" "$STATE/dpkg.log" || fail "$service is not named on $node"
            grep -q "/etc/$service/$service" "$STATE/dpkg.log" || fail "the file of $service is not named on $node"
        done
        ! on "$node" diff -q /etc/keepalived/keepalived.conf /etc/tandem/keepalived.conf > /dev/null || fail "a file was taken"
    done
    observed 'refused == 0' 'lost == 0' 'broken == 0' 'two == 0' 'none == 0'
    [ "$processes" = "$(for node in $NODES; do pid "$node" keepalived; pid "$node" haproxy; done)" ] || fail "a service of theirs was touched"
}
answers() {
    inside client timeout 1 bash -c 'exec 3<>/dev/tcp/'$VIP'/7001 && printf x >&3 && read -r -N1 -t1 x <&3' 2> /dev/null
}

change_over() {
    say "tandemctl import, and its own instructions, on the BACKUP first"
    local node
    for node in $NODES; do
        on "$node" tandemctl import --check > "$STATE/import" || { cat "$STATE/import"; fail "import --check on $node"; }
        on "$node" cmp -s /usr/share/tandem/haproxy.cfg /etc/tandem/haproxy.cfg || fail "--check changed a file"
    done
    sed 's/^/   /' "$STATE/import"
    observe
    for node in machine2 machine1; do
        on "$node" tandemctl import > "$STATE/import" || { cat "$STATE/import"; fail "import on $node"; }
        # The lines that it prints to be typed.
        sed -n 's/^    //p' "$STATE/import" | while read -r line; do
            case $line in tandemctl*) within 20 "$line on $node" on "$node" $line > /dev/null ;; *) on "$node" $line ;; esac
        done 2>&1 | grep -vE '^(Synchronizing|Executing|Removed)'
        on "$node" cmp -s /etc/keepalived/keepalived.conf /etc/tandem/keepalived.conf || fail "not copied on $node"
    done
    within 20 "Tandem holds the address" owns machine1
    observed "$HANDED_OVER" 'two == 0'
    for node in $NODES; do
        no_failed_unit "$node" || fail "a unit failed on $node"
        [ "$(state "$node" keepalived) $(state "$node" haproxy)" = "inactive inactive" ] || fail "theirs still run on $node"
    done
}

upgrade_backup() {
    say "upgrade of the BACKUP: its agent is restarted, the address does not move"
    local socket proxy agent
    socket=$(listener machine2) proxy=$(pid machine2 tandem-proxy) agent=$(pid machine2 tandem-agent)
    observe
    install_on machine2 new
    within 10 "the BACKUP is well" well machine2
    observed 'refused == 0' 'lost == 0' 'broken == 0' 'two == 0' 'none == 0'
    owns machine1 || fail "the address moved"
    [ "$(pid machine2 tandem-proxy)" != "$proxy" ] || fail "the proxy runs its old version"
    [ "$(pid machine2 tandem-agent)" != "$agent" ] || fail "the agent runs its old version"
    [ -n "$socket" ] && [ "$(listener machine2)" = "$socket" ] || fail "the listening socket was closed"
}

upgrade_master() {
    say "upgrade of the MASTER: the proxy comes back on its socket, the address does not move"
    replace_on_master new 'tandem-agent was not restarted'
}
replace_on_master() {    # old|new SAID
    local socket proxy agent
    socket=$(listener machine1) proxy=$(pid machine1 tandem-proxy) agent=$(pid machine1 tandem-agent)
    observe
    install_on machine1 "$1"
    within 10 "the MASTER is well" well machine1
    # Established connections end with the process that carried them: broken is told, not bounded.
    observed 'refused == 0' 'two == 0' 'none == 0'
    grep -q "$2" "$STATE/dpkg.log" || fail "it was not said: $2"
    [ "$(pid machine1 tandem-proxy)" != "$proxy" ] || fail "the proxy was not restarted"
    [ "$(pid machine1 tandem-agent)" = "$agent" ] || fail "the agent of a MASTER was restarted"
    [ -n "$socket" ] && [ "$(listener machine1)" = "$socket" ] || fail "the listening socket was closed"
    active machine1 tandem-supervisor || fail "the supervisor does not run"
}

hand_over() {
    say "the hand-over that the upgrade left to the administrator"
    local agent
    agent=$(pid machine1 tandem-agent)
    observe
    on machine1 systemctl restart tandem-agent || fail "restart"
    within 10 "the restarted agent is well" well machine1
    within 20 "the address is back" owns machine1
    observed "$HANDED_OVER" 'two == 0'
    [ "$(pid machine1 tandem-agent)" != "$agent" ] || fail "the agent was not restarted"
}

# No call of the daemons was refused by a filter in all that they did so far. Memory is locked where the unit's limit
# can be raised, which a container's root may not do everywhere.
no_call_refused() {
    local node
    for node in $NODES; do
        ! on "$node" journalctl --no-pager -u 'tandem-*' | grep -v mlockall | grep -E 'not permitted|status=31/SYS' || fail "a filter is too narrow on $node"
    done
}

downgrade() {
    say "downgrade of the MASTER; what the administrator wrote survives"
    on machine1 sh -c 'echo "# mine" >> /etc/tandem/haproxy.cfg'
    replace_on_master old 'tandem-agent was not restarted'
    on machine1 grep -q '^# mine' /etc/tandem/haproxy.cfg || fail "a changed file was replaced"
    no_call_refused
}

remove() {
    say "remove on the MASTER: the other node takes the address, no connection is refused that was not open"
    observe
    on machine1 dpkg --remove tandem > "$STATE/dpkg.log" 2>&1 || { cat "$STATE/dpkg.log"; fail "remove"; }
    within 10 "the other node has the address" owns machine2
    observed "$HANDED_OVER" 'two == 0'
    on machine1 test -e /etc/tandem/haproxy.cfg || fail "remove took the configuration"
    [ -z "$(listener machine1)" ] || fail "the listening socket is still open"
    ! on machine1 test -e /run/tandem || fail "remove left /run/tandem"
}

purge() {
    say "installed again it takes the address back; purge of the MASTER leaves nothing"
    install_on machine1 old
    within 20 "the address is back" owns machine1
    on machine1 dpkg --purge tandem > "$STATE/dpkg.log" 2>&1 || { cat "$STATE/dpkg.log"; fail "purge"; }
    within 10 "the other node has the address" owns machine2
    # HAProxy's own package has files of that name here.
    ! traces machine1 | grep -vi haproxy || fail "purge left these behind"
}
