extension Keywords {
    /// What stands behind the name of an `acl`, or behind `{`.
    static let criteria = KeywordTable(
        Keyword.rows(.done, "src dst", "addresses and networks"),
        Keyword.rows(.done, "src_port dst_port", "numbers"),
        Keyword.rows(.done, "dst_conn", "connections of the address that was connected to"),
        Keyword.rows(.done, "fe_conn be_conn", "connections of a proxy"),
        Keyword.rows(.done, "queue", "connections in the queue of a backend"),
        Keyword.rows(.done, "nbsrv", "servers of a backend that are up"),
        Keyword.rows(.done, "connslots", "connections that a backend can still take"),
        Keyword.rows(
            .done,
            "src_conn_cnt src_conn_cur src_conn_rate src_sess_cnt src_sess_rate",
            "of the client's address in a stick table"
        ),
        Keyword.rows(
            .done,
            (0...2).flatMap { place in
                TableCounterNames.all.map { "sc\(place)_\($0)" }
            }.joined(separator: " "),
            "of the entry that 'track-sc0' to 'track-sc2' counts at"
        ),
        Keyword.rows(
            .done,
            TableCounterNames.all.map { "sc_\($0)" }.joined(separator: " "),
            "the same, with its number in parentheses"
        ),
        Keyword.rows(.done, "req.len req_len", "how many bytes the client has sent"),
        Keyword.rows(.done, "req.payload payload", "(OFFSET,LENGTH) of them; length 0: all"),
        Keyword.rows(
            .done,
            "req.ssl_hello_type req_ssl_hello_type",
            "1: a TLS client says hello"
        ),
        Keyword.rows(
            .done,
            "req.ssl_sni req_ssl_sni",
            "the name that a TLS client wants to reach"
        ),
        Keyword.rows(.done, "always_true always_false", "fixed"),
        Keyword.rows(.done, "wait_end", "nothing more is waited for"),
        Keyword.rows(
            .http,
            """
            path* url* hdr* base* method* cookie* cook* query* req.hdr* req.fhdr* req.cook*
            req.ver* req.body* req.proto_http req_proto_http req_ver* http_* capture.* unique-id
            """,
            "it is for 'mode http'"
        ),
        Keyword.rows(
            .refused,
            "res.* resp_* payload_lv req.payload_lv rdp_cookie* req.rdp_cookie* req_rdp_cookie*",
            "use 'req.payload(OFFSET,LENGTH)'"
        ),
        Keyword.rows(
            .refused,
            "req.ssl_* req_ssl_* ssl_*",
            "use 'req.ssl_sni' or 'req.ssl_hello_type'"
        ),
        Keyword.rows(
            .refused,
            "fe_sess_rate be_sess_rate fe_req_rate be_conn_free avg_queue srv_* stopping",
            "use 'fe_conn', 'be_conn', 'nbsrv' or 'queue'"
        ),
        Keyword.rows(
            .refused,
            "src_* sc_* sc0_* sc1_* sc2_* table_*",
            "use conn_cnt, conn_cur, conn_rate, sess_cnt or sess_rate"
        ),
    )
}

private enum TableCounterNames {
    static let all = ["conn_cnt", "conn_cur", "conn_rate", "sess_cnt", "sess_rate"]
}
