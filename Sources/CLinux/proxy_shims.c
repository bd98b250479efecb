#define _GNU_SOURCE
#include "proxy_shims.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

socklen_t tandem_to_system(const struct tandem_address *address, struct sockaddr_storage *system) {
    if (address->family == 4) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)system;
        memset(ipv4, 0, sizeof *ipv4);
        system->ss_family = AF_INET;
        ipv4->sin_port = htons(address->port);
        memcpy(&ipv4->sin_addr, address->bytes, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)system;
    memset(ipv6, 0, sizeof *ipv6);
    system->ss_family = AF_INET6;
    ipv6->sin6_port = htons(address->port);
    ipv6->sin6_scope_id = address->scope;
    memcpy(&ipv6->sin6_addr, address->bytes, 16);
    return sizeof *ipv6;
}

void tandem_from_system(const struct sockaddr_storage *system, struct tandem_address *address) {
    memset(address, 0, sizeof *address);
    if (system->ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)system;
        address->family = 4;
        address->port = ntohs(ipv4->sin_port);
        memcpy(address->bytes, &ipv4->sin_addr, 4);
    } else if (system->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)system;
        address->port = ntohs(ipv6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
            address->family = 4;
            memcpy(address->bytes, ipv6->sin6_addr.s6_addr + 12, 4);
        } else {
            address->family = 6;
            address->scope = ipv6->sin6_scope_id;
            memcpy(address->bytes, &ipv6->sin6_addr, 16);
        }
    } else if (system->ss_family == AF_UNIX) {
        address->family = 1;
    }
}

static int failed(int fd) {
    int error = errno;
    close(fd);
    return -error;
}

// MARK: Listening

// A bound socket with its options, or -errno.
static int stream_bound(const struct tandem_address *address, const char *interface, int options) {
    struct sockaddr_storage system;
    socklen_t size = tandem_to_system(address, &system);
    int one = 1, zero = 0;
    int fd = socket(system.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return failed(fd);
    if (options & TANDEM_LISTEN_SHARED)
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) return failed(fd);
    // Accepted sockets inherit it: one system call less for each.
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return failed(fd);
    if (address->family == 6) {
        int *only = options & TANDEM_LISTEN_ONLY_IPV6 ? &one : &zero;
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, only, sizeof one) < 0) return failed(fd);
    }
    // The address may be one that another node holds now.
    bool v6 = address->family == 6;
    if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &one, sizeof one) < 0)
        return failed(fd);
    if (options & TANDEM_LISTEN_TRANSPARENT)
        if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &one, sizeof one) < 0)
            return failed(fd);
    if (options & TANDEM_KEEP_ALIVE)
        if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) < 0) return failed(fd);
    if (options & TANDEM_LISTEN_DEFER_ACCEPT)
        if (setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one) < 0) return failed(fd);
    if (interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1) < 0)
        return failed(fd);
    if (bind(fd, (struct sockaddr *)&system, size) < 0) return failed(fd);
    return fd;
}

int tandem_stream_bindable(const struct tandem_address *address, const char *interface, int options) {
    int fd = stream_bound(address, interface, options & ~TANDEM_LISTEN_SHARED);
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

int tandem_stream_listen(const struct tandem_address *address, const char *interface, int options, int backlog) {
    int fd = stream_bound(address, interface, options);
    if (fd < 0) return fd;
    if (listen(fd, backlog) < 0) return failed(fd);
    return fd;
}

int tandem_unix_stream_listen(const char *path, int backlog) {
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // Only a socket is replaced: a path written by mistake must not cost a file.
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path);
    int error = tandem_unix_bind(fd, path);
    if (error < 0) {
        close(fd);
        return error;
    }
    if (listen(fd, backlog) < 0) return failed(fd);
    return fd;
}

bool tandem_is_listening(int fd) {
    return tandem_getsockopt_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1
        && tandem_getsockopt_int(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
}

int tandem_own_address(int fd, struct tandem_address *address) {
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    if (getsockname(fd, (struct sockaddr *)&system, &size) < 0) return -errno;
    tandem_from_system(&system, address);
    return 0;
}

bool tandem_address_is_local(const struct tandem_address *address) {
    // Binding does not tell: where net.ipv4.ip_nonlocal_bind is 1, every address can be bound.
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0) return true;
    bool found = false;
    for (const struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        if (!one->ifa_addr || (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6)) continue;
        bool is_v6 = one->ifa_addr->sa_family == AF_INET6;
        struct sockaddr_storage system = {0};
        memcpy(&system, one->ifa_addr, is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        struct tandem_address own;
        tandem_from_system(&system, &own);
        found = own.family == address->family && memcmp(own.bytes, address->bytes, sizeof own.bytes) == 0;
    }
    freeifaddrs(all);
    return found;
}

int tandem_own_path(int fd, char *path) {
    struct sockaddr_un address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
    if (address.sun_family != AF_UNIX || size <= offsetof(struct sockaddr_un, sun_path)) return 0;
    size_t length = strnlen(address.sun_path, size - offsetof(struct sockaddr_un, sun_path));
    memcpy(path, address.sun_path, length);
    path[length] = 0;
    return (int)length;
}

int tandem_bound_interface(int fd, char *name) {
    socklen_t size = IFNAMSIZ;
    name[0] = 0;
    return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) < 0 ? -errno : (int)size;
}

