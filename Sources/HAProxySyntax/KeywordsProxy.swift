extension Keywords {
    static let proxy = KeywordTable(
        Keyword.rows(.done, "mode", "tcp"),
        Keyword.rows(.done, "bind", "an address to listen on; see the table of its options"),
        Keyword.rows(.done, "server", "a server; see the table of its options"),
        Keyword.rows(
            .done,
            "server-template",
            "servers of one name, each with an address of its own out of what the name resolves to"
        ),
        Keyword.rows(.done, "default-server", "options of the servers that follow"),
        Keyword.rows(.done, "default_backend", "where a frontend leads to"),
        Keyword.rows(.done, "balance", "roundrobin, static-rr, leastconn, source, first or random"),
        Keyword.rows(
            .done,
            "hash-type",
            "map-based or consistent, with avalanche or not; sources have one hash function"
        ),
        Keyword.rows(.done, "fullconn", "connections at which 'minconn' has grown to 'maxconn'"),
        Keyword.rows(.done, "use_backend", "where a frontend leads to on a condition"),
        Keyword.rows(.done, "acl", "names a criterion; see the table of criteria"),
        Keyword.rows(
            .done,
            "tcp-request",
            "'connection', 'session' or 'content' with accept, reject or track-sc0 to 2; "
                + "'inspect-delay'"
        ),
        Keyword.rows(
            .done,
            "stick-table",
            "of type ip, ipv6 or integer; conn_cnt, conn_cur, conn_rate, sess_cnt, sess_rate"
        ),
        Keyword.rows(.done, "stick", "'on', 'match' or 'store-request' of src, dst or dst_port"),
        Keyword.rows(.done, "maxconn", "connections of the proxy"),
        Keyword.rows(.done, "backlog", "connections that wait to be accepted"),
        Keyword.rows(.done, "log", "a target, 'global', or 'no log'"),
        Keyword.rows(.done, "retries", "connection attempts after the first; default 3"),
        Keyword.rows(.done, "source", "the address that servers see"),
        Keyword.rows(.done, "disabled enabled", "whether the proxy runs"),
        Keyword.rows(.done, "tcp-check", "'tcp-check connect' alone: what a check does anyway"),
        Keyword.rows(
            .replaced,
            "contimeout clitimeout srvtimeout",
            "'timeout connect', 'timeout client', 'timeout server'"
        ),
        Keyword.rows(.replaced, "redispatch redisp", "'option redispatch'"),
        Keyword.rows(.accepted, "id description guid", "a label"),
        Keyword.rows(.accepted, "bind-process hash-preserve-affinity", "one process serves all"),
        Keyword.rows(.accepted, "http-check", "belongs to 'option httpchk'"),
        Keyword.rows(
            .accepted,
            "clitcpka-* srvtcpka-*",
            "the kernel's values hold for keep-alive"
        ),
        Keyword.rows(
            .warned,
            "load-server-state-from-file server-state-file-name",
            "the state of servers is handed over in the process"
        ),
        Keyword.rows(
            .warned,
            "hash-balance-factor",
            "a server takes the clients that are mapped to it, up to its maxconn"
        ),
        Keyword.rows(
            .warned,
            "log-format error-log-format log-format-sd log-steps",
            "'option tcplog' is written"
        ),
        Keyword.rows(.warned, "log-tag", "the tag of 'global' is used"),
        Keyword.rows(.warned, "email-alert", "no mail is sent"),
        Keyword.rows(.warned, "grace", "the supervisor decides when the proxy stops"),
        Keyword.rows(.warned, "declare", "captures are for 'mode http'"),
        Keyword.rows(
            .http,
            """
            stats cookie appsession capture compression errorfile errorfiles errorloc errorloc302
            errorloc303 http-after-response http-error http-request http-response
            http-reuse http-send-name-header max-keep-alive-queue max-session-srv-conns monitor-uri
            redirect retry-on unique-id-format unique-id-header use-fcgi-app ignore-persist
            force-persist block reqadd reqallow reqdel reqdeny reqiallow reqidel reqideny reqipass
            reqirep reqitarpit reqpass reqrep reqtarpit rspadd rspdel rspdeny rspidel rspideny
            rspirep rsprep quic-initial
            """,
            "it is for 'mode http'"
        ),
        Keyword.rows(.refused, "use-server", "remove it, or use backends of their own"),
        Keyword.rows(.refused, "tcp-response", "remove it; what a server sends is handed on"),
        Keyword.rows(.refused, "persist", "write 'stick on src'"),
        Keyword.rows(.refused, "monitor monitor-net", "let the monitor connect as a client"),
        Keyword.rows(.refused, "rate-limit", "limit connections with 'maxconn'"),
        Keyword.rows(.refused, "dispatch", "write a 'server' line"),
        Keyword.rows(.refused, "transparent", "write a 'server' line"),
        Keyword.rows(.refused, "external-check", "a check connects to the server"),
        Keyword.rows(.refused, "filter", "remove it"),
        options,
        timeouts,
    )

    static let options =
        Keyword.rows(
            .done,
            "tcplog",
            "a line with all the timers for each session",
            prefix: "option "
        )
        + Keyword.rows(
            .done,
            "dontlognull",
            "no line for connections without a byte",
            prefix: "option "
        )
        + Keyword.rows(
            .done,
            "logasap",
            "the line is written when the server is reached",
            prefix: "option "
        )
        + Keyword.rows(
            .done,
            "log-health-checks",
            "a line for every change of a check",
            prefix: "option "
        )
        + Keyword.rows(.done, "redispatch", "retries may go to another server", prefix: "option ")
        + Keyword.rows(.done, "allbackups", "all backup servers share the load", prefix: "option ")
        + Keyword.rows(
            .done,
            "abortonclose",
            "a client that leaves the queue is forgotten",
            prefix: "option "
        )
        + Keyword.rows(.done, "nolinger", "connections end by RST", prefix: "option ")
        + Keyword.rows(
            .done,
            "tcpka clitcpka srvtcpka",
            "TCP keep-alive probes",
            prefix: "option "
        )
        + Keyword.rows(.done, "tcp-check", "a check connects, as it does anyway", prefix: "option ")
        + Keyword.rows(
            .accepted,
            """
            splice-auto splice-request splice-response contstats socket-stats tcp-smart-accept
            tcp-smart-connect prefer-last-server persist independent-streams
            """,
            "tunes HAProxy's own insides",
            prefix: "option "
        )
        + Keyword.rows(
            .warned,
            "dontlog-normal log-separate-errors",
            "every session has its line, at level info",
            prefix: "option "
        )
        + Keyword.rows(
            .http,
            """
            httplog httpslog httpclose forceclose http-server-close http-keep-alive http-tunnel
            http_proxy forwardfor forwarded originalto checkcache http-pretend-keepalive
            http-no-delay http-buffer-request http-ignore-probes http-use-proxy-header http-use-htx
            http-restrict-req-hdr-names http-drop-request-trailers http-drop-response-trailers
            accept-invalid-http-request accept-invalid-http-response
            accept-unsafe-violations-in-http-request accept-unsafe-violations-in-http-response
            disable-h2-upgrade h1-case-adjust-bogus-client h1-case-adjust-bogus-server
            idle-close-on-response use-small-buffers
            """,
            "it is for 'mode http'",
            prefix: "option "
        )
        + Keyword.rows(
            .refused,
            """
            httpchk ssl-hello-chk mysql-check pgsql-check redis-check ldap-check smtpchk spop-check
            external-check
            """,
            "remove it: a check connects to the server's port",
            prefix: "option "
        )
        + Keyword.rows(.refused, "transparent", "write a 'server' line", prefix: "option ")

    static let timeouts =
        Keyword.rows(.done, "connect", "for one attempt to reach a server", prefix: "timeout ")
        + Keyword.rows(
            .done,
            "client server",
            "of silence on that side",
            prefix: "timeout "
        )
        + Keyword.rows(
            .done,
            "queue",
            "in the queue of a server; default: 'timeout connect'",
            prefix: "timeout "
        )
        + Keyword.rows(.done, "check", "for a check beyond its connect", prefix: "timeout ")
        + Keyword.rows(
            .done,
            "tunnel",
            "of silence, in place of client and server",
            prefix: "timeout "
        )
        + Keyword.rows(
            .done,
            "client-fin server-fin",
            "of silence after a half-close",
            prefix: "timeout "
        )
        + Keyword.rows(
            .replaced,
            "contimeout clitimeout srvtimeout",
            "'timeout connect', 'timeout client', "
                + "'timeout server'",
            prefix: "timeout "
        )
        + Keyword.rows(
            .http,
            "http-request http-keep-alive tarpit client-hs",
            "it is for 'mode http'",
            prefix: "timeout "
        )
}
