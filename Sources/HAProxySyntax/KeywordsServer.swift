extension Keywords {
    static let server = KeywordTable(
        Keyword.rows(.done, "check no-check", "whether the server is checked"),
        Keyword.rows(
            .done,
            "inter fastinter downinter",
            "between checks; default 2s",
            parameters: 1
        ),
        Keyword.rows(
            .done,
            "rise fall",
            "checks until it is up or down; default 2 and 3",
            parameters: 1
        ),
        Keyword.rows(.done, "port addr", "where checks go", parameters: 1),
        Keyword.rows(.done, "id", "decides its places in 'hash-type consistent'", parameters: 1),
        Keyword.rows(.done, "weight", "0 to 256; default 1", parameters: 1),
        Keyword.rows(.done, "backup no-backup", "only when no other server is up"),
        Keyword.rows(.done, "disabled enabled", "starts in maintenance, or not"),
        Keyword.rows(
            .done,
            "maxconn minconn",
            "connections at a time; the rest is queued",
            parameters: 1
        ),
        Keyword.rows(.done, "maxqueue", "connections in its queue", parameters: 1),
        Keyword.rows(.done, "slowstart", "time to full weight after it came up", parameters: 1),
        Keyword.rows(.done, "on-marked-down", "shutdown-sessions", parameters: 1),
        Keyword.rows(.done, "on-marked-up", "shutdown-backup-sessions", parameters: 1),
        Keyword.rows(
            .done,
            "send-proxy send-proxy-v2 no-send-proxy no-send-proxy-v2",
            "a PROXY header tells the server its client"
        ),
        Keyword.rows(
            .done,
            "check-send-proxy",
            "checks send the header, too, where 'port' or 'addr' leads them elsewhere"
        ),
        Keyword.rows(.done, "source", "the address that the server sees", parameters: 1),
        Keyword.rows(
            .accepted,
            "guid shard hash-key ws log-bufsize",
            "a label",
            parameters: 1
        ),
        Keyword.rows(
            .done,
            "init-addr",
            "an address in it holds until the name resolves; without one the server is down, and its "
                + "name looked up again",
            parameters: 1
        ),
        Keyword.rows(
            .done,
            "resolvers",
            "the name of a server that is up is looked up again, too, by the system's resolver",
            parameters: 1
        ),
        Keyword.rows(.done, "resolve-prefer", "ipv4 or ipv6", parameters: 1),
        Keyword.rows(.done, "track", "the state of another server is its own", parameters: 1),
        Keyword.rows(
            .done,
            "init-state",
            "fully-up, up, down or fully-down before its first check; default up",
            parameters: 1
        ),
        Keyword.rows(
            .warned,
            "resolve-opts resolve-net",
            "the system's order of addresses holds",
            parameters: 1
        ),
        Keyword.rows(.warned, "tfo", "TCP fast open is not used"),
        Keyword.rows(.warned, "tcp-ut", "the kernel's value is used", parameters: 1),
        Keyword.rows(
            .done,
            "observe",
            "layer4: failures of real connections count as failed checks",
            parameters: 1
        ),
        Keyword.rows(
            .done,
            "error-limit on-error",
            "how many in a row, default 10; fail-check, fastinter, sudden-death or mark-down",
            parameters: 1
        ),
        Keyword.rows(
            .accepted,
            """
            verify verifyhost ca-file crl-file crt ciphers ciphersuites curves sigalgs client-sigalgs
            sni alpn npn ssl-min-ver ssl-max-ver renegotiate
            """,
            "belongs to 'ssl'",
            parameters: 1
        ),
        Keyword.rows(
            .accepted,
            """
            no-ssl no-check-ssl no-verifyhost no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13
            no-ssl-reuse no-tls-tickets force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12
            force-tlsv13 ssl-reuse tls-tickets allow-0rtt no-renegotiate sni-auto no-sni-auto
            """,
            "belongs to 'ssl'"
        ),
        Keyword.rows(
            .accepted,
            "agent-inter agent-addr agent-port agent-send",
            "belongs to 'agent-check'",
            parameters: 1
        ),
        Keyword.rows(
            .accepted,
            "no-agent-check no-tfo non-stick stick strict-maxconn",
            "so it is anyway"
        ),
        Keyword.rows(
            .http,
            "cookie proto max-reuse pool-low-conn pool-max-conn pool-purge-delay pool-conn-name "
                + "check-reuse-pool",
            "it is for 'mode http'",
            parameters: 1
        ),
        Keyword.rows(
            .refused,
            "ssl",
            "let the client speak TLS with the server through 'mode tcp'"
        ),
        Keyword.rows(
            .refused,
            "check-ssl check-via-socks4",
            "remove it: a check connects to the server's port"
        ),
        Keyword.rows(
            .refused,
            "check-sni check-alpn check-proto",
            "remove it: a check connects to the server's port",
            parameters: 1
        ),
        Keyword.rows(.refused, "agent-check", "remove it, and use 'check'"),
        Keyword.rows(.refused, "namespace", "start the proxy inside of it", parameters: 1),
        Keyword.rows(.refused, "redir", "remove it", parameters: 1),
        Keyword.rows(.refused, "socks4", "write the server's own address", parameters: 1),
        Keyword.rows(.refused, "usesrc", "write 'source ADDRESS' alone", parameters: 1),
        Keyword.rows(
            .refused,
            "send-proxy-v2-ssl send-proxy-v2-ssl-cn",
            "write 'send-proxy-v2'"
        ),
        Keyword.rows(
            .refused,
            "proxy-v2-options set-proxy-v2-tlv-fmt log-proto cc",
            "remove it",
            parameters: 1
        ),
    )
}
