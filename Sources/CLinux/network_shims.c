#define _GNU_SOURCE
#include "network_shims.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>

// MARK: rtnetlink

int tandem_netlink_open(int protocol, uint32_t groups, uint32_t *port) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    struct sockaddr_nl local = {.nl_family = AF_NETLINK, .nl_groups = groups};
    socklen_t size = sizeof local;
    int on = 1;
    // Errors come with the kernel's own words, and without a copy of the request.
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&local, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&local, &size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    *port = local.nl_pid;
    return fd;
}

int tandem_netlink_send(int fd, const void *data, size_t size) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof kernel);
    return sent < 0 ? -errno : 0;
}

int64_t tandem_netlink_receive(int fd, void *data, size_t size, uint32_t *sender, bool *truncated) {
    struct sockaddr_nl from = {0};
    struct iovec vector = {data, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
    ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT);
    if (received < 0) return -errno;
    *sender = from.nl_pid;
    *truncated = (message.msg_flags & MSG_TRUNC) != 0;
    return received;
}

// MARK: Raw sockets

int tandem_raw_open(int family, int protocol, const char *interface) {
    int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    if (interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int tandem_multicast_member(int fd, int family, const uint8_t *group, int interface, bool join) {
    int result;
    if (family == AF_INET) {
        struct ip_mreqn request = {.imr_ifindex = interface};
        memcpy(&request.imr_multiaddr, group, 4);
        result = setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request);
    } else {
        struct ipv6_mreq request = {.ipv6mr_interface = (unsigned)interface};
        memcpy(&request.ipv6mr_multiaddr, group, 16);
        result = setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request);
    }
    return result < 0 ? -errno : 0;
}

static void add_control(struct msghdr *message, int level, int type, const void *value, size_t size) {
    struct cmsghdr *header = (struct cmsghdr *)((char *)message->msg_control + message->msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), value, size);
    message->msg_controllen += CMSG_SPACE(size);
}

int tandem_raw_send(int fd, const void *data, size_t size, const struct tandem_path *path) {
    _Alignas(struct cmsghdr) char control[128] = {0};
    struct iovec vector = {(void *)data, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control};
    struct sockaddr_in remote4 = {.sin_family = AF_INET};
    struct sockaddr_in6 remote6 = {.sin6_family = AF_INET6};
    if (path->family == AF_INET) {
        struct in_pktinfo information = {.ipi_ifindex = path->interface};
        memcpy(&information.ipi_spec_dst, path->source, 4);
        memcpy(&remote4.sin_addr, path->destination, 4);
        message.msg_name = &remote4;
        message.msg_namelen = sizeof remote4;
        add_control(&message, IPPROTO_IP, IP_PKTINFO, &information, sizeof information);
        if (path->hop_limit > 0) add_control(&message, IPPROTO_IP, IP_TTL, &path->hop_limit, sizeof path->hop_limit);
    } else {
        struct in6_pktinfo information = {.ipi6_ifindex = (unsigned)path->interface};
        memcpy(&information.ipi6_addr, path->source, 16);
        memcpy(&remote6.sin6_addr, path->destination, 16);
        // A link-local destination has no meaning without its link.
        remote6.sin6_scope_id = (uint32_t)path->interface;
        message.msg_name = &remote6;
        message.msg_namelen = sizeof remote6;
        add_control(&message, IPPROTO_IPV6, IPV6_PKTINFO, &information, sizeof information);
        if (path->hop_limit > 0)
            add_control(&message, IPPROTO_IPV6, IPV6_HOPLIMIT, &path->hop_limit, sizeof path->hop_limit);
    }
    return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

int64_t tandem_raw_receive(int fd, void *data, size_t size, struct tandem_path *path) {
    _Alignas(struct cmsghdr) char control[128];
    struct sockaddr_storage from = {0};
    struct iovec vector = {data, size};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector,
                             .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT);
    if (received < 0) return -errno;
    *path = (struct tandem_path){.family = from.ss_family, .hop_limit = -1};
    if (from.ss_family == AF_INET) memcpy(path->source, &((struct sockaddr_in *)&from)->sin_addr, 4);
    if (from.ss_family == AF_INET6) memcpy(path->source, &((struct sockaddr_in6 *)&from)->sin6_addr, 16);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo information;
            memcpy(&information, CMSG_DATA(header), sizeof information);
            path->interface = information.ipi_ifindex;
            memcpy(path->destination, &information.ipi_addr, 4);
        } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TTL) {
            memcpy(&path->hop_limit, CMSG_DATA(header), sizeof path->hop_limit);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo information;
            memcpy(&information, CMSG_DATA(header), sizeof information);
            path->interface = (int)information.ipi6_ifindex;
            memcpy(path->destination, &information.ipi6_addr, 16);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT) {
            memcpy(&path->hop_limit, CMSG_DATA(header), sizeof path->hop_limit);
        }
    }
    return received;
}

int tandem_take_network_error(int fd) {
    _Alignas(struct cmsghdr) char control[256];
    char ignored[1];
    struct iovec vector = {ignored, sizeof ignored};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if ((header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
            (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(header), sizeof error);
            return error.ee_errno ? (int)error.ee_errno : EIO;
        }
    }
    return EIO;
}

// MARK: Packet sockets

int tandem_packet_open(void) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int tandem_packet_send(int fd, int interface, const void *frame, size_t size) {
    struct sockaddr_ll remote = {.sll_family = AF_PACKET, .sll_ifindex = interface, .sll_halen = 6};
    if (size < 14) return -EINVAL;
    memcpy(remote.sll_addr, frame, 6);
    memcpy(&remote.sll_protocol, (const char *)frame + 12, 2);
    ssize_t sent = sendto(fd, frame, size, MSG_DONTWAIT, (struct sockaddr *)&remote, sizeof remote);
    return sent < 0 ? -errno : 0;
}

int tandem_packet_listen(int fd, uint16_t protocol) {
    struct sockaddr_ll local = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
    return bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ? -errno : 0;
}

int64_t tandem_packet_receive(int fd, void *frame, size_t size, int *interface) {
    struct sockaddr_ll from = {0};
    socklen_t length = sizeof from;
    ssize_t received = recvfrom(fd, frame, size, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (received < 0) return -errno;
    *interface = from.sll_ifindex;
    return received;
}

int tandem_attach_filter(int fd, const struct sock_filter *program, size_t count) {
    struct sock_fprog request = {(unsigned short)count, (struct sock_filter *)program};
    if (count > BPF_MAXINSNS) return -E2BIG;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &request, sizeof request) < 0 ? -errno : 0;
}

int tandem_icmp6_open(int type) {
    int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    if (fd < 0) return -errno;
    struct icmp6_filter filter;
    int on = 1;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(type, &filter);
    if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) < 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
