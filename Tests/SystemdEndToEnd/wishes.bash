# What an operator does to the units behind Tandem's back, and what systemd itself may do, on one of the two
# nodes (machine2, the BACKUP; its peer serves on). Sourced by scripts/test-systemd, for --wishes.

here() { on machine2 "$@"; }
state_of() { here tandemctl status "$1" | awk '{ print $2 }'; }
process_of() { here systemctl show --property=MainPID --value "tandem-$1.service"; }
told() { here tandemctl why | grep -qF -- "$1"; }

# SECONDS COMMAND…: true as soon as the command is, tried for so long.
within_seconds() {
    local deadline=$((SECONDS + $1)); shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}
is() { [ "$(state_of "$1")" = "$2" ]; }
has_another_process() { local now; now=$(process_of "$1"); [ "$now" != 0 ] && [ "$now" != "$2" ]; }
recovers() {    # NAME OLD-PID
    within_seconds 5 has_another_process "$1" "$2" && within_seconds 5 is "$1" RUNNING
}

declare -i wishes_failed=0
wish() {    # SENTENCE COMMAND…
    local sentence=$1; shift
    if "$@"; then echo "  well    $sentence"; else
        echo "  FAILED  $sentence"
        wishes_failed+=1
    fi
}

stays_stopped() {    # HOW-TO-STOP HOW-THE-SUPERVISOR-ENDS
    local before
    before=$(process_of supervisor)
    # shellcheck disable=SC2086 # commands
    here $1 > /dev/null && within_seconds 5 is proxy STOPPED || return 1
    # shellcheck disable=SC2086
    here $2
    within_seconds 5 has_another_process supervisor "$before" || return 1
    sleep 2
    is proxy STOPPED && told "leave proxy stopped" \
        && here tandemctl start proxy > /dev/null && is proxy RUNNING
}
restart_is_a_wish() {
    local before
    before=$(process_of proxy)
    here systemctl restart tandem-proxy.service && recovers proxy "$before" \
        && told "tandem-proxy.service is being restarted through systemd"
}
outlives() {    # COMMAND…: and the supervisor still sees what systemd does
    local before
    before=$(process_of supervisor)
    here "$@" || return 1
    sleep 2
    [ "$(process_of supervisor)" = "$before" ] || return 1
    before=$(process_of proxy)
    here systemctl kill --kill-whom=main --signal=KILL tandem-proxy.service
    recovers proxy "$before"
}
masked() {
    local answer
    here systemctl mask --now --runtime tandem-proxy.service 2> /dev/null
    within_seconds 5 is proxy STOPPED || return 1
    answer=$(here tandemctl start proxy 2>&1) && return 1
    case $answer in *masked*) ;; *) echo "          it said: $answer"; return 1 ;; esac
    here systemctl unmask --runtime tandem-proxy.service 2> /dev/null
    here tandemctl start proxy > /dev/null && is proxy RUNNING
}
reload_fails() {    # FILE SED-SCRIPT
    local answer before
    before=$(process_of proxy)
    here cp "$1" "$1.well" && here sed -i "$2" "$1"
    answer=$(here tandemctl reload 2>&1) && { echo "          it said: $answer"; return 1; }
    here mv "$1.well" "$1"
    case $answer in *"$1:"*) ;; *) echo "          it said: $answer"; return 1 ;; esac
    [ "$(process_of proxy)" = "$before" ] && here tandemctl reload > /dev/null
}
# Without a link to the agent, systemd's reload is what is left.
reload_by_systemd() {
    local answer drop=/run/systemd/system/tandem-agent.service.d before
    here mv /run/tandem/agent.sock /run/tandem/agent.sock.away
    before=$(process_of supervisor)
    here systemctl restart tandem-supervisor.service
    within_seconds 5 is agent RUNNING || return 1
    here tandemctl reload > /dev/null || return 1
    here mkdir -p $drop
    here sh -c "printf '[Service]\nExecReload=\nExecReload=/bin/false\n' > $drop/fails.conf"
    here systemctl daemon-reload
    answer=$(here tandemctl reload 2>&1) && { echo "          it said: $answer"; return 1; }
    here rm -r $drop
    here systemctl daemon-reload
    here mv /run/tandem/agent.sock.away /run/tandem/agent.sock
    case $answer in *"ended as 'failed'"*) ;; *) echo "          it said: $answer"; return 1 ;; esac
}
one_retry() {
    local program=/usr/sbin/tandem-proxy
    here cp $program $program.well
    here cp --remove-destination /bin/false $program
    here systemctl kill --kill-whom=main --signal=KILL tandem-proxy.service
    within_seconds 10 is proxy FATAL || return 1
    within_seconds 40 told "proxy is FATAL" || return 1
    sleep 3
    here mv $program.well $program
    ! told "tandem-proxy.service is being started through systemd" \
        && here tandemctl start proxy > /dev/null && is proxy RUNNING
}

check_wishes() {
    wish "what systemctl stopped stays stopped when the supervisor is restarted" \
        stays_stopped "systemctl stop tandem-proxy.service" "systemctl restart tandem-supervisor.service"
    wish "what tandemctl stopped stays stopped when the supervisor is killed" \
        stays_stopped "tandemctl stop proxy" "systemctl kill --signal=KILL tandem-supervisor.service"
    wish "systemctl restart is an operator's wish" restart_is_a_wish
    wish "a restart of dbus changes nothing" outlives systemctl restart dbus.service
    wish "systemd may execute itself anew" outlives systemctl daemon-reexec
    wish "a masked unit is not started, and tandemctl says why" masked
    wish "tandemctl reload fails with the line of a broken haproxy.cfg" \
        reload_fails /etc/tandem/haproxy.cfg 's/^\( *\)server /\1sevrer /'
    wish "tandemctl reload fails with the line of a broken keepalived.conf" \
        reload_fails /etc/tandem/keepalived.conf 's/virtual_router_id 51/virtual_router_id 5l/'
    wish "without a link, tandemctl reload tells how systemd's reload ended" reload_by_systemd
    wish "the supervisor alone tries a FATAL proxy again" one_retry
    [ $wishes_failed = 0 ] || { here tandemctl why | tail -40; return 1; }
}
