#define _GNU_SOURCE
#include "tracking_shims.h"

// Behind the netlink and the connector header.
enum { EVENT = 36, DATA = EVENT + offsetof(struct proc_event, event_data) };

/// Lets through events of whole processes: pid and thread group are the same.
static int attach_process_filter(int fd) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EVENT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_FORK), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_COMM), 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 4, 8),
        // The child of a fork.
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA + 8),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA + 12),
        BPF_JUMP(BPF_JMP | BPF_JA, 3, 0, 0),
        // The process itself.
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
    };
    return tandem_attach_filter(fd, program, sizeof program / sizeof *program);
}

int tandem_process_events_open(void) {
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    if (fd < 0) return -errno;
    struct sockaddr_nl local = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    struct {
        struct nlmsghdr header;
        char message[sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op)];
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE}};
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(enum proc_cn_mcast_op)};
    enum proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
    memcpy(request.message, &message, sizeof message);
    memcpy(request.message + sizeof message, &listen, sizeof listen);
    int room = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    int error = attach_process_filter(fd);
    if (error == 0 && bind(fd, (struct sockaddr *)&local, sizeof local) < 0) error = -errno;
    if (error == 0) error = tandem_netlink_send(fd, &request, sizeof request);
    if (error == 0) return fd;
    close(fd);
    return error;
}

int tandem_inotify_open(void) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tandem_inotify_add(int fd, const char *directory) {
    int watch = inotify_add_watch(fd, directory,
                                  IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    return watch < 0 ? -errno : watch;
}
