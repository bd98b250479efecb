# The lab: two nodes with a booted systemd each, a client and a backend, on a bridge in a namespace
# of its own. Sourced by scripts/test-systemd.
#
#   root       a debootstrap root, made once, in $CACHE; never written to after that
#   layer      what a stack installs over it; made once a run of the script
#   disk       a node's own writes, in memory, thrown away after each fault
#
# Each node, the client, the backend and the bridge ("lan") have a network namespace
# $LAB-NAME. A node's namespace is made anew whenever it is switched on, so that nothing that a kernel
# remembers survives a power loss or a reboot.

CACHE=${TANDEM_LAB_CACHE:-/var/cache/tandem-lab}
LABS=/run/tandem-lab
LAB=tl$$
STATE=$LABS/$$
CGROUPS=/sys/fs/cgroup
DISK_SIZE=${TANDEM_LAB_DISK:-512m}
NODES="machine1 machine2"
ROOT_PACKAGES=systemd,systemd-sysv,dbus,iproute2,procps,psmisc,adduser,libstdc++6,libgcc-s1,libsystemd0
PEER_PACKAGES="keepalived haproxy"

declare -A ADDRESS=([machine1]=192.168.0.193 [machine2]=192.168.0.192 [client]=192.168.0.10 [backend]=192.168.0.50)

die() { echo "test-systemd: $*" >&2; exit 1; }

# ---- control groups: one for each thing that runs, to freeze it and to end it -----------------
# A machine with only cgroup v2, or one with the old freezer and systemd hierarchies beside it.
group_roots() {
    if [ -e $CGROUPS/cgroup.controllers ]; then echo $CGROUPS
    else for h in freezer systemd unified; do [ ! -d $CGROUPS/$h ] || echo $CGROUPS/$h; done; fi
}
freezer_of() { if [ -d $CGROUPS/freezer ]; then echo "$CGROUPS/freezer/$1"; else echo "$CGROUPS/$1"; fi; }

# Moves the calling shell; what it starts follows it.
join_group() {
    local root
    for root in $(group_roots); do
        mkdir -p "$root/$LAB/$1"
        echo $BASHPID > "$root/$LAB/$1/cgroup.procs"
    done
}
end_group() {    # LAB/NAME: kills all that is in it, then removes it
    local group=$1 root directory processes i
    thaw_group "$group"
    for i in {1..200}; do
        processes=$(find "$(freezer_of "$group")" -name cgroup.procs -exec cat {} + 2>/dev/null)
        [ -n "$processes" ] || break
        # shellcheck disable=SC2086 # a list
        kill -KILL $processes 2>/dev/null
        sleep 0.02
    done
    for root in $(group_roots); do
        for i in {1..50}; do
            directory=$root/$group
            [ -d "$directory" ] || break
            find "$directory" -depth -type d -exec rmdir {} \; 2>/dev/null
            [ ! -d "$directory" ] || sleep 0.02
        done
    done
}
freeze_group() {
    local group; group=$(freezer_of "$1")
    if [ -e "$group/cgroup.freeze" ]; then echo 1 > "$group/cgroup.freeze"; return; fi
    until [ "$(cat "$group/freezer.state")" = FROZEN ]; do echo FROZEN > "$group/freezer.state"; done
}
thaw_group() {
    local group; group=$(freezer_of "$1")
    [ ! -e "$group/cgroup.freeze" ] || echo 0 > "$group/cgroup.freeze"
    [ ! -e "$group/freezer.state" ] || echo THAWED > "$group/freezer.state"
}

# ---- the wire ---------------------------------------------------------------------------------
inside() { local name=$1; shift; nsenter --net="/run/netns/$LAB-$name" -- "$@"; }

