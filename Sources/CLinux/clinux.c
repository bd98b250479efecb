#define _GNU_SOURCE
#include "clinux.h"

#include <glob.h>
#include <sched.h>
#include <sys/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

int tandem_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int count = epoll_pwait2(epoll, events, capacity, nanoseconds < 0 ? NULL : &timeout, NULL);
    if (count < 0 && errno == ENOSYS) {
        // Before Linux 5.11, and under valgrind: never early, so rounded up.
        int64_t milliseconds = nanoseconds / 1000000 + (nanoseconds % 1000000 > 0);
        int limit = nanoseconds < 0 ? -1 : milliseconds > 0x7FFFFFFF ? 0x7FFFFFFF : (int)milliseconds;
        count = epoll_wait(epoll, events, capacity, limit);
    }
    return count < 0 ? -errno : count;
}

int tandem_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

// MARK: Sockets

int tandem_accept(int fd) {
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return accepted < 0 ? -errno : accepted;
}

int tandem_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int tandem_eventfd(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tandem_peer_credentials(int fd, struct tandem_peer *peer) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
    *peer = (struct tandem_peer){credentials.pid, credentials.uid, credentials.gid};
    return 0;
}

static int unix_address(struct sockaddr_un *address, socklen_t *size, const char *path) {
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (length == 0) return -EINVAL;
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (path[0] == '@') address->sun_path[0] = 0;
    else *size += 1;
    return 0;
}

int tandem_unix_bind(int fd, const char *path) {
    struct sockaddr_un address;
    socklen_t size;
    int error = unix_address(&address, &size, path);
    if (error) return error;
    return bind(fd, (struct sockaddr *)&address, size) < 0 ? -errno : 0;
}

int tandem_unix_connect(int fd, const char *path) {
    struct sockaddr_un address;
    socklen_t size;
    int error = unix_address(&address, &size, path);
    if (error) return error;
    return connect(fd, (struct sockaddr *)&address, size) < 0 ? -errno : 0;
}

static struct sockaddr_in ipv4(uint32_t address, uint16_t port) {
    struct sockaddr_in result = {0};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    result.sin_addr.s_addr = htonl(address);
    return result;
}

int tandem_ipv4_bind(int fd, uint32_t address, uint16_t port) {
    struct sockaddr_in local = ipv4(address, port);
    return bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ? -errno : 0;
}

int tandem_ipv4_connect(int fd, uint32_t address, uint16_t port) {
    struct sockaddr_in remote = ipv4(address, port);
    return connect(fd, (struct sockaddr *)&remote, sizeof remote) < 0 ? -errno : 0;
}

int tandem_ipv4_accept(int fd, uint32_t *address, uint16_t *port) {
    struct sockaddr_in remote = {0};
    socklen_t size = sizeof remote;
    int accepted = accept4(fd, (struct sockaddr *)&remote, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) return -errno;
    *address = remote.sin_family == AF_INET ? ntohl(remote.sin_addr.s_addr) : 0;
    *port = remote.sin_family == AF_INET ? ntohs(remote.sin_port) : 0;
    return accepted;
}

int tandem_ipv4_local(int fd, uint32_t *address, uint16_t *port) {
    struct sockaddr_in local = {0};
    socklen_t size = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &size) < 0) return -errno;
    *address = local.sin_family == AF_INET ? ntohl(local.sin_addr.s_addr) : 0;
    *port = local.sin_family == AF_INET ? ntohs(local.sin_port) : 0;
    return 0;
}

static struct sockaddr_in6 ipv6(const uint8_t address[16], uint16_t port) {
    struct sockaddr_in6 result = {0};
    result.sin6_family = AF_INET6;
    result.sin6_port = htons(port);
    memcpy(&result.sin6_addr, address, 16);
    return result;
}

int tandem_ipv6_bind(int fd, const uint8_t address[16], uint16_t port) {
    struct sockaddr_in6 local = ipv6(address, port);
    return bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ? -errno : 0;
}

int tandem_ipv6_connect(int fd, const uint8_t address[16], uint16_t port) {
    struct sockaddr_in6 remote = ipv6(address, port);
    return connect(fd, (struct sockaddr *)&remote, sizeof remote) < 0 ? -errno : 0;
}

