# What the faults are tried on. A stack has a name and four functions:
#   NAME_install ROOT          its packages, into the root that both nodes share
#   NAME_configure ROOT NODE   the founding document's configuration
#   NAME_upgrade NODE          another version of its packages, over the running one
#   NAME_names                 sets what the faults speak of: units, programs, configuration files
# An empty unit: the stack has no such daemon, and the faults of it are left out.

SEED=Tests/Fixtures/seed

# ---- Tandem --------------------------------------------------------------------------------------
tandem_names() {
    PROXY=tandem-proxy.service AGENT=tandem-agent.service SUPERVISOR=tandem-supervisor.service
    AGENT_CONFIGURATION=/etc/tandem/keepalived.conf PROXY_CONFIGURATION=/etc/tandem/haproxy.cfg
}
tandem_install() {
    local root=$1
    cp "$DEB" "$root/opt/tandem.deb"
    in_root "$root" dpkg --install /opt/tandem.deb
    # The same programs as a newer version, for the upgrade.
    rm -rf "$STATE/newer"
    dpkg-deb --raw-extract "$DEB" "$STATE/newer"
    sed -i 's/^Version: .*/&+lab1/' "$STATE/newer/DEBIAN/control"
    dpkg-deb -Znone --root-owner-group --build "$STATE/newer" "$root/opt/tandem-newer.deb" > /dev/null
    rm -rf "$STATE/newer"
    in_root "$root" systemctl enable tandem.target
}
tandem_configure() {
    cp "$SEED/$2.keepalived.conf" "$1$AGENT_CONFIGURATION"
    cp "$SEED/haproxy.cfg" "$1$PROXY_CONFIGURATION"
}
tandem_upgrade() { on "$1" dpkg --install --force-confold /opt/tandem-newer.deb; }

# ---- Debian's keepalived and haproxy ---------------------------------------------------------------
peer_names() {
    PROXY=haproxy.service AGENT=keepalived.service SUPERVISOR=
    AGENT_CONFIGURATION=/etc/keepalived/keepalived.conf PROXY_CONFIGURATION=/etc/haproxy/haproxy.cfg
}
peer_install() { in_root "$1" sh -c 'dpkg --install /opt/peer/*.deb'; }

# The seed in today's spelling: haproxy 2.6 no longer knows contimeout, clitimeout and srvtimeout,
# nor an address on the line of `listen`.
peer_configure() {
    cp "$SEED/$2.keepalived.conf" "$1$AGENT_CONFIGURATION"
    sed -e 's/contimeout/timeout connect/; s/clitimeout/timeout client/; s/srvtimeout/timeout server/' \
        -e 's/^\(listen [^ ]*\) \([0-9.:]*\)$/\1\n        bind \2/' "$SEED/haproxy.cfg" > "$1$PROXY_CONFIGURATION"
}
peer_upgrade() { on "$1" sh -c 'dpkg --install --force-confold /opt/peer/keepalived_*.deb /opt/peer/haproxy_*.deb'; }