make_lan() {
    ip netns add "$LAB-lan"
    ip -n "$LAB-lan" link add bridge type bridge mcast_snooping 0 forward_delay 0 stp_state 0
    ip -n "$LAB-lan" link set bridge up
}
# A namespace of its own with eth0 on the bridge; the hardware address follows from the IP address.
plug_in() {
    local name=$1 namespace=$LAB-$1 o
    o=${ADDRESS[$name]##*.}
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
    ip link add "port-$name" netns "$LAB-lan" type veth \
        peer name eth0 address "02:00:c0:a8:00:$(printf %02x "$o")" netns "$namespace"
    ip -n "$LAB-lan" link set "port-$name" master bridge up
    ip -n "$namespace" link set eth0 up
    ip -n "$namespace" address add "${ADDRESS[$name]}/24" broadcast + dev eth0
}
unplug() {
    ip -n "$LAB-lan" link delete "port-$1" 2>/dev/null
    ip netns delete "$LAB-$1" 2>/dev/null
}
cut_link() { ip -n "$LAB-lan" link set "port-$1" down; }
heal_link() { ip -n "$LAB-lan" link set "port-$1" up; }

# NODE out|both [MATCH…]: drops what the node sends (or all of it) on its way over the bridge.
drop_packets() {
    local port=port-$1 direction=$2; shift 2
    local rules="add table bridge faults
        add chain bridge faults forward { type filter hook forward priority 0; }
        add rule bridge faults forward iifname $port $* drop"
    [ "$direction" = out ] || rules+="
        add rule bridge faults forward oifname $port $* drop"
    inside lan nft -f - <<< "$rules"
}
pass_packets() { inside lan nft delete table bridge faults; }

# ---- the cached root ---------------------------------------------------------------------------
make_root() {
    mkdir -p "$CACHE"
    exec 8> "$CACHE/lock"
    flock 8
    ROOT=$CACHE/bookworm-$(cksum <<< "$ROOT_PACKAGES $PEER_PACKAGES" | cut -d' ' -f1)
    if [ ! -d "$ROOT" ]; then
        echo "test-systemd: making $ROOT (once, about two minutes)" >&2
        rm -rf "$ROOT.new"
        debootstrap --variant=minbase --include=$ROOT_PACKAGES bookworm "$ROOT.new" \
            "${TANDEM_LAB_MIRROR:-http://deb.debian.org/debian}" > "$CACHE/debootstrap.log" 2>&1 \
            || die "debootstrap failed, see $CACHE/debootstrap.log"
        rm -f "$ROOT.new"/var/cache/apt/archives/*.deb
        # The peer's packages wait here for whoever wants to compare.
        # shellcheck disable=SC2086 # a list
        chroot "$ROOT.new" apt-get install -y --no-install-recommends --download-only $PEER_PACKAGES \
            >> "$CACHE/debootstrap.log" 2>&1 || die "cannot fetch $PEER_PACKAGES, see $CACHE/debootstrap.log"
        mkdir -p "$ROOT.new/opt/peer"
        mv "$ROOT.new"/var/cache/apt/archives/*.deb "$ROOT.new/opt/peer/"
        mv "$ROOT.new" "$ROOT"
    fi
    flock -u 8
}

# STACK: makes $STATE/layer, what the stack adds to the root.
make_layer() {
    local merged=$STATE/merged unit
    mkdir -p "$STATE/layer" "$STATE/layer.work" "$merged"
    mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$STATE/layer,workdir=$STATE/layer.work" "$merged"
    for unit in systemd-networkd.service systemd-resolved.service console-getty.service getty.target \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer dev-hugepages.mount; do
        ln -sf /dev/null "$merged/etc/systemd/system/$unit"
    done
    ln -sf /lib/systemd/system/multi-user.target "$merged/etc/systemd/system/default.target"
    mkdir -p "$merged/var/log/journal"
    # What the founding document asks of /etc/sysctl.conf.
    echo 'net.ipv4.ip_nonlocal_bind = 1' > "$merged/etc/sysctl.d/90-vip.conf"
    "$1_install" "$merged"
    umount "$merged"
}
# For the stacks: runs a command in the root that is being made, without a booted systemd.
in_root() {
    local root=$1; shift
    DEBIAN_FRONTEND=noninteractive nsenter --net=/run/netns/"$LAB-client" chroot "$root" "$@" \
        > "$STATE/install.log" 2>&1 || { cat "$STATE/install.log" >&2; die "in the new root: $* failed"; }
}

# ---- nodes ---------------------------------------------------------------------------------------
root_of() { echo "$STATE/nodes/$1/root"; }

# The node's disk, empty but for its name and its configuration.
make_disk() {
    local node=$1 directory=$STATE/nodes/$1 root
    root=$(root_of "$node")
    mkdir -p "$directory/disk" "$root"
    mount -t tmpfs -o "size=$DISK_SIZE" "lab-disk" "$directory/disk"
    mkdir "$directory/disk/upper" "$directory/disk/work"
    mount -t overlay overlay \
        -o "lowerdir=$STATE/layer:$ROOT,upperdir=$directory/disk/upper,workdir=$directory/disk/work" "$root"
    echo "$node" > "$root/etc/hostname"
    cksum <<< "$LAB$node" | md5sum | cut -c1-32 > "$root/etc/machine-id"
    printf '%s\n' "127.0.0.1 localhost $node" "${ADDRESS[backend]} blogadminvhn.nostratech.com" > "$root/etc/hosts"
    "${STACK}_configure" "$root" "$node"
}
remove_disk() {
    local directory=$STATE/nodes/$1
    umount -l "$directory/root" 2>/dev/null
    umount -l "$directory/disk" 2>/dev/null
    rm -rf "$directory"
}

# Runs a node until it is switched off: 133 is nspawn's word for "it wants to be rebooted".
run_node() {
    local node=$1 directory=$STATE/nodes/$1 status=133
    join_group "$node"
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
    while [ $status = 133 ]; do
        unplug "$node"
        plug_in "$node"
        systemd-nspawn --quiet --boot --directory="$(root_of "$node")" --machine="$node" \
            --register=no --keep-unit --network-namespace-path="/run/netns/$LAB-$node" \
            --link-journal=no --resolv-conf=off --timezone=off --capability=CAP_NET_ADMIN,CAP_IPC_LOCK \
            --rlimit=RLIMIT_NOFILE=524288 --rlimit=RLIMIT_MEMLOCK=8388608 \
            < /dev/null >> "$directory/console.log" 2>&1 8>&- 7>&- &
        echo $! > "$directory/nspawn.pid"
        wait $!
        status=$?
        rm -f "$directory/nspawn.pid"
    done
}
switch_on() {
    run_node "$1" &
    disown
}
# A power failure: the wire first, so that nothing which dies has a last word.
switch_off() {
    cut_link "$1" 2>/dev/null
    end_group "$LAB/$1"
    rm -f "$STATE/nodes/$1/nspawn.pid"
    unplug "$1"
}
pause_node() { drop_packets "$1" both; freeze_group "$LAB/$1"; }
resume_node() { pass_packets; thaw_group "$LAB/$1"; }

# The process that is the node's PID 1, as this machine numbers it.
leader_of() {
    local nspawn process
    nspawn=$(cat "$STATE/nodes/$1/nspawn.pid" 2>/dev/null) || return 1
    for process in $(cat "/proc/$nspawn/task/$nspawn/children" 2>/dev/null); do
        if awk '/^NSpid:/ { exit !(NF > 2 && $NF == 1) }' "/proc/$process/status" 2>/dev/null; then
            echo "$process"
            return 0
        fi
    done
    return 1
}
on() {      # NODE COMMAND…: runs it in the node
    local node=$1 leader; shift
    leader=$(leader_of "$node") || { echo "$node is off" >&2; return 1; }
    nsenter -t "$leader" -m -u -i -n -p -- env -i HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}
wait_until_booted() {
    local node=$1 deadline=$((SECONDS + 60))
    until on "$node" systemctl is-active --quiet multi-user.target 2>/dev/null; do
        [ $SECONDS -lt $deadline ] && sleep 0.1 && continue
        tail -20 "$STATE/nodes/$node/console.log" >&2
        die "$node did not boot within a minute"
    done
}

# ---- the whole ----------------------------------------------------------------------------------
raise_lab() {
    make_lan
    plug_in client
    plug_in backend
    inside client sysctl -qw net.ipv4.ip_local_port_range="2000 65000" net.ipv4.tcp_tw_reuse=1
    inside backend sysctl -qw net.core.somaxconn=4096
    ( join_group backend; exec nsenter --net="/run/netns/$LAB-backend" "$PROGRAMS/backend" 7001 ) < /dev/null &
    disown
}
raze_lab() {
    local name
    for name in $NODES client backend; do
        [ ! -d "$(freezer_of "$LAB/$name")" ] || end_group "$LAB/$name"
        remove_disk "$name" 2>/dev/null
        unplug "$name"
    done
    ip netns delete "$LAB-lan" 2>/dev/null
    umount -l "$STATE/merged" 2>/dev/null
    for name in $(group_roots); do [ ! -d "$name/$LAB" ] || rmdir "$name/$LAB"; done
    rm -rf "$STATE"
    rmdir "$LABS" 2>/dev/null
    return 0
}
# When a process began, in ticks: with its number, a name that is never given twice. A process that is gone: "gone".
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 | grep . || echo gone; }
# What a run that was killed left behind; with `all`, what --keep left as well.
raze_stale_labs() {
    local directory process
    for directory in "$LABS"/*/; do
        [ -e "$directory" ] || continue
        process=$(basename "$directory")
        [ ! -e "$directory/keep" ] || [ "${1:-}" = all ] || continue
        [ "$(started_at "$process")" != "$(cat "$directory/owner" 2>/dev/null)" ] || continue
        echo "test-systemd: removing what run $process left" >&2
        ( LAB=tl$process; STATE=$LABS/$process; raze_lab )
    done
}
