#define _GNU_SOURCE
#include "proxy_shims.h"

#include <netdb.h>
#include <stdlib.h>

static socklen_t to_socket_address(const struct tandem_address *address, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address->family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        memcpy(&v6->sin6_addr, address->bytes, 16);
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address->port);
    memcpy(&v4->sin_addr, address->bytes, 4);
    return sizeof *v4;
}

static void from_socket_address(const struct sockaddr_storage *storage, struct tandem_address *address) {
    memset(address, 0, sizeof *address);
    address->family = storage->ss_family;
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
        address->port = ntohs(v4->sin_port);
        memcpy(address->bytes, &v4->sin_addr, 4);
    } else if (storage->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
        address->port = ntohs(v6->sin6_port);
        memcpy(address->bytes, &v6->sin6_addr, 16);
    }
}

int tandem_accept_from(int listener, struct tandem_address *peer) {
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof storage;
    int fd = accept4(listener, (struct sockaddr *)&storage, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    from_socket_address(&storage, peer);
    return fd;
}

int tandem_stream_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int tandem_connect_to(int fd, const struct tandem_address *address) {
    struct sockaddr_storage storage;
    socklen_t size = to_socket_address(address, &storage);
    return connect(fd, (struct sockaddr *)&storage, size) < 0 ? -errno : 0;
}

int tandem_bind_to(int fd, const struct tandem_address *address) {
    struct sockaddr_storage storage;
    socklen_t size = to_socket_address(address, &storage);
    return bind(fd, (struct sockaddr *)&storage, size) < 0 ? -errno : 0;
}

int tandem_local_address(int fd, struct tandem_address *address) {
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0) return -errno;
    from_socket_address(&storage, address);
    return 0;
}

int tandem_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

void tandem_reset(int fd) {
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

int tandem_resolve(const char *name, struct tandem_address *addresses, int capacity) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error) return error < 0 ? error : -error;
    int count = 0;
    for (int pass = 0; pass < 2; pass++) {
        int family = pass == 0 ? AF_INET : AF_INET6;
        for (struct addrinfo *entry = found; entry && count < capacity; entry = entry->ai_next) {
            if (entry->ai_family != family) continue;
            struct sockaddr_storage storage = {0};
            memcpy(&storage, entry->ai_addr, entry->ai_addrlen);
            from_socket_address(&storage, &addresses[count++]);
        }
    }
    freeaddrinfo(found);
    return count;
}

const char *tandem_resolve_error(int code) { return gai_strerror(code); }

int tandem_start_thread(void *(*entry)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, entry, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) return -error;
    pthread_detach(thread);
    return 0;
}

int64_t tandem_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = before;
    }
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

void tandem_broken_down(int64_t seconds, struct tandem_local_time *time) {
    time_t moment = seconds;
    struct tm parts;
    localtime_r(&moment, &parts);
    *time = (struct tandem_local_time){parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                       parts.tm_hour, parts.tm_min, parts.tm_sec};
}

void tandem_load_time_zone(void) { tzset(); }

int tandem_bind_to_device(int fd, const char *interface) {
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0 ? -errno : 0;
}

int tandem_chroot(const char *path) {
    if (chdir(path) < 0 || chroot(path) < 0 || chdir("/") < 0) return -errno;
    return 0;
}