int64_t tandem_send_with_descriptors(int fd, const char *path, const void *data, size_t size,
                                     const int *descriptors, int count) {
    struct sockaddr_un address;
    socklen_t address_size = 0;
    char control[CMSG_SPACE(sizeof(int) * TANDEM_MAX_DESCRIPTORS)] = {0};
    struct iovec vector = {(void *)data, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count < 0 || count > TANDEM_MAX_DESCRIPTORS) return -EINVAL;
    if (path) {
        int error = unix_address(&address, &address_size, path);
        if (error) return error;
        message.msg_name = &address;
        message.msg_namelen = address_size;
    }
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)count);
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}

int64_t tandem_receive_with_descriptors(int fd, void *data, size_t size, int *descriptors, int *count,
                                        struct tandem_peer *peer, bool *truncated) {
    char control[CMSG_SPACE(sizeof(int) * TANDEM_MAX_DESCRIPTORS) + CMSG_SPACE(sizeof(struct ucred))];
    struct iovec vector = {data, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    int capacity = *count;
    *count = 0;
    *peer = (struct tandem_peer){0};
    *truncated = false;
    ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) return -errno;
    *truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
            *peer = (struct tandem_peer){credentials.pid, credentials.uid, credentials.gid};
        } else if (header->cmsg_type == SCM_RIGHTS) {
            int arrived = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            for (int index = 0; index < arrived; index++) {
                int descriptor;
                memcpy(&descriptor, CMSG_DATA(header) + sizeof(int) * (size_t)index, sizeof descriptor);
                if (*count < capacity) {
                    descriptors[(*count)++] = descriptor;
                } else {
                    close(descriptor);
                    *truncated = true;
                }
            }
        }
    }
    return received;
}

int tandem_interface_index(const char *name) {
    unsigned index = if_nametoindex(name);
    return index == 0 ? -errno : (int)index;
}

// MARK: Signals

int tandem_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int index = 0; index < count; index++) sigaddset(&set, signals[index]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void tandem_unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void tandem_ignore_signal(int number) { signal(number, SIG_IGN); }

// MARK: Processes

// Raising it needs no capability. Lowering what the service manager has set above 0 does, and stays as it is. Before
// the user changes: /proc/self is root's after that. Where /proc can't be written the program runs all the same.
static void shed_oom_protection(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t ignored = write(fd, "0", 1);
    (void)ignored;
    close(fd);
}

static void child(const struct tandem_spawn *request, int report, pid_t parent) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);

    if (request->group == 1 && setpgid(0, 0) < 0) goto failed;
    if (request->group == 2 && setsid() < 0) goto failed;
    if (request->sheds_oom_protection) shed_oom_protection();

    // Descriptors are first moved above all targets, so that no dup2 overwrites one still needed.
    int wanted = 3 + request->passed_count;
    if (request->passed_count < 0 || request->passed_count > TANDEM_MAX_DESCRIPTORS) {
        errno = EINVAL;
        goto failed;
    }
    report = fcntl(report, F_DUPFD_CLOEXEC, wanted + 1);
    if (report < 0) _exit(127);
    int source[3 + TANDEM_MAX_DESCRIPTORS];
    const int standard[3] = {request->standard_input, request->standard_output, request->standard_error};
    for (int target = 0; target < wanted; target++) {
        int fd = target < 3 ? standard[target] : request->passed[target - 3];
        int opened = -1;
        if (fd < 0) {
            opened = open("/dev/null", target == 0 ? O_RDONLY : O_WRONLY);
            if (opened < 0) goto failed;
            fd = opened;
        }
        source[target] = fcntl(fd, F_DUPFD_CLOEXEC, wanted + 1);
        if (source[target] < 0) goto failed;
        if (opened >= 0) close(opened);
    }
    for (int target = 0; target < wanted; target++)
        if (dup2(source[target], target) < 0) goto failed;
    // Everything else goes, except the report, which closes itself on exec.
    if (report > wanted && close_range((unsigned)wanted, (unsigned)report - 1, 0) < 0) goto failed;
    if (close_range((unsigned)report + 1, ~0u, 0) < 0) goto failed;

    if (request->change_user) {
        int error = tandem_become(request->uid, request->gid, request->groups, request->group_count);
        if (error) {
            errno = -error;
            goto failed;
        }
    }
    if (request->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) goto failed;
    // After the change of user, which clears it.
    if (request->die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) goto failed;
        if (getppid() != parent) _exit(127);
    }
    if (request->listen_pid) snprintf(request->listen_pid, 32, "LISTEN_PID=%d", (int)getpid());
    tandem_unblock_signals();
    execve(request->path, request->arguments, request->environment);

