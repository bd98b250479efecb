#define _GNU_SOURCE
#include "address_guard.h"
#include "network_shims.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

struct slot {
    /// A deadline, TANDEM_GUARD_DISARMED or TANDEM_GUARD_FIRED. Whoever swaps it first has it: an owner that
    /// comes back and a guard whose patience ends can't both believe that the addresses are theirs.
    _Atomic uint64_t deadline;
    uint32_t size;
    char requests[TANDEM_GUARD_ROOM];
};

struct tandem_guard {
    /// Slots that were ever filled are below.
    _Atomic uint32_t used;
    struct slot slots[TANDEM_GUARD_SLOTS];
};

// The guard's three descriptors.
enum { CHANNEL = 0, TIMER = 1, NETLINK = 2 };

// MARK: The guard

static uint32_t load(const void *bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, (const char *)bytes + offset, sizeof value);
    return value;
}

/// The kernel answers each request while it is sent.
static void count_answers(struct tandem_guard_report *report) {
    char answer[512];
    ssize_t size;
    while ((size = recv(NETLINK, answer, sizeof answer, MSG_DONTWAIT)) >= (ssize_t)sizeof(struct nlmsghdr)) {
        struct nlmsghdr header;
        memcpy(&header, answer, sizeof header);
        if (header.nlmsg_type != NLMSG_ERROR || size < (ssize_t)(sizeof header + 4)) continue;
        if (load(answer, sizeof header) == 0) report->removed++;
        else report->refused++;
    }
}

static void act(const char *requests, uint32_t size, uint32_t index, uint64_t deadline) {
    struct tandem_guard_report report = {.slot = index, .deadline = deadline};
    // A kernel that is short of memory is asked again, a few times; the rest is the addresses' lifetime.
    for (int attempt = 0; attempt < 8; attempt++) {
        if (send(NETLINK, requests, size, 0) >= 0) break;
    }
    count_answers(&report);
    report.done = tandem_boottime();
    send(CHANNEL, &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// Acts on what is due at `now` and returns the next deadline; 0: none is armed.
static uint64_t patrol(struct tandem_guard *guard, uint64_t now) {
    char requests[TANDEM_GUARD_ROOM];
    uint64_t next = 0;
    uint32_t used = atomic_load_explicit(&guard->used, memory_order_acquire);
    if (used > TANDEM_GUARD_SLOTS) used = TANDEM_GUARD_SLOTS;
    for (uint32_t index = 0; index < used; index++) {
        struct slot *slot = &guard->slots[index];
        uint64_t deadline = atomic_load_explicit(&slot->deadline, memory_order_acquire);
        while (deadline > TANDEM_GUARD_FIRED && deadline <= now) {
            // Copied while it is armed: an owner that comes back may fill it anew.
            uint32_t size = slot->size;
            if (size > sizeof requests) size = sizeof requests;
            memcpy(requests, slot->requests, size);
            // A failed exchange has read the owner's newer word.
            if (atomic_compare_exchange_strong(&slot->deadline, &deadline, TANDEM_GUARD_FIRED)) {
                act(requests, size, index, now == UINT64_MAX ? 0 : deadline);
                break;
            }
        }
        if (deadline > now && (next == 0 || deadline < next)) next = deadline;
    }
    return next;
}

/// 0 stops it.
static void set_timer(uint64_t at) {
    struct itimerspec value = {.it_value = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)}};
    timerfd_settime(TIMER, TFD_TIMER_ABSTIME, &value, NULL);
}

static volatile sig_atomic_t owner_died;
static void note_death(int number) {
    (void)number;
    owner_died = 1;
}

static _Noreturn void stand_guard(struct tandem_guard *guard) {
    struct pollfd watched[2] = {{.fd = CHANNEL, .events = POLLIN}, {.fd = TIMER, .events = POLLIN}};
    sigset_t only_death;
    sigfillset(&only_death);
    sigdelset(&only_death, SIGUSR1);
    while (!owner_died) {
        // 0, when nothing is armed, stops the timer: the owner's next word wakes.
        set_timer(patrol(guard, tandem_boottime()));
        if (ppoll(watched, 2, NULL, &only_death) < 0) continue;
        if (watched[0].revents & (POLLHUP | POLLERR)) break;
        uint64_t expirations;
        char ignored[8];
        if (watched[1].revents) (void)!read(TIMER, &expirations, sizeof expirations);
        if (watched[0].revents & POLLIN && recv(CHANNEL, ignored, sizeof ignored, MSG_DONTWAIT) == 0) break;
    }
    // The owner has ended, however that was: what it has not disarmed is nobody's.
    patrol(guard, UINT64_MAX);
    _exit(0);
}

// MARK: Its confinement

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define ALLOW(call) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/// Anything but these calls fails; a guard that were killed for one would guard nothing.
static void confine(void) {
#ifdef NATIVE_ARCHITECTURE
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_ppoll),
        ALLOW(SYS_timerfd_settime),
        ALLOW(SYS_read),
        ALLOW(SYS_recvfrom),
        ALLOW(SYS_sendto),
        ALLOW(SYS_clock_gettime),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
