// Socket addresses of any family, name resolution and splice's neighbours, for the data plane.
#pragma once

#include "clinux.h"
#include <pthread.h>
#include <sys/resource.h>

/// An address as the data plane keeps it: family AF_INET, AF_INET6, AF_UNIX or 0; IPv4 in the first four bytes.
struct tandem_address {
    uint16_t family;
    uint16_t port;
    uint8_t bytes[16];
};

/// Accepts with SOCK_NONBLOCK | SOCK_CLOEXEC; the descriptor or -errno.
int tandem_accept_from(int listener, struct tandem_address *peer);
/// A non-blocking, close-on-exec stream socket of the family, or -errno.
int tandem_stream_socket(int family);
/// 0, or -EINPROGRESS, or -errno.
int tandem_connect_to(int fd, const struct tandem_address *address);
int tandem_bind_to(int fd, const struct tandem_address *address);
/// The socket's own address, or -errno.
int tandem_local_address(int fd, struct tandem_address *address);
/// SO_ERROR of a socket.
int tandem_socket_error(int fd);
/// close() that resets the connection.
void tandem_reset(int fd);

/// Looks up a name, blocking; stores at most `capacity` addresses, IPv4 first; their number, or a negative EAI_ code.
int tandem_resolve(const char *name, struct tandem_address *addresses, int capacity);
/// The text of an EAI_ code.
const char *tandem_resolve_error(int code);

/// Starts a thread with all signals blocked; `entry` must not return before the process ends.
int tandem_start_thread(void *(*entry)(void *), void *argument);
/// Raises the soft limit of descriptors to the hard one; the limit, or -errno.
int64_t tandem_raise_descriptor_limit(void);

struct tandem_local_time {
    int year, month, day, hour, minute, second;
};
void tandem_broken_down(int64_t seconds, struct tandem_local_time *time);
/// Reads the time zone, before any change of root.
void tandem_load_time_zone(void);

/// Options of a listener that take more than an int: SO_BINDTODEVICE.
int tandem_bind_to_device(int fd, const char *interface);
/// Enters a new root directory; needs CAP_SYS_CHROOT.
int tandem_chroot(const char *path);