failed:;
    int error = errno;
    ssize_t ignored = write(report, &error, sizeof error);
    (void)ignored;
    _exit(127);
}

int tandem_spawn_process(const struct tandem_spawn *request) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child(request, report[1], parent);
        _exit(127);
    }
    int error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid > 0) {
        int failure = 0;
        ssize_t count;
        do count = read(report[0], &failure, sizeof failure);
        while (count < 0 && errno == EINTR);
        if (count == sizeof failure) {
            waitpid(pid, NULL, 0);
            error = failure ? failure : EIO;
        }
    }
    close(report[0]);
    return error ? -error : pid;
}

int tandem_pidfd_open(int pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

int tandem_pidfd_signal(int pidfd, int number) {
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

// MARK: Privileges

int tandem_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = (uint32_t)(effective >> (32 * half));
        data[half].permitted = (uint32_t)(permitted >> (32 * half));
        data[half].inheritable = (uint32_t)(inheritable >> (32 * half));
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int tandem_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int tandem_drop_bounding(uint64_t kept) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (kept >> capability & 1) continue;
        int held = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0) break;  // beyond the last one that this kernel knows
        if (held && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return -errno;
    }
    return 0;
}

int tandem_become(uint32_t uid, uint32_t gid, const gid_t *groups, int count) {
    if (setgroups((size_t)count, groups) < 0) return -errno;
    if (setresgid(gid, gid, gid) < 0) return -errno;
    if (setresuid(uid, uid, uid) < 0) return -errno;
    if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) return -EPERM;
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) < 0) return -errno;
    if (real != uid || effective != uid || saved != uid) return -EPERM;
    return 0;
}

int tandem_keep_capabilities(bool on) { return prctl(PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0) < 0 ? -errno : 0; }

int tandem_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0; }

int tandem_join_network_namespace(int fd) { return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0; }

int tandem_set_real_time(int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameter) < 0 ? -errno : 0;
}

int tandem_pin_thread(int processor) {
    cpu_set_t set;
    if (processor < 0 || processor >= CPU_SETSIZE) return -EINVAL;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}

int tandem_lock_memory(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return -errno;
    // Under a limit, a later allocation or a growing stack would fail where it never did before.
    if (limit.rlim_cur != RLIM_INFINITY) return -EPERM;
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

int tandem_limit_real_time(uint64_t microseconds) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTTIME, &limit) < 0) return -errno;
    limit.rlim_cur = microseconds < limit.rlim_max ? microseconds : limit.rlim_max;
    return setrlimit(RLIMIT_RTTIME, &limit) < 0 ? -errno : 0;
}

int tandem_error_text(int error, char *text, size_t size) {
    if (size == 0) return -EINVAL;
    const char *message = strerrordesc_np(error);
    if (!message) return -EINVAL;
    snprintf(text, size, "%s", message);
    return 0;
}

const char *tandem_signal_abbreviation(int number) { return sigabbrev_np(number); }

int tandem_wait_readable(int fd, int milliseconds) {
    struct pollfd request = {.fd = fd, .events = POLLIN};
    int count = poll(&request, 1, milliseconds);
    return count < 0 ? -errno : count;
}

int tandem_new_network_namespace(void) { return unshare(CLONE_NEWNET) < 0 ? -errno : 0; }

int tandem_new_mount_namespace(void) {
    if (unshare(CLONE_NEWNS) < 0) return -errno;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int tandem_seqpacket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
}

int tandem_glob(const char *pattern, char *text, size_t size) {
    glob_t found;
    int result = glob(pattern, 0, NULL, &found);
    if (result == GLOB_NOMATCH || result == GLOB_ABORTED) return 0;
    if (result != 0) return -ENOMEM;
    size_t used = 0;
    int count = 0;
    for (size_t index = 0; index < found.gl_pathc; index++) {
        size_t length = strlen(found.gl_pathv[index]) + 1;
        if (length > size - used) {
            globfree(&found);
            return -ENOSPC;
        }
        memcpy(text + used, found.gl_pathv[index], length);
        used += length;
        count++;
    }
    globfree(&found);
    return count;
}

int tandem_has_access_list(const char *path) {
    return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}