#endif
}

static int place_descriptors(int channel) {
    uint32_t port;
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    int netlink = tandem_netlink_open(NETLINK_ROUTE, 0, &port);
    if (timer < 0 || netlink < 0) return timer < 0 ? -errno : netlink;
    // Connected to the kernel, so that a plain send is enough.
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (connect(netlink, (struct sockaddr *)&kernel, sizeof kernel) < 0) return -errno;
    // A request may wait for the kernel's lock; nothing else is to be done meanwhile.
    if (fcntl(netlink, F_SETFL, 0) < 0) return -errno;
    int room = 1 << 18;
    setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    const int source[3] = {channel, timer, netlink};
    int moved[3];
    for (int target = 0; target < 3; target++) {
        moved[target] = fcntl(source[target], F_DUPFD_CLOEXEC, 3);
        if (moved[target] < 0) return -errno;
    }
    for (int target = 0; target < 3; target++)
        if (dup2(moved[target], target) < 0) return -errno;
    return close_range(3, ~0u, 0) < 0 ? -errno : 0;
}

static _Noreturn void become_guard(struct tandem_guard *guard, int channel, int priority) {
    struct sigaction action = {.sa_handler = note_death};
    sigaction(SIGUSR1, &action, NULL);
    int32_t result = place_descriptors(channel);
    if (result == 0) {
        prctl(PR_SET_NAME, "tandem-guard", 0, 0, 0);
        tandem_set_real_time(priority);
        tandem_lock_memory();
        tandem_drop_bounding(0);
        uint64_t administer = (uint64_t)1 << CAP_NET_ADMIN;
        result = tandem_capset(administer, administer, 0);
    }
    if (result == 0) result = tandem_no_new_privileges();
    if (result == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) < 0) result = -errno;
    confine();
    // Ready, or why not.
    if (send(CHANNEL, &result, sizeof result, MSG_NOSIGNAL) < 0 || result != 0) _exit(1);
    // An owner that ended before the signal was ordered is told by its closed end.
    stand_guard(guard);
}

// MARK: The owner

int tandem_guard_start(struct tandem_guard **guard, int *channel, int priority) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    void *memory = mmap(NULL, sizeof(struct tandem_guard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) become_guard(memory, ends[1], priority);
    int error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid > 0) {
        int32_t word = -EPIPE;
        ssize_t size;
        do size = recv(ends[0], &word, sizeof word, 0);
        while (size < 0 && errno == EINTR);
        if (size != sizeof word || word != 0) {
            error = size == sizeof word ? -word : EPIPE;
            waitpid(pid, NULL, 0);
        }
    }
    if (error) {
        close(ends[0]);
        munmap(memory, sizeof(struct tandem_guard));
        return -error;
    }
    *guard = memory;
    *channel = ends[0];
    return pid;
}

void tandem_guard_unmap(struct tandem_guard *guard) { munmap(guard, sizeof *guard); }

int tandem_guard_fill(struct tandem_guard *guard, uint32_t slot, const void *requests, size_t size) {
    if (slot >= TANDEM_GUARD_SLOTS || size > TANDEM_GUARD_ROOM) return -E2BIG;
    struct slot *target = &guard->slots[slot];
    if (atomic_load(&target->deadline) > TANDEM_GUARD_FIRED) return -EBUSY;
    memcpy(target->requests, requests, size);
    target->size = (uint32_t)size;
    uint32_t used = atomic_load(&guard->used);
    if (slot >= used) atomic_store_explicit(&guard->used, slot + 1, memory_order_release);
    return 0;
}

bool tandem_guard_arm(struct tandem_guard *guard, int channel, uint32_t slot, uint64_t deadline) {
    if (slot >= TANDEM_GUARD_SLOTS) return false;
    if (deadline <= TANDEM_GUARD_FIRED) deadline = TANDEM_GUARD_FIRED + 1;
    uint64_t before = atomic_load(&guard->slots[slot].deadline);
    while (before != TANDEM_GUARD_FIRED) {
        if (!atomic_compare_exchange_weak(&guard->slots[slot].deadline, &before, deadline)) continue;
        // The guard sleeps until the earliest deadline that it has seen; a later one it finds by itself.
        if (before == TANDEM_GUARD_DISARMED || deadline < before)
            send(channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        return true;
    }
    return false;
}

bool tandem_guard_disarm(struct tandem_guard *guard, uint32_t slot) {
    if (slot >= TANDEM_GUARD_SLOTS) return true;
    return atomic_exchange(&guard->slots[slot].deadline, TANDEM_GUARD_DISARMED) != TANDEM_GUARD_FIRED;
}

int tandem_guard_report(int channel, struct tandem_guard_report *report) {
    ssize_t size = recv(channel, report, sizeof *report, MSG_DONTWAIT);
    if (size == sizeof *report) return 1;
    if (size >= 0) return -EPIPE;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
