// What the TCP proxy needs of the kernel beyond clinux.h: stream sockets of any family, names, the wall
// clock's local time. Every function returns -errno instead of setting errno.
#pragma once

#include "clinux.h"
#include "direct_call.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/// An address with its port, in a form that both languages read: 24 bytes.
struct tandem_address {
    /// 4 or 6; 1: a Unix socket, without its path; 0: none.
    uint8_t family;
    uint8_t unused;
    /// Host order.
    uint16_t port;
    uint32_t scope;
    /// Network order; IPv4 in the first four.
    uint8_t bytes[16];
};

/// The kernel's form of it, and back.
socklen_t tandem_to_system(const struct tandem_address *address, struct sockaddr_storage *system);
void tandem_from_system(const struct sockaddr_storage *system, struct tandem_address *address);

enum {
    TANDEM_LISTEN_TRANSPARENT = 1,
    TANDEM_LISTEN_ONLY_IPV6 = 2,
    TANDEM_LISTEN_DEFER_ACCEPT = 4,
    TANDEM_KEEP_ALIVE = 8,
    TANDEM_NO_LINGER = 16,
    /// SO_REUSEPORT: several sockets of this user share the port.
    TANDEM_LISTEN_SHARED = 32,
};

/// A listening, non-blocking socket; the address need not be there yet (IP_FREEBIND). `interface` may be NULL.
int tandem_stream_listen(const struct tandem_address *address, const char *interface, int options, int backlog);
/// Whether nobody listens at that address: 0 or -errno. Sockets that share a port do not notice a stranger's.
int tandem_stream_bindable(const struct tandem_address *address, const char *interface, int options);
/// A listening stream socket at a path, which it replaces.
int tandem_unix_stream_listen(const char *path, int backlog);
/// Whether the descriptor is a listening stream socket.
bool tandem_is_listening(int fd);
/// The socket's own address; 0 or -errno.
int tandem_own_address(int fd, struct tandem_address *address);

/// Whether this machine has the address, which need no port; true also where that can't be known.
bool tandem_address_is_local(const struct tandem_address *address);
/// The path of a Unix socket, 128 bytes with its end; its length, 0 without one, or -errno.
int tandem_own_path(int fd, char *path);
/// The interface that a socket is bound to, 16 bytes; 0 when it is to none.
int tandem_bound_interface(int fd, char *name);
/// Gives a listening socket another backlog and, of TCP, the options that may change; 0 or -errno.
int tandem_adjust_listener(int fd, int options, int backlog, bool tcp);

/// accept4, non-blocking and close-on-exec; the descriptor or -errno.
int tandem_stream_accept(int fd, struct tandem_address *peer);
/// A socket on its way to `to`, from `from` if that is not NULL and of its family; the descriptor or -errno. `*done` tells that it
/// is connected already.
int tandem_stream_connect(const struct tandem_address *to, const struct tandem_address *from, int options,
                          bool *done);

static inline int64_t tandem_stream_receive(int fd, void *data, size_t size) {
    return tandem_direct_call(SYS_recvfrom, fd, (long)data, (long)size, MSG_DONTWAIT, 0, 0);
}

static inline int64_t tandem_stream_peek(int fd, void *data, size_t size) {
    ssize_t count = recv(fd, data, size, MSG_DONTWAIT | MSG_PEEK);
    return count < 0 ? -errno : count;
}

/// Takes bytes out of the socket and forgets them.
static inline int64_t tandem_stream_discard(int fd, size_t size) {
    ssize_t count = recv(fd, NULL, size, MSG_DONTWAIT | MSG_TRUNC);
    return count < 0 ? -errno : count;
}

/// `is_last`: shutdown or close follows at once, so that the end may travel with the bytes.
static inline int64_t tandem_stream_send(int fd, const void *data, size_t size, bool is_last) {
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (is_last ? MSG_MORE : 0);
    return tandem_direct_call(SYS_sendto, fd, (long)data, (long)size, flags, 0, 0);
}

static inline int tandem_close(int fd) { return (int)tandem_direct_call(SYS_close, fd, 0, 0, 0, 0, 0); }

/// Moves bytes from one descriptor to the other without a copy (splice(2)); neither waits.
int64_t tandem_splice(int from, int to, size_t size);
/// A pipe whose ends do not wait, close-on-exec; 0 or -errno.
int tandem_splice_pipe(int *reading, int *writing);
/// What the pipe then holds, or what it holds now if the kernel allows no more (F_SETPIPE_SZ); 0 at an error.
int tandem_set_pipe_size(int fd, int size);

/// Tells of bytes to read only when there are so many, or the end (SO_RCVLOWAT in socket(7)).
int tandem_set_receive_mark(int fd, int bytes);

static inline int tandem_socket_error(int fd) { return tandem_getsockopt_int(fd, SOL_SOCKET, SO_ERROR); }

/// Bytes that the kernel has received and nobody read.
int tandem_unread(int fd);
/// Bytes that the kernel has not got acknowledged.
int tandem_unsent(int fd);
/// Closing from here on sends RST.
int tandem_reset_on_close(int fd);

/// The addresses of a name, IPv4 first as the system orders them: how many, or -1 when there is none, -2 when
/// nobody could be asked. May block for long.
int tandem_resolve(const char *name, struct tandem_address *addresses, int capacity);

/// A non-blocking datagram socket; family as in tandem_address.
int tandem_datagram_open(int family);
/// Sends one datagram, or to the path if it is not NULL; 0 or -errno.
int tandem_datagram_send(int fd, const struct tandem_address *to, const char *path, const void *data, size_t size);
/// Writes if the descriptor takes it now; 0 or -errno.
int tandem_write_if_ready(int fd, const void *data, size_t size);

struct tandem_date {
    int32_t year, month, day, hour, minute, second;
    /// East of Greenwich, in minutes.
    int32_t offset;
};

/// Local time; the zone must have been read (tandem_read_zone) while its file could still be seen.
void tandem_local_time(int64_t seconds, struct tandem_date *date);
void tandem_read_zone(void);

/// Raises the number of descriptors to what the hard limit allows, or to `wanted` where root may raise that too;
/// the number it is now.
int64_t tandem_raise_descriptor_limit(int64_t wanted);
/// Cores that this process may run on.
int tandem_usable_cores(void);
/// chroot and chdir to it.
int tandem_change_root(const char *path);
/// Names this thread, at most 15 bytes.
void tandem_name_thread(const char *name);
