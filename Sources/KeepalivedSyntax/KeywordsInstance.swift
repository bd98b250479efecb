extension Keywords {
    static let instance = KeywordTable(
        [
            .done("state", .one, "MASTER or BACKUP; decides nothing but defaults"),
            .done("interface", .one, "where adverts are sent and heard"),
            .done("virtual_router_id", .one, "1 to 255"),
            .done("priority", .one, "1 to 254, 255 for the owner; default 100 (255 if MASTER)"),
            .done("advert_int", .one, "whole seconds, 1 to 255; default 1"),
            .done("virtual_ipaddress", .block, "the addresses that move, one a line"),
            .done("authentication", .block, "auth_type PASS and auth_pass"),
            .done("nopreempt", .none, "leaves a MASTER of lower priority alone"),
            .done("preempt", .none, "the default"),
            .done("preempt_delay", .one, "seconds, 0 to 1000"),
            .done("track_script", .block, "checks that count, with weights of their own"),
            .done("track_interface", .block, "links that count, with weights of their own"),
            .done("garp_master_delay", .one, "seconds until the second burst; 0: none"),
            .done("garp_master_repeat", .one, "gratuitous ARPs in a burst; default 5"),
            .done("garp_master_refresh", .one, "seconds between bursts while MASTER; 0: none"),
            .done("version", .one, "2"),
            .done("mcast_dst_ip", .one, "224.0.0.18"),
            .done("down_timer_adverts", .one, "3"),
            .done("notify_master", .some, "program for MASTER"),
            .done("notify_backup", .some, "program for BACKUP"),
            .done("notify_fault", .some, "program for FAULT"),
            .done("notify_stop", .some, "program for the end of the agent"),
            .done("notify", .some, "program for every state; INSTANCE NAME STATE PRIORITY follow"),
        ],
        Keyword.accepted("accept debug no_debug", "so it is anyway"),
        Keyword.accepted(
            "skip_check_adv_addr",
            "a peer's list of addresses never makes its adverts invalid"
        ),
        Keyword.accepted("timer_expired_backup", "a stalled MASTER always steps down"),
        Keyword.accepted(
            "lvs_sync_daemon_interface lvs_sync_daemon_inteface linkbeat_use_polling "
                + "kernel_rx_buf_size",
            "belongs to parts of keepalived that Tandem does not have"
        ),
        Keyword.warned(
            "smtp_alert no_smtp_alert",
            "no mail is sent; 'tandemctl why' and the log tell what happened"
        ),
        Keyword.warned(
            "notify_deleted notify_master_rx_lower_pri notify_priority_changes",
            "no program is run for it; 'tandemctl why' tells every change"
        ),
        Keyword.warned(
            "garp_master_refresh_repeat",
            "a refresh is one burst of garp_master_repeat"
        ),
        Keyword.warned(
            "garp_lower_prio_delay garp_lower_prio_repeat",
            "a lower priority that is heard is answered with an advert and a burst at once"
        ),
        Keyword.warned(
            "lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts",
            "RFC 3768 is followed: a lower priority is answered, a higher one is not"
        ),
        Keyword.warned("garp_extra_if vmac_garp_intvl garp_group", "addresses use no virtual MAC"),
        Keyword.warned(
            "promote_secondaries",
            "an address that the kernel drops is put back at once"
        ),
        Keyword.warned("v3_checksum_as_v2 old_unicast_checksum", "adverts are VRRPv2 by multicast"),
        Keyword.warned(
            "allow_no_vips no_virtual_ipaddress",
            "a router without addresses is a warning only"
        ),
        Keyword.refused(
            "unicast_peer",
            "remove it on both nodes: adverts are multicast to 224.0.0.18, "
                + "so both nodes must be on one link"
        ),
        Keyword.refused(
            "unicast_src_ip unicast_ttl unicast_fault_no_peer check_unicast_src",
            "remove it: adverts are multicast"
        ),
        Keyword.refused(
            "mcast_src_ip track_src_ip",
            "remove it: adverts leave from the first address of the interface"
        ),
        Keyword.refused(
            "virtual_ipaddress_excluded",
            "move the addresses into virtual_ipaddress, on both nodes"
        ),
        Keyword.refused(
            "virtual_routes virtual_rules",
            "set them up with the network configuration, or in notify_master and notify_backup"
        ),
        Keyword.refused("native_ipv6", "use an IPv4 address: adverts are VRRPv2"),
        Keyword.refused(
            "use_vmac use_vmac_addr vmac_xmit_base use_ipvlan",
            "remove it: the address answers with the interface's own MAC, "
                + "and gratuitous ARP tells the neighbours"
        ),
        Keyword.refused(
            "track_process",
            "the proxy is watched without a check; for another process write a vrrp_script"
        ),
        Keyword.refused("track_file", "write a vrrp_script that looks at the file"),
        Keyword.refused("track_bfd", "remove it: adverts and checks find the failure"),
        Keyword.refused(
            "dont_track_primary",
            "remove it: a MASTER without a link can't serve its address"
        ),
        Keyword.refused(
            "no_accept",
            "remove it: the proxy must accept what is sent to the address"
        ),
        Keyword.refused(
            "strict_mode",
            "remove it: keepalived drops traffic to the address with it, and refuses passwords"
        ),
        Keyword.refused("auth_hmac", "use 'authentication', or trust the link"),
        Keyword.refused(
            "notify_fifo notify_fifo_script",
            "write notify, notify_master, notify_backup or notify_fault"
        ),
    )
}
