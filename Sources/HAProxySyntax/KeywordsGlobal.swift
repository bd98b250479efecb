extension Keywords {
    static let global = KeywordTable(
        Keyword.rows(.done, "maxconn", "connections of the whole process"),
        Keyword.rows(
            .done,
            "spread-checks",
            "0 to 50 percent by which the time between checks varies"
        ),
        Keyword.rows(.done, "user group uid gid", "whom the proxy becomes after binding"),
        Keyword.rows(.done, "log", "where lines go; proxies refer to it by 'log global'"),
        Keyword.rows(.done, "log-tag", "the tag in front of the process id"),
        Keyword.rows(
            .done,
            "log-send-hostname",
            "puts the node's name, or the one given, into lines"
        ),
        Keyword.rows(
            .done,
            "unix-bind",
            "'prefix', 'mode', 'user', 'group', 'uid' and 'gid' of Unix sockets"
        ),
        Keyword.rows(.done, "nbthread", "event loops; one a core, if it is not written"),
        Keyword.rows(
            .done,
            "tune.engine",
            "Tandem's own: 'auto', 'epoll' or 'io_uring'"
        ),
        Keyword.rows(
            .done,
            "tune.buffers.limit",
            "buffers of 64 KiB for clients and servers that take nothing; past them reads are of 16 KiB"
        ),
        Keyword.rows(
            .done,
            "hard-stop-after",
            "how long SIGUSR1 waits for sessions; 5 minutes, if it is not written"
        ),
        Keyword.rows(.done, "pidfile", "where the process id is written"),
        Keyword.rows(
            .warned,
            "chroot",
            "a reload reads the files, and names are looked up again"
        ),
        Keyword.rows(.done, "stats", "'stats socket': the runtime API; the rest is accepted"),
        Keyword.rows(
            .done,
            "setenv presetenv unsetenv",
            "variables for the lines that follow"
        ),
        Keyword.rows(
            .accepted,
            "daemon quiet master-worker",
            "the service manager runs the process"
        ),
        Keyword.rows(
            .accepted,
            "ulimit-n strict-limits",
            "the limit is raised as far as maxconn needs"
        ),
        Keyword.rows(.accepted, "description node localpeer id cluster-secret", "a label"),
        Keyword.rows(
            .accepted,
            """
            ca-base crt-base key-base ssl-* issuers-chain-path
            """,
            "TLS is not done"
        ),
        Keyword.rows(
            .accepted,
            """
            tune.* busy-polling cpu-map cpu-policy cpu-set numa-cpu-mapping thread-groups
            thread-group thread-hard-limit max-threads-per-group noepoll nokqueue noevports nopoll
            nosplice nogetaddrinfo noreuseport noktls maxpipes maxzlibmem maxcomprate maxcompcpuusage
            profiling.* close-spread-time harden.* shm-stats-* stats-file limited-quic
            no-quic max-spread-checks mworker-* set-dumpable set-var
            set-var-fmt server-state-base server-state-file warn-blocked-traffic-after
            force-cfg-parser-pause dns-accept-family expose-experimental-directives
            expose-deprecated-directives insecure-fork-wanted insecure-setuid-wanted
            pp2-never-send-local h1-* h2-* http-err-codes http-fail-codes debug.counters anonkey
            prealloc-fd zero-warning hash-* 51degrees-* deviceatlas-* wurfl-* httpclient.*
            """,
            "tunes HAProxy's own insides"
        ),
        Keyword.rows(.warned, "nbproc", "one process serves all connections"),
        Keyword.rows(.warned, "debug", "use 'tandemctl tail'"),
        Keyword.rows(.warned, "external-check", "no programs are run as checks"),
        Keyword.rows(.warned, "lua-*", "no Lua is run"),
        Keyword.rows(.warned, "email-alert", "no mail is sent"),
        Keyword.rows(
            .warned,
            "maxconnrate maxsessrate maxsslconn maxsslrate",
            "only the number of connections is limited"
        ),
        Keyword.rows(.warned, "grace", "the supervisor decides when the proxy stops"),
        Keyword.rows(.refused, "default-path", "write full paths"),
        Keyword.rows(.refused, "resetenv", "set the environment in the unit"),
    )

    static let bind = KeywordTable(
        Keyword.rows(.done, "interface", "only connections by this interface", parameters: 1),
        Keyword.rows(.done, "backlog", "connections that wait to be accepted", parameters: 1),
        Keyword.rows(.done, "maxconn", "connections of this address", parameters: 1),
        Keyword.rows(.done, "name", "for people", parameters: 1),
        Keyword.rows(
            .done,
            "mode user group uid gid",
            "who may connect to a Unix socket",
            parameters: 1
        ),
        Keyword.rows(.done, "transparent", "also addresses that are not this node's"),
        Keyword.rows(.done, "defer-accept", "waits for the first bytes"),
        Keyword.rows(.done, "accept-proxy", "expects a PROXY header"),
        Keyword.rows(.done, "v6only", "an IPv6 wildcard without IPv4"),
        Keyword.rows(.accepted, "v4v6", "an IPv6 wildcard takes IPv4 too"),
        Keyword.rows(
            .accepted,
            """
            id process thread nice shards level severity-output
            guid-prefix cc
            """,
            "tunes HAProxy's own insides",
            parameters: 1
        ),
        Keyword.rows(.accepted, "expose-fd", "listening sockets are always kept", parameters: 1),
        Keyword.rows(.warned, "tfo", "TCP fast open is not used"),
        Keyword.rows(.warned, "mss tcp-ut", "the kernel's value is used", parameters: 1),
        Keyword.rows(
            .accepted,
            """
            crt crt-list ca-file ca-verify-file ca-sign-file ca-sign-pass crl-file verify alpn npn
            proto ciphers ciphersuites curves sigalgs client-sigalgs ecdhe ssl-min-ver
            ssl-max-ver ocsp-update crt-ignore-err ca-ignore-err tls-ticket-keys default-crt
            """,
            "belongs to 'ssl'",
            parameters: 1
        ),
        Keyword.rows(
            .accepted,
            """
            strict-sni no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 no-tls-tickets
            force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 allow-0rtt
            prefer-client-ciphers generate-certificates no-ca-names no-alpn no-strict-sni
            """,
            "belongs to 'ssl'"
        ),
        Keyword.rows(
            .refused,
            "ssl",
            "let the servers do TLS and pass it through in 'mode tcp'"
        ),
        Keyword.rows(.refused, "namespace", "start the proxy inside of it", parameters: 1),
        Keyword.rows(.refused, "accept-netscaler-cip", "use 'accept-proxy'", parameters: 1),
    )
}
