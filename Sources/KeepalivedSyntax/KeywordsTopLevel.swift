extension Keywords {
    static let topLevel = KeywordTable(
        [
            .done("global_defs", .block, "what holds for all routers"),
            .done("vrrp_instance", .block, "a virtual router; its name follows"),
            .done("vrrp_sync_group", .block, "routers that are MASTER together; its name follows"),
            .done("vrrp_script", .block, "a check; its name follows"),
            .done("vrrp_track_process", .block, "a process that has to run; its name follows"),
            .done("track_file", .block, "a file whose number counts; its name follows"),
            .done("vrrp_track_file", .block, "the older name of track_file"),
            .done(
                "interface_up_down_delays",
                .block,
                "lines of INTERFACE DOWN [UP]: seconds, 0 to 255, that a change has to last"
            ),
            .done("garp_group", .block, "the pace of gratuitous ARP on some interfaces"),
            .done("tandem", .block, "Tandem's own settings"),
            .done("include", .one, "reads other files; globs are allowed"),
            .done(
                "includer",
                .one,
                "include, where a path that can't be read is an error in any case"
            ),
            .done("includem", .one, "the same"),
            .done("includew", .one, "include; a pattern without a match is an error too"),
            .done("includeb", .one, "the same"),
            .done("includea", .one, "as includew"),
        ],
        Keyword.refused(
            "virtual_server virtual_server_group",
            "this is LVS, which Tandem is not: balance in haproxy.cfg ('listen', 'mode tcp'), "
                + "or leave the block to keepalived without VRRP"
        ),
        Keyword.refused(
            "bfd_instance",
            "remove it, and use VRRPv3 with a short advert_int: 0.1 finds a dead peer in 0.4 s"
        ),
        Keyword.refused(
            "static_ipaddress static_addresses static_routes static_rules",
            "set it up with the network configuration of the system"
        ),
        Keyword.refused(
            "net_namespace net_namespace_ipvs",
            "start tandem-agent inside of the namespace"
        ),
        Keyword.warned("track_group", "there are no static addresses to track"),
        Keyword.accepted(
            "linkbeat_use_polling linkbeat_interfaces",
            "netlink tells the link's state"
        ),
        Keyword.accepted(
            "instance use_pid_dir namespace_with_ipsets child_wait_time random_seed SSL",
            "belongs to keepalived's own processes"
        ),
    )

    static let tandem = KeywordTable([
        .done("proxy_watchdog", .one, "seconds without a beat before the proxy counts as hung"),
        .done("restart_limit", .one, "restarts of the proxy within restart_window"),
        .done("restart_window", .one, "seconds"),
        .done("restart_grace", .one, "seconds for a restarted proxy to be ready"),
        .done("fatal_retry", .one, "seconds between attempts to start a proxy that is FATAL"),
        .done("lease_grace", .one, "seconds without the supervisor before the last resort"),
        .done("vip_lease", .one, "whole seconds of an address's lifetime; 0: none"),
        .done("on_takeover", .one, "refresh, reload or restart"),
        .done("on_no_servers", .one, "ignore or degrade"),
        .done("failover_hold", .one, "seconds to stay BACKUP after 'tandemctl failover'"),
        .done("track_gateway", .one, "track_gateway of every instance; default off"),
    ])

    static let script = KeywordTable([
        .done("script", .some, "a program and its arguments; no shell"),
        .done("interval", .one, "seconds between runs; default 1"),
        .done("timeout", .one, "seconds a run may take; default: the interval"),
        .done(
            "weight",
            .some,
            "-253 to 253, then perhaps 'reverse'; default 0: a failure is a FAULT"
        ),
        .done("rise", .one, "successes until a failed check is good; default 1"),
        .done("fall", .one, "failures until a good check has failed; default 1"),
        .done("user", .some, "USER [GROUP] that runs it"),
        .done("init_fail", .none, "the check starts as failed"),
    ])

    static let authentication = KeywordTable([
        .done("auth_type", .one, "PASS; 'none' for none"),
        .done("auth_pass", .one, "the first 8 bytes count"),
    ])

    static let trackedProcess = KeywordTable([
        .done("process", .some, "the program, and the arguments that it has to have"),
        .done(
            "param_match",
            .one,
            "initial: the last argument may go on; partial: more may follow"
        ),
        .done("full_command", .none, "the whole path counts, not its last part alone"),
        .done("weight", .some, "-254 to 254, then perhaps 'reverse'; default 0: FAULT"),
        .done("quorum", .one, "the fewest processes that are well; default 1"),
        .done("quorum_max", .one, "the most processes that are well"),
        .done("delay", .one, "fork_delay and terminate_delay"),
        .done("fork_delay", .one, "seconds a gain has to last"),
        .done("terminate_delay", .one, "seconds a loss has to last"),
    ])

    static let trackedFile = KeywordTable([
        .done("file", .one, "its path"),
        .done(
            "weight",
            .some,
            "times the file's number; 0: any number but 0 is a FAULT; default 1"
        ),
        .done("init_file", .any, "[VALUE] [overwrite]: written when the agent starts"),
    ])

    static let announcementGroup = KeywordTable([
        .done("garp_interval", .one, "seconds between gratuitous ARPs"),
        .done("gna_interval", .one, "seconds between unsolicited neighbour advertisements"),
        .done("interface", .one, "where it holds"),
        .done("interfaces", .block, "where it holds, for each of them on its own"),
    ])

    static let syncGroup = KeywordTable(
        [
            .done("group", .block, "the routers' names"),
            .done("track_script", .block, "checks of every member"),
            .done("track_interface", .block, "links of every member"),
            .done("track_process", .block, "processes of every member"),
            .done("track_file", .block, "files of every member"),
            .done(
                "sync_group_tracking_weight",
                .none,
                "the weights of the members' own tracks count"
            ),
            .done("global_tracking", .none, "the older name of sync_group_tracking_weight"),
        ],
        notify.filter { $0.name != "notify_deleted" && $0.name != "notify_master_rx_lower_pri" },
        unannounced,
        Keyword.refused("track_bfd", "remove it: adverts and checks find the failure"),
    )

    /// What routers and groups have in common.
    static let notify: [Keyword] = [
        .done("notify_master", .some, "program for MASTER"),
        .done("notify_backup", .some, "program for BACKUP"),
        .done("notify_fault", .some, "program for FAULT"),
        .done("notify_stop", .some, "program for the end of the agent"),
        .done("notify_deleted", .any, "program for a router that a reload removed"),
        .done("notify_master_rx_lower_pri", .some, "program for a rival that a MASTER hears"),
        .done("notify", .some, "program for every state; INSTANCE NAME STATE PRIORITY follow"),
    ]

    static let unannounced =
        Keyword.warned(
            "smtp_alert no_smtp_alert",
            "no mail is sent; 'tandemctl why' and the log tell what happened"
        )
        + Keyword.warned(
            "notify_priority_changes",
            "vrrp_notify_priority_changes of global_defs decides for all routers"
        )
}
