extension Keywords {
    static let global = KeywordTable(
        [
            .done("script_user", .some, "USER [GROUP] that runs checks without their own"),
            .done("default_interface", .one, "for instances without 'interface'"),
            .done("vrrp_version", .one, "2"),
            .done("vrrp_mcast_group4", .one, "224.0.0.18"),
            .done("vrrp_garp_master_delay", .one, "garp_master_delay of every instance"),
            .done("vrrp_garp_master_repeat", .one, "garp_master_repeat of every instance"),
            .done("vrrp_garp_master_refresh", .one, "garp_master_refresh of every instance"),
            .done("vrrp_down_timer_adverts", .one, "3"),
        ],
        Keyword.accepted(
            "router_id process_names vrrp_process_name checker_process_name bfd_process_name",
            "a label"
        ),
        Keyword.accepted(
            """
            notification_email notification_email_from smtp_server smtp_helo_name
            smtp_connect_timeout email_faults no_email_faults no_checker_emails
            """,
            "sets up mail, which is only sent for smtp_alert"
        ),
        Keyword.warned(
            "smtp_alert smtp_alert_vrrp smtp_alert_checker checker_log_all_failures",
            "no mail is sent; 'tandemctl why' and the log tell what happened"
        ),
        Keyword.accepted(
            "enable_script_security",
            "checks always run as their user, never with the agent's privileges"
        ),
        Keyword.accepted(
            "dynamic_interfaces",
            "an interface that is missing is always a FAULT until it comes"
        ),
        Keyword.accepted(
            """
            enable_snmp_vrrp enable_snmp_keepalived enable_snmp_checker enable_snmp_rfc
            enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps snmp_socket snmp_vrrp_traps
            enable_dbus dbus_service_name dbus_no_interface_name
            """,
            "'tandemctl status --json' tells the state"
        ),
        Keyword.accepted(
            """
            lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop
            lvs_notify_fifo lvs_notify_fifo_script lvs_netlink_cmd_rcv_bufs
            lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs
            lvs_netlink_monitor_rcv_bufs_force checker_priority checker_no_swap
            checker_rt_priority checker_rlimit_rttime checker_rlimit_rtime
            checker_cpu_affinity rs_init_notifies bfd_priority bfd_no_swap bfd_rt_priority
            bfd_rlimit_rttime bfd_rlimit_rtime bfd_cpu_affinity snmp_checker
            """,
            "belongs to parts of keepalived that Tandem does not have"
        ),
        Keyword.accepted(
            """
            vrrp_priority vrrp_no_swap vrrp_rt_priority vrrp_rlimit_rttime vrrp_rlimit_rtime
            vrrp_cpu_affinity max_auto_priority min_auto_priority_delay
            vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force
            vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force
            vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier log_unknown_vrids umask
            """,
            "how keepalived's processes run; the service manager says that here"
        ),
        Keyword.accepted(
            """
            vrrp_garp_interval vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if
            """,
            "paces gratuitous ARP; bursts here are short"
        ),
        Keyword.accepted(
            "vrrp_skip_check_adv_addr",
            "a peer's list of addresses never makes its adverts invalid"
        ),
        Keyword.accepted(
            "vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_counters nftables_ifindex "
                + "vrrp_nftables",
            "no firewall rules are needed"
        ),
        Keyword.accepted(
            """
            reload_check_config reload_time_file reload_repeat reload_file include_check
            json_version iproute_usr_dir iproute_etc_dir use_symlink_paths
            tmp_config_directory config_copy_directory state_dump_file stats_dump_file
            json_dump_file data_use_instance vrrp_owner_ignore_adverts
            disable_local_igmp use_pid_dir instance linkbeat_use_polling
            vmac_prefix vmac_addr_prefix namespace_with_ipsets
            """,
            "belongs to keepalived's own processes"
        ),
        Keyword.warned(
            "vrrp_garp_master_refresh_repeat",
            "a refresh is one burst of vrrp_garp_master_repeat"
        ),
        Keyword.warned(
            "vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat",
            "a lower priority that is heard is answered with an advert and a burst at once"
        ),
        Keyword.warned(
            "vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert",
            "RFC 3768 is followed: a lower priority is answered, a higher one is not"
        ),
        Keyword.warned("vrrp_mcast_group6", "addresses are IPv4"),
        Keyword.warned(
            "fifo_write_vrrp_states_on_reload vrrp_notify_priority_changes",
            "'tandemctl why' tells every change"
        ),
        Keyword.refused(
            "vrrp_notify_fifo vrrp_notify_fifo_script notify_fifo notify_fifo_script",
            "write notify, notify_master, notify_backup or notify_fault in the vrrp_instance"
        ),
        Keyword.refused(
            "startup_script startup_script_timeout shutdown_script shutdown_script_timeout",
            "use ExecStartPre= and ExecStopPost= of the unit"
        ),
        Keyword.refused(
            "vrrp_strict",
            "remove it: keepalived drops traffic to the address with it, and refuses passwords"
        ),
        Keyword.refused("vrrp_check_unicast_src", "remove it: adverts are multicast"),
        Keyword.refused(
            "vrrp_startup_delay vrrp_delay_after_boot",
            "remove it: a node listens for the master-down interval before it takes an address"
        ),
        Keyword.refused(
            "net_namespace net_namespace_ipvs",
            "start tandem-agent inside of the namespace"
        ),
    )
}
