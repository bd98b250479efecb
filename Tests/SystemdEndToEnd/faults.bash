# The faults, in the order of the table. Each happens on machine1, the MASTER.
#
#   fault NAME WINDOW AFTER OUTAGE REFUSED BROKEN TWO NONE TITLE
#
#   WINDOW, AFTER   seconds from the fault to its end, and from there to the end of the observation;
#                   AFTER 0: the fault has no end of its own
#   the other five  the largest figure Tandem may show ("-": any); milliseconds, connections
#
# Where the bounds come from (keepalived's defaults, as in the founding document: an advertisement
# each second, priorities 103 and 102):
#   master-down interval 3 s + 0.60 s; a MASTER that hands over (priority 0) costs 0.60 s of skew alone;
#   an address whose owner is silent goes after 2 s; a proxy without a beat for 1 s is hung; a
#   supervisor is missed after 5 s. A held connection lives in its proxy and ends with it, and when the
#   address moves; so do the few new ones that a killed proxy has just accepted. A preempting MASTER speaks
#   before it claims, 20 ms later: that long nobody has the address.

FAULTS=()
declare -A TITLE WINDOW AFTER BOUND

fault() {
    local name=$1
    FAULTS+=("$name")
    WINDOW[$name]=$2 AFTER[$name]=$3
    BOUND[$name]="outage=$4 refused=$5 broken=$6 two=$7 none=$8"
    shift 8
    TITLE[$name]=$*
}

fault stop-proxy        8  0    900   100 100   0   900 proxy stopped by systemctl
fault stop-agent        8  0    900    20 100   0   900 agent stopped by systemctl
fault stop-supervisor  12  0    300    20 100  20    50 supervisor stopped by systemctl
fault kill-proxy        8  0    200     5 100   0     0 proxy kill -9
fault kill-agent        8  0     50     2   2   0    50 agent kill -9
fault kill-supervisor   8  0      0     0   0   0     0 supervisor kill -9
fault freeze-proxy      8  4   2200   100 100   0   900 proxy SIGSTOP
fault freeze-agent      8  4   2500    20 100   0  2500 agent SIGSTOP
fault freeze-supervisor 8  4      0     0   0   0     0 supervisor SIGSTOP
fault kill-all          8  0    300    20 100   0   300 all three kill -9 at once
fault power-loss        8  0   4000     0 100   0  4000 power loss
fault link-cut          8  6   4300    50 100  20  4000 link cut, healed after 8 s
fault adverts-lost      8  6    300    50 100   -     0 MASTER\'s advertisements lost for 8 s
fault all-sent-lost     8  6   4300    50 100   -     0 all that the MASTER sends lost for 8 s
fault reboot           15  0   1200    50 100  20   900 reboot
fault pause             8  6   4300    50 100  20  4000 VM paused for 8 s, resumed
fault upgrade          10  0    200     5 100   0     0 package upgrade on the MASTER
fault reload-proxy      6  0      0     0   0   0     0 proxy reloaded under load
fault reload-agent      6  0      0     0   0   0     0 agent reloaded under load
fault reload-supervisor 6  0      0     0   0   0     0 supervisor reloaded under load
fault disk-full         8  4    200     5 100   0     0 disk full, and then the proxy kill -9
fault clock-jump        8  4      0     0   0   0     0 clock one hour on, 8 s later one day back
fault broken-config     8  0      0     0   0   0     0 broken configurations reloaded
fault bad-binary        8  0   2200   100 100   0   900 proxy killed, its program cannot start

each_unit() {   # COMMAND…: of every daemon of the stack
    local unit
    # shellcheck disable=SC2086 # may be empty
    for unit in $PROXY $AGENT $SUPERVISOR; do "$@" "$unit"; done
}
signal_unit() { on machine1 systemctl kill --kill-whom=all --signal="$1" "$2"; }
program_of() { on machine1 systemctl show --property=ExecStart --value "$1" | sed 's/.*path=\([^ ;]*\).*/\1/'; }
unit_of() { case $1 in *-proxy) echo "$PROXY" ;; *-agent) echo "$AGENT" ;; *-supervisor) echo "$SUPERVISOR" ;; esac; }

applies() { case $1 in *-supervisor) [ -n "$SUPERVISOR" ] ;; esac; }

# Before the nodes boot: what the fault needs on the disks.
prepare_fault() {
    local unit root
    [ "$1" = clock-jump ] || return 0
    root=$(root_of machine1)
    cp "$PROGRAMS/clockjump.so" "$root/usr/lib/clockjump.so"
    set_clock 0
    # shellcheck disable=SC2086 # may be empty
    for unit in $PROXY $AGENT $SUPERVISOR; do
        mkdir -p "$root/etc/systemd/system/$unit.d"
        printf '[Service]\nEnvironment=LD_PRELOAD=/usr/lib/clockjump.so\n' \
            > "$root/etc/systemd/system/$unit.d/clockjump.conf"
    done
}
set_clock() {   # SECONDS off the truth, as a little-endian 64-bit number, into the same file
    local value=$1 i
    for i in {1..8}; do
        printf "\\x$(printf %02x $((value & 255)))"
        value=$((value >> 8))
    done | dd of="$(root_of machine1)/usr/lib/clockjump.offset" conv=notrunc status=none
}

begin_fault() {
    case $1 in
    stop-*) on machine1 systemctl stop "$(unit_of "$1")" ;;
    kill-all) each_unit signal_unit KILL ;;
    kill-*) signal_unit KILL "$(unit_of "$1")" ;;
    freeze-*) signal_unit STOP "$(unit_of "$1")" ;;
    reload-*) on machine1 systemctl reload "$(unit_of "$1")" ;;
    power-loss) switch_off machine1 ;;
    link-cut) cut_link machine1 ;;
    adverts-lost) drop_packets machine1 out ip protocol 112 ;;
    all-sent-lost) drop_packets machine1 out ;;
    reboot) on machine1 systemctl reboot ;;
    pause) pause_node machine1 ;;
    upgrade) "${STACK}_upgrade" machine1 ;;
    disk-full)
        # At one stroke, so that the filling itself keeps nobody waiting; then the last bytes.
        on machine1 sh -c 'fallocate --length "$(($(stat --file-system --format="%a * %S" /)))" /var/full
            dd if=/dev/zero of=/var/full.rest bs=4k 2>/dev/null || true
            df --output=avail /'
        signal_unit KILL "$PROXY" ;;
    clock-jump) set_clock 3600 ;;
    broken-config)
        on machine1 sed -i 's/virtual_router_id 51/virtual_router_id 5l/' "$AGENT_CONFIGURATION"
        on machine1 sed -i 's/^\( *\)server /\1sevrer /' "$PROXY_CONFIGURATION"
        each_unit on machine1 systemctl reload ;;
    bad-binary)
        on machine1 cp --remove-destination /bin/false "$(program_of "$PROXY")"
        signal_unit KILL "$PROXY" ;;
    esac
}
end_fault() {
    case $1 in
    freeze-*) signal_unit CONT "$(unit_of "$1")" ;;
    link-cut) heal_link machine1 ;;
    adverts-lost|all-sent-lost) pass_packets ;;
    pause) resume_node machine1 ;;
    disk-full) on machine1 rm -f /var/full /var/full.rest ;;
    clock-jump) set_clock -86400 ;;
    esac
}
