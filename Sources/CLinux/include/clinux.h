// What Swift can't import by itself: variadic system calls, packed unions, control messages, and what
// has to happen between fork and exec. Every function returns -errno instead of setting errno.
#pragma once

// The C library's interface headers come before the kernel's, which then leave out what both define.
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

// MARK: Clocks

/// CLOCK_BOOTTIME in nanoseconds.
static inline uint64_t tandem_boottime(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// CLOCK_REALTIME in nanoseconds since 1970.
static inline uint64_t tandem_realtime(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// MARK: epoll

static inline int tandem_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

/// Waits at most `nanoseconds` (negative: for ever); returns how many events were stored, or -errno.
int tandem_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds);

static inline uint32_t tandem_event_flags(const struct epoll_event *event) { return event->events; }
static inline uint64_t tandem_event_data(const struct epoll_event *event) { return event->data.u64; }

// MARK: Descriptors and sockets

static inline int tandem_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static inline int tandem_set_cloexec(int fd, int on) {
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

static inline int tandem_setsockopt_int(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/// The value, which is never negative for the options asked for here, or -errno.
static inline int tandem_getsockopt_int(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

/// accept4 with non-blocking and close-on-exec.
int tandem_accept(int fd);
/// A close-on-exec pipe.
int tandem_pipe(int ends[2]);
int tandem_epoll_create(void);
int tandem_eventfd(void);

struct tandem_peer {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/// SO_PEERCRED: of a connected socket, the credentials at connect or at listen.
int tandem_peer_credentials(int fd, struct tandem_peer *peer);

/// Binds or connects to a path; a leading `@` is the abstract namespace.
int tandem_unix_bind(int fd, const char *path);
int tandem_unix_connect(int fd, const char *path);

/// IPv4 addresses and ports in host order.
int tandem_ipv4_bind(int fd, uint32_t address, uint16_t port);
int tandem_ipv4_connect(int fd, uint32_t address, uint16_t port);
int tandem_ipv4_accept(int fd, uint32_t *address, uint16_t *port);
int tandem_ipv4_local(int fd, uint32_t *address, uint16_t *port);
int tandem_ipv6_bind(int fd, const uint8_t address[16], uint16_t port);
int tandem_ipv6_connect(int fd, const uint8_t address[16], uint16_t port);

enum { TANDEM_MAX_DESCRIPTORS = 253 };

/// Sends one datagram, never blocking, with descriptors; path as in tandem_unix_bind, NULL: connected.
int64_t tandem_send_with_descriptors(int fd, const char *path, const void *data, size_t size,
                                     const int *descriptors, int count);

/// Receives one datagram, never blocking. `*count` is the capacity of `descriptors` before and the number
/// received after; they are close-on-exec. `peer` is filled where SO_PASSCRED is on, else its pid is 0.
/// `*truncated` is set when data or control were cut.
int64_t tandem_receive_with_descriptors(int fd, void *data, size_t size, int *descriptors, int *count,
                                        struct tandem_peer *peer, bool *truncated);

/// The interface's index, or -errno.
int tandem_interface_index(const char *name);

// MARK: Signals

/// Blocks the signals and returns a non-blocking signalfd for them, or -errno.
int tandem_signalfd(const int *signals, int count);
/// Unblocks every signal, as a program expects that was not started by us.
void tandem_unblock_signals(void);
void tandem_ignore_signal(int signal);

// MARK: Processes

struct tandem_spawn {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// Descriptors that become 0, 1, 2; -1: /dev/null.
    int standard_input, standard_output, standard_error;
    /// Descriptors that become 3, 4, … ; everything above is closed.
    const int *passed;
    int passed_count;
    /// Adds LISTEN_PID and pid-dependent values: room for `LISTEN_PID=…` in `environment`, or NULL.
    char *listen_pid;
    /// Its own process group (1) or session (2).
    int group;
    /// SIGKILL when the parent's thread dies.
    bool die_with_parent;
    /// Change to this user; groups as given. Only when `change_user`.
    bool change_user;
    uint32_t uid, gid;
    const gid_t *groups;
    int group_count;
    /// No more privileges by exec.
    bool no_new_privileges;
    /// Not spared when memory runs out, as the parent may be: its oom_score_adj becomes 0.
    bool sheds_oom_protection;
};

/// Forks and executes; returns the pid once the program runs, or -errno of what failed in the child.
int tandem_spawn_process(const struct tandem_spawn *request);

static inline int tandem_wifexited(int status) { return WIFEXITED(status); }
static inline int tandem_wexitstatus(int status) { return WEXITSTATUS(status); }
static inline int tandem_wifsignaled(int status) { return WIFSIGNALED(status); }
static inline int tandem_wtermsig(int status) { return WTERMSIG(status); }

/// A descriptor that turns readable when the process ends, or -errno.
int tandem_pidfd_open(int pid);
int tandem_pidfd_signal(int pidfd, int signal);

// MARK: Privileges

/// Sets the three capability sets to bit masks.
int tandem_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int tandem_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
/// Drops from the bounding set all that is not in `kept`; clears the ambient set.
int tandem_drop_bounding(uint64_t kept);
/// Changes to the user for good; groups first. Verifies that there is no way back: -EPERM if there is.
int tandem_become(uint32_t uid, uint32_t gid, const gid_t *groups, int count);
/// Keeps permitted capabilities across the change of uid.
int tandem_keep_capabilities(bool on);
int tandem_no_new_privileges(void);
/// Joins the network namespace (this thread only).
int tandem_join_network_namespace(int fd);
int tandem_set_real_time(int priority);
// The calling thread runs on this processor only.
int tandem_pin_thread(int processor);
/// Keeps every page in memory that is there, or is touched from now on; 0 or -errno. -EPERM unless
/// RLIMIT_MEMLOCK is infinite.
int tandem_lock_memory(void);
/// SIGXCPU after so much real time on the processor without ever waiting for anything; 0 or -errno.
int tandem_limit_real_time(uint64_t microseconds);

/// The C library's text for an error number, without a shared buffer.
int tandem_error_text(int error, char *text, size_t size);
/// `KILL` for 9, or NULL.
const char *tandem_signal_abbreviation(int signal);

static inline uint64_t tandem_monotonic_microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

// MARK: Others

/// Waits for something to read: 1, or 0 after `milliseconds`, or -errno.
int tandem_wait_readable(int fd, int milliseconds);
/// A network namespace of its own for this thread, which ends with it; 0 or -errno.
int tandem_new_network_namespace(void);
/// Moves this thread into a new mount namespace whose mounts nobody else sees.
int tandem_new_mount_namespace(void);
/// Both ends of a SOCK_SEQPACKET Unix socket, close-on-exec and non-blocking; 0 or -errno.
int tandem_seqpacket_pair(int ends[2]);
/// Paths that match a shell pattern, in order, each ended by a zero byte, into `text`; their number, or
/// -ENOSPC when they don't fit.
int tandem_glob(const char *pattern, char *text, size_t size);
/// Whether a POSIX access list says more than the mode of a file does.
int tandem_has_access_list(const char *path);