int tandem_adjust_listener(int fd, int options, int backlog, bool tcp) {
    if (tcp) {
        int keep_alive = (options & TANDEM_KEEP_ALIVE) != 0, defers = (options & TANDEM_LISTEN_DEFER_ACCEPT) != 0;
        if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep_alive, sizeof keep_alive) < 0) return -errno;
        if (setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defers, sizeof defers) < 0) return -errno;
    }
    return listen(fd, backlog) < 0 ? -errno : 0;
}

// MARK: Connections

int tandem_stream_accept(int fd, struct tandem_address *peer) {
    struct sockaddr_storage system;
    socklen_t size = sizeof system;
    // An unnamed Unix client's address has its family alone.
    system.ss_family = AF_UNSPEC;
    int accepted =
        (int)tandem_direct_call(SYS_accept4, fd, (long)&system, (long)&size, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
    if (accepted < 0) return accepted;
    tandem_from_system(&system, peer);
    return accepted;
}

int tandem_stream_connect(const struct tandem_address *to, const struct tandem_address *from, int options,
                          bool *done) {
    struct sockaddr_storage system;
    socklen_t size = tandem_to_system(to, &system);
    int one = 1;
    *done = false;
    int fd = socket(system.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return failed(fd);
    if (options & TANDEM_KEEP_ALIVE) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (from && from->family == to->family) {
        struct sockaddr_storage local;
        socklen_t local_size = tandem_to_system(from, &local);
        // The port is chosen at connect, so that one address carries more than 28,000 connections.
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&local, local_size) < 0) return failed(fd);
    }
    int result = (int)tandem_direct_call(SYS_connect, fd, (long)&system, size, 0, 0, 0);
    if (result == 0) *done = true;
    if (result == 0 || result == -EINPROGRESS) return fd;
    tandem_close(fd);
    return result;
}

int64_t tandem_splice(int from, int to, size_t size) {
    ssize_t count = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return count < 0 ? -errno : count;
}

int tandem_splice_pipe(int *reading, int *writing) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return -errno;
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

int tandem_set_pipe_size(int fd, int size) {
    int now = fcntl(fd, F_SETPIPE_SZ, size);
    if (now < 0) now = fcntl(fd, F_GETPIPE_SZ);
    return now < 0 ? 0 : now;
}

int tandem_set_receive_mark(int fd, int bytes) {
    return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

int tandem_unread(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

int tandem_unsent(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) < 0 ? -errno : count;
}

int tandem_reset_on_close(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) < 0 ? -errno : 0;
}

// MARK: Names and logs

int tandem_resolve(const char *name, struct tandem_address *addresses, int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(name, NULL, &hints, &list);
    if (error) return error == EAI_NONAME || error == EAI_NODATA ? -1 : -2;
    int count = 0;
    for (struct addrinfo *entry = list; entry && count < capacity; entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
        struct sockaddr_storage system = {0};
        memcpy(&system, entry->ai_addr, entry->ai_addrlen);
        tandem_from_system(&system, &addresses[count++]);
    }
    freeaddrinfo(list);
    return count > 0 ? count : -1;
}

int tandem_datagram_open(int family) {
    int system = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNIX;
    int fd = socket(system, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int tandem_datagram_send(int fd, const struct tandem_address *to, const char *path, const void *data, size_t size) {
    struct sockaddr_storage system;
    socklen_t length;
    if (path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        memcpy(&system, &address, sizeof address);
        length = sizeof address;
    } else {
        length = tandem_to_system(to, &system);
    }
    ssize_t sent = sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&system, length);
    return sent < 0 ? -errno : 0;
}

int tandem_write_if_ready(int fd, const void *data, size_t size) {
    struct pollfd request = {.fd = fd, .events = POLLOUT};
    if (poll(&request, 1, 0) != 1 || !(request.revents & POLLOUT)) return -EAGAIN;
    return write(fd, data, size) < 0 ? -errno : 0;
}

void tandem_read_zone(void) { tzset(); }

void tandem_local_time(int64_t seconds, struct tandem_date *date) {
    time_t time = (time_t)seconds;
    struct tm parts = {0};
    localtime_r(&time, &parts);
    *date = (struct tandem_date){parts.tm_year + 1900, parts.tm_mon, parts.tm_mday, parts.tm_hour,
                                 parts.tm_min, parts.tm_sec, (int32_t)(parts.tm_gmtoff / 60)};
}

// MARK: The process

int64_t tandem_raise_descriptor_limit(int64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (wanted > (int64_t)limit.rlim_max) {
        struct rlimit higher = {(rlim_t)wanted, (rlim_t)wanted};
        if (setrlimit(RLIMIT_NOFILE, &higher) == 0) return wanted;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return (int64_t)limit.rlim_cur;
}

int tandem_usable_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    return CPU_COUNT(&set);
}

int tandem_change_root(const char *path) {
    if (chroot(path) < 0) return -errno;
    return chdir("/") < 0 ? -errno : 0;
}

void tandem_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

