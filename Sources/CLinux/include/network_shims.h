// What the agent needs of rtnetlink, raw and packet sockets. Every function returns -errno instead of
// setting errno.
#pragma once

#include "clinux.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>

// MARK: rtnetlink

/// A non-blocking netlink socket of a protocol (NETLINK_…) that hears `groups`; `*port` is its own port.
int tandem_netlink_open(int protocol, uint32_t groups, uint32_t *port);
/// Sends to the kernel. 0 or -errno.
int tandem_netlink_send(int fd, const void *data, size_t size);
/// The datagram's size or -errno; `*sender` is 0 for the kernel, `*truncated` tells that it did not fit.
int64_t tandem_netlink_receive(int fd, void *data, size_t size, uint32_t *sender, bool *truncated);

// MARK: Raw sockets

/// A non-blocking SOCK_RAW socket of an IP protocol, tied to one interface (NULL: to none).
int tandem_raw_open(int family, int protocol, const char *interface);
/// Joins or leaves a group of the socket's family, on one interface.
int tandem_multicast_member(int fd, int family, const uint8_t *group, int interface, bool join);

/// Where a datagram goes or came from: addresses of 4 or 16 bytes in network order.
struct tandem_path {
    int family;
    /// 0: routing decides, or none was told.
    int interface;
    /// TTL or hop limit; -1: none was told.
    int hop_limit;
    /// Of a datagram to send: all zero is the kernel's choice.
    uint8_t source[16];
    uint8_t destination[16];
};

/// One datagram from a raw socket, never blocking; 0 or -errno.
int tandem_raw_send(int fd, const void *data, size_t size, const struct tandem_path *path);
/// The datagram's size, cut to `size`, or -errno. For IPv4 its header is part of it.
int64_t tandem_raw_receive(int fd, void *data, size_t size, struct tandem_path *path);
/// Throws away one error that the network reported (IP_RECVERR): its errno, or 0 when there is none.
int tandem_take_network_error(int fd);
// MARK: Packet sockets

/// A non-blocking AF_PACKET socket that hears nothing.
int tandem_packet_open(void);
/// A whole Ethernet frame out of one interface; 0 or -errno.
int tandem_packet_send(int fd, int interface, const void *frame, size_t size);
/// Hears frames of an Ethernet protocol (ETH_P_…) on every interface from now on.
int tandem_packet_listen(int fd, uint16_t protocol);
/// The frame's size, cut to `size`, or -errno; `*interface` is where it came in.
int64_t tandem_packet_receive(int fd, void *frame, size_t size, int *interface);
/// What the socket gets to hear from now on, by a program of at most BPF_MAXINSNS instructions.
int tandem_attach_filter(int fd, const struct sock_filter *program, size_t count);
/// A non-blocking raw ICMPv6 socket that hears messages of one type, with their interface and hop limit.
int tandem_icmp6_open(int type);
