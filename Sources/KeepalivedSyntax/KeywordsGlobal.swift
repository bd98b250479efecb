extension Keywords {
    static let global = KeywordTable(
        [
            .done(
                "script_user",
                .some,
                "USER [GROUP] that runs checks and notify programs without their own"
            ),
            .done(
                "enable_script_security",
                .none,
                "what runs as root may be written by root alone, with the directories that lead to it"
            ),
            .done("default_interface", .one, "for instances without 'interface'"),
            .done(
                "dynamic_interfaces",
                .any,
                "no word about an interface that is missing: it is a FAULT until it comes"
            ),
            .done("vrrp_version", .one, "2 or 3, for instances without 'version'; default 2"),
            .done("vrrp_mcast_group4", .one, "the group of IPv4; default 224.0.0.18"),
            .done("vrrp_mcast_group6", .one, "the group of IPv6; default ff02::12"),
            .done("vrrp_startup_delay", .one, "seconds from the first start without VRRP"),
            .done("vrrp_down_timer_adverts", .one, "down_timer_adverts of every instance"),
            .done("vrrp_check_unicast_src", .optional, "check_unicast_src of every instance"),
            .done("vrrp_lower_prio_no_advert", .optional, "of every instance"),
            .done("vrrp_higher_prio_send_advert", .optional, "of every instance"),
            .done("vrrp_garp_master_delay", .one, "garp_master_delay of every instance"),
            .done("vrrp_garp_master_repeat", .one, "garp_master_repeat of every instance"),
            .done("vrrp_garp_master_refresh", .one, "garp_master_refresh of every instance"),
            .done("vrrp_garp_master_refresh_repeat", .one, "of every instance"),
            .done("vrrp_garp_lower_prio_delay", .one, "garp_lower_prio_delay of every instance"),
            .done("vrrp_garp_lower_prio_repeat", .one, "garp_lower_prio_repeat of every instance"),
            .done("vrrp_min_garp", .optional, "one gratuitous ARP, and no second burst"),
            .done("vrrp_garp_interval", .one, "seconds between gratuitous ARPs; 0: none"),
            .done("vrrp_gna_interval", .one, "seconds between neighbour advertisements; 0: none"),
            .done("vmac_prefix", .one, "begins the names of use_vmac; default vrrp"),
        ],
        [
            .done("notify_fifo", .some, "FIFO [USER [GROUP]]: a line for every change of state"),
            .done("notify_fifo_script", .some, "a program that reads it; its path follows"),
            .done("vrrp_notify_fifo", .some, "FIFO [USER [GROUP]]: the same"),
            .done("vrrp_notify_fifo_script", .some, "a program that reads it; its path follows"),
            .done("vrrp_notify_priority_changes", .optional, "the FIFOs hear of priorities too"),
            .done("fifo_write_vrrp_states_on_reload", .none, "a reload tells all states again"),
            .done("vrrp_priority", .one, "-20 to 19: the agent's nice value"),
            .done("vrrp_rt_priority", .one, "1 to 99: its SCHED_RR priority"),
            .done("vrrp_no_swap", .none, "locks the agent's memory"),
            .done(
                "vrrp_strict",
                .optional,
                "only 'off': keepalived drops traffic to the address with it"
            ),
        ],
        Keyword.accepted(
            "router_id process_names process_name vrrp_process_name checker_process_name "
                + "lvs_process_name bfd_process_name",
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
        Keyword.warned(
            "vrrp_owner_ignore_adverts",
            "two owners (255) are settled by their addresses"
        ),
        Keyword.refused(
            """
            enable_snmp_vrrp enable_snmp_keepalived enable_snmp_checker enable_snmp_rfc
            enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps enable_dbus
            """,
            "remove it, and let what watches this node ask 'tandemctl status --json'"
        ),
        Keyword.accepted(
            "snmp_socket snmp_vrrp_traps dbus_service_name dbus_no_interface_name",
            "says how, not whether"
        ),
        Keyword.accepted(
            """
            lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop
            lvs_notify_fifo lvs_notify_fifo_script lvs_netlink_cmd_rcv_bufs
            lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs
            lvs_netlink_monitor_rcv_bufs_force checker_priority checker_no_swap
            checker_rt_priority checker_rlimit_rttime checker_rlimit_rtime
            checker_cpu_affinity process_monitor_rcv_bufs process_monitor_rcv_bufs_force
            nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark rs_init_notifies
            bfd_priority bfd_no_swap bfd_rt_priority
            bfd_rlimit_rttime bfd_rlimit_rtime bfd_cpu_affinity snmp_checker
            """,
            "belongs to parts of keepalived that Tandem does not have"
        ),
        Keyword.accepted(
            """
            vrrp_rlimit_rttime vrrp_rlimit_rtime vrrp_cpu_affinity max_auto_priority
            min_auto_priority_delay
            vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force
            vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force
            vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier log_unknown_vrids umask
            """,
            "how keepalived's processes run; the service manager says that here"
        ),
        Keyword.accepted(
            "vrrp_garp_extra_if vrrp_vmac_garp_intvl",
            "garp_master_refresh announces every address, whichever its interface"
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
            json_dump_file data_use_instance
            config_save_dir disable_local_igmp use_pid_dir instance linkbeat_use_polling
            vmac_addr_prefix namespace_with_ipsets
            """,
            "belongs to keepalived's own processes"
        ),
        Keyword.refused(
            "startup_script startup_script_timeout shutdown_script shutdown_script_timeout",
            "use ExecStartPre= and ExecStopPost= of the unit"
        ),
        Keyword.refused(
            "vrrp_delay_after_boot",
            "write 'vrrp_startup_delay', which counts from the first start of the agent"
        ),
        Keyword.refused(
            "net_namespace net_namespace_ipvs",
            "start tandem-agent inside of the namespace"
        ),
    )
}
