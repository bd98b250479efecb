extension Keywords {
    static let instance = KeywordTable(
        [
            .done("state", .one, "MASTER or BACKUP; decides nothing but defaults"),
            .done("interface", .one, "where adverts are sent and heard"),
            .done("virtual_router_id", .one, "1 to 255"),
            .done("priority", .one, "1 to 254, 255 for the owner; default 100 (255 if MASTER)"),
            .done(
                "advert_int",
                .one,
                "seconds, default 1; version 2: 1 to 255, whole; version 3: 0.01 to 40.95"
            ),
            .done("version", .one, "2 (RFC 3768) or 3 (RFC 9568); IPv6 is always 3"),
            .done("native_ipv6", .none, "the family of a router without addresses"),
            .done("virtual_ipaddress", .block, "the addresses that move, one a line"),
            .done("virtual_ipaddress_excluded", .block, "move too, but are not advertised"),
            .done("authentication", .block, "auth_type PASS and auth_pass; version 2 only"),
            .done("nopreempt", .none, "leaves a MASTER of lower priority alone"),
            .done("preempt", .none, "the default"),
            .done("preempt_delay", .one, "seconds, 0 to 1000"),
            .done("track_script", .block, "checks that count, with weights of their own"),
            .done("track_interface", .block, "links that count, with weights of their own"),
            .done("track_process", .block, "processes that count, with weights of their own"),
            .done("track_file", .block, "files that count, with weights of their own"),
            .done("track_gateway", .one, "Tandem's own: auto, off or an address; see tandem"),
            .done("dont_track_primary", .none, "the router's own interface is no fault"),
            .done("down_timer_adverts", .one, "1 to 100, default 3: adverts missing until MASTER"),
            .done(
                "lower_prio_no_advert",
                .optional,
                "a lower priority gets no advert for an answer"
            ),
            .done("higher_prio_send_advert", .optional, "one more advert before it yields"),
        ],
        [
            .done("unicast_peer", .block, "adverts go to these addresses instead of the group"),
            .done("unicast_src_ip", .one, "what adverts come from; needs unicast_peer"),
            .done("unicast_ttl", .one, "0 to 255, default 255; needs unicast_peer"),
            .done(
                "check_unicast_src",
                .optional,
                "who is no peer is not heard: the default here; 'off' hears everybody"
            ),
            .done("unicast_fault_no_peer", .none, "so it is: without peers the file is refused"),
            .done("mcast_src_ip", .one, "what adverts come from"),
            .done("mcast_dst_ip", .one, "the group; default 224.0.0.18 or ff02::12"),
            .done("track_src_ip", .none, "a configured source that is missing is a FAULT"),
            .done("v3_checksum_as_v2", .optional, "IPv4 without the pseudo header; both are heard"),
            .done("use_vmac", .any, "[NAME]: an interface with the virtual router's MAC"),
            .done("vmac_xmit_base", .none, "adverts leave from the interface below it"),
            .done("promote_secondaries", .none, "sets the interface's sysctl"),
        ],
        [
            .done("garp_master_delay", .one, "seconds until the second burst; 0: none; default 5"),
            .done("garp_master_repeat", .one, "gratuitous ARPs in a burst; default 5"),
            .done(
                "garp_master_refresh",
                .one,
                "seconds between bursts while MASTER; 0: none; default 60 here"
            ),
            .done("garp_master_refresh_repeat", .one, "gratuitous ARPs of a refresh; default 1"),
            .done("garp_lower_prio_delay", .one, "second burst that answers a rival"),
            .done("garp_lower_prio_repeat", .one, "gratuitous ARPs that answer a rival"),
        ],
        notify,
        Keyword.accepted("accept debug no_debug", "so it is anyway"),
        Keyword.accepted(
            "skip_check_adv_addr",
            "a peer's list of addresses never makes its adverts invalid"
        ),
        Keyword.accepted("timer_expired_backup", "a stalled MASTER always steps down"),
        Keyword.accepted(
            "allow_no_vips no_virtual_ipaddress",
            "a router without addresses is a warning only"
        ),
        Keyword.accepted(
            "lvs_sync_daemon_interface lvs_sync_daemon_inteface linkbeat_use_polling "
                + "kernel_rx_buf_size",
            "belongs to parts of keepalived that Tandem does not have"
        ),
        Keyword.accepted(
            "garp_extra_if vmac_garp_intvl",
            "garp_master_refresh announces every address, whichever its interface"
        ),
        unannounced,
        Keyword.warned("owner_ignore_adverts", "two owners (255) are settled by their addresses"),
        Keyword.warned("old_unicast_checksum", "both checksums of version 3 are accepted"),
        Keyword.refused(
            "virtual_routes virtual_rules",
            "set them up with the network configuration, or in notify_master and notify_backup"
        ),
        Keyword.refused(
            "use_vmac_addr use_ipvlan",
            "remove it: addresses on other interfaces answer with those interfaces' own MAC, "
                + "and gratuitous ARP tells the neighbours"
        ),
        Keyword.refused("vrf", "name the router's 'interface', which may be in a VRF"),
        Keyword.refused("track_bfd", "remove it: adverts and checks find the failure"),
        Keyword.refused(
            "no_accept",
            "remove it: the proxy must accept what is sent to the address"
        ),
        Keyword.refused(
            "auth_hmac",
            "use VRRPv3 by unicast, whose sources are checked, or version 2 with 'auth_type PASS'"
        ),
        [
            .done(
                "strict_mode",
                .optional,
                "only 'off': keepalived drops traffic to the address with it"
            )
        ],
    )

    /// Behind an address of virtual_ipaddress, in any order.
    static let address = KeywordTable(
        [
            .done("dev", .one, "the interface; default: the router's"),
            .done("label", .one, "the kernel's label, at most 15 bytes"),
            .done("scope", .one, "global, site, link, host, nowhere, or 0 to 255"),
            .done("brd", .one, "broadcast address, '+' or '-'"),
            .done("broadcast", .one, "the same"),
            .done("peer", .one, "the other end of a point-to-point address"),
            .done("home", .none, "IPv6: a home address (RFC 6275)"),
            .done("mngtmpaddr", .none, "IPv6: the kernel makes temporary addresses from it"),
            .done("autojoin", .none, "the kernel joins a multicast group"),
            .done("noprefixroute", .none, "without a route to its network"),
            .done("preferred_lft", .one, "seconds or 'forever'; default for an IPv6 /128: 0"),
            .done("no_track", .none, "is not put back when someone deletes it"),
            .done("no-track", .none, "the same"),
        ],
        Keyword.accepted("nodad", "so it is anyway"),
        Keyword.warned(
            "-nodad",
            "addresses are added without DAD: the other node may still have them"
        ),
        Keyword.warned("track_group", "it is for static addresses"),
        Keyword.refused("use_vmac", "write it in the vrrp_instance, for all its addresses"),
    )

    /// Behind an address of unicast_peer.
    static let peer = KeywordTable([
        .done("min_ttl", .one, "0 to 255: the least time to live of what it sends"),
        .done("max_ttl", .one, "0 to 255: the most"),
    ])
}
