// observer ADDRESS PORT NODE=NETNS…: what a client of ADDRESS sees, and which nodes own it.
//
//   every 5 ms    a new connection: a byte there and back within 200 ms, or it failed
//   every 100 ms  a byte there and back on each of 100 connections that stay open
//   every 2 ms    which of the nodes' network namespaces (/run/netns/…) have ADDRESS
//
// Lines that come on standard input are noted in the timeline (standard error, milliseconds since
// the start). At the end of standard input it writes one line of KEY=VALUE and ends.
//   outage     ms for which new connections failed: from the first that failed to the next that
//              was answered, all such spans added; `longest` is the longest of them
//   refused    new connections that got a reset;  lost: that got no answer in time
//   broken     of the held: closed by the other side, or without an answer at the end
//   two, none  ms with more than one owner, with no owner
//   late       ms by which this program itself was late at most: the error of all the above
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 100, ATTEMPTS = 1 << 17, NODES = 4 };
static const double attempt_every = 5, answer_limit = 200, exchange_every = 100, sample_every = 2;

static double now(void) {       // in milliseconds
    static double start;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    double t = time.tv_sec * 1e3 + time.tv_nsec / 1e6;
    if (start == 0) start = t;
    return t - start;
}

static struct sockaddr_in target;
static int poller;

static int open_connection(uint32_t tag) {
    int one = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(descriptor, (void *)&target, sizeof target) && errno != EINPROGRESS)
        return close(descriptor), -1;
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = tag};
    epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
    return descriptor;
}

// Sends the byte as soon as the connection stands, then waits for it to come back.
static bool send_byte(int descriptor, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event);
    return send(descriptor, "?", 1, MSG_NOSIGNAL) == 1;
}

static void reset(int descriptor) {     // leaves no half-open connection behind
    struct linger at_once = {1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(descriptor);
}

// ---- new connections ----------------------------------------------------------------------
enum result { PENDING, ANSWERED, REFUSED, LOST };
static struct attempt { double start; int descriptor; enum result result; bool sent; } attempts[ATTEMPTS];
static uint32_t attempt_count, oldest_pending;

static void conclude(struct attempt *attempt, enum result result) {
    attempt->result = result;
    if (attempt->descriptor < 0) return;
    if (result == ANSWERED) close(attempt->descriptor); else reset(attempt->descriptor);
}

static void begin_attempt(void) {
    if (attempt_count == ATTEMPTS) return;
    struct attempt *attempt = &attempts[attempt_count];
    attempt->start = now();
    attempt->descriptor = open_connection(HELD + attempt_count++);
    if (attempt->descriptor < 0) conclude(attempt, errno == ECONNREFUSED ? REFUSED : LOST);
}

static void attempt_is_ready(uint32_t index) {
    struct attempt *attempt = &attempts[index];
    char byte;
    if (attempt->result != PENDING) return;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(attempt->descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == 0 && !attempt->sent) {
        attempt->sent = true;
        if (send_byte(attempt->descriptor, HELD + index)) return;
        error = errno;
    } else if (error == 0) {
        ssize_t got = read(attempt->descriptor, &byte, 1);
        if (got == 1) return conclude(attempt, ANSWERED);
        if (got < 0 && errno == EAGAIN) return;
        error = got == 0 ? ECONNRESET : errno;
    }
    conclude(attempt, error == ECONNREFUSED || error == ECONNRESET ? REFUSED : LOST);
}

static void expire_attempts(void) {
    double limit = now() - answer_limit;
    for (; oldest_pending < attempt_count; oldest_pending++) {
        struct attempt *attempt = &attempts[oldest_pending];
        if (attempt->result == PENDING && attempt->start > limit) return;
        if (attempt->result == PENDING) conclude(attempt, LOST);
    }
}

// ---- held connections ---------------------------------------------------------------------
enum held_state { CONNECTING, IDLE, WAITING, BROKEN };
static struct held { int descriptor; enum held_state state; double sent; } held[HELD];
static int broken;

static void lose(struct held *connection) {
    connection->state = BROKEN;
    close(connection->descriptor);
    if (broken++ == 0) fprintf(stderr, "%9.1f first held connection broken\n", now());
}

static void exchange(int index) {
    struct held *connection = &held[index];
    if (connection->state != IDLE) return;
    connection->state = WAITING;
    connection->sent = now();
    if (send(connection->descriptor, "?", 1, MSG_NOSIGNAL) != 1) lose(connection);
}

static void held_is_ready(int index) {
    struct held *connection = &held[index];
    char bytes[64];
    if (connection->state == BROKEN) return;
    if (connection->state == CONNECTING) {
        connection->state = WAITING;
        connection->sent = now();
        if (!send_byte(connection->descriptor, index)) lose(connection);
        return;
    }
    ssize_t got = read(connection->descriptor, bytes, sizeof bytes);
    if (got > 0) connection->state = IDLE;
    else if (got == 0 || errno != EAGAIN) lose(connection);
}

// ---- owners of the address ----------------------------------------------------------------
static struct node { const char *name, *path; ino_t namespace; int netlink; } nodes[NODES];
static int node_count;

// A node that was switched off and on again has a new namespace under the old name.
static void follow_namespace(struct node *node) {
    struct stat status;
    ino_t namespace = stat(node->path, &status) ? 0 : status.st_ino;
    if (namespace == node->namespace) return;
    if (node->netlink >= 0) close(node->netlink);
    node->netlink = -1;
    node->namespace = 0;
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int its = open(node->path, O_RDONLY | O_CLOEXEC);
    if (its >= 0 && setns(its, CLONE_NEWNET) == 0) {
        node->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        node->namespace = namespace;
        setns(own, CLONE_NEWNET);
    }
    if (its >= 0) close(its);
    close(own);
}

static bool owns_address(int netlink) {
    struct { struct nlmsghdr header; struct ifaddrmsg address; } request = {
        {sizeof request, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {.ifa_family = AF_INET}};
    if (netlink < 0 || send(netlink, &request, sizeof request, 0) < 0) return false;
    bool found = false;
    for (;;) {
        static char buffer[32768] __attribute__((aligned(8)));
        ssize_t length = recv(netlink, buffer, sizeof buffer, 0);
        if (length <= 0) return found;
        for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, length); m = NLMSG_NEXT(m, length)) {
            if (m->nlmsg_type != RTM_NEWADDR) return found;
            int size = IFA_PAYLOAD(m);
            for (struct rtattr *a = IFA_RTA(NLMSG_DATA(m)); RTA_OK(a, size); a = RTA_NEXT(a, size))
                if (a->rta_type == IFA_LOCAL && !memcmp(RTA_DATA(a), &target.sin_addr, 4)) found = true;
        }
    }
}

static double two_owners, no_owner;
static void sample_owners(void) {
    static double previous;
    static int previous_owners = -1;
    int owners = 0, count = 0;
    for (int i = 0; i < node_count; i++) {
        follow_namespace(&nodes[i]);
        if (owns_address(nodes[i].netlink)) owners |= 1 << i, count++;
    }
    double t = now();
    if (previous_owners >= 0) {
        int before = __builtin_popcount(previous_owners);
        if (before > 1) two_owners += t - previous;
        if (before == 0) no_owner += t - previous;
    }
    if (owners != previous_owners) {
        fprintf(stderr, "%9.1f owners:", t);
        for (int i = 0; i < node_count; i++) if (owners >> i & 1) fprintf(stderr, " %s", nodes[i].name);
        fprintf(stderr, "%s\n", count ? "" : " none");
    }
    previous = t;
    previous_owners = owners;
}

// ---- the loop and the report --------------------------------------------------------------
static bool note_marks(void) {          // false at the end of standard input
    char text[256];
    ssize_t length = read(STDIN_FILENO, text, sizeof text - 1);
    if (length < 0) return errno == EAGAIN;
    if (length > 0) fprintf(stderr, "%9.1f == %.*s", now(), (int)length, text);
    return length > 0;
}

static void report(double late) {
    double outage = 0, longest = 0;
    int refused = 0, lost = 0;
    uint32_t count = attempt_count;
    while (count > 0 && attempts[count - 1].result == PENDING) count--;
    for (uint32_t i = 0; i < count; i++) {
        if (attempts[i].result == ANSWERED || attempts[i].result == PENDING) continue;
        uint32_t first = i;
        int refused_before = refused, lost_before = lost;
        for (; i < count && attempts[i].result != ANSWERED; i++) {
            refused += attempts[i].result == REFUSED;
            lost += attempts[i].result == LOST;
        }
        double span = attempts[i < count ? i : count - 1].start - attempts[first].start;
        outage += span;
        if (span > longest) longest = span;
        fprintf(stderr, "%9.1f outage of %.1f ms: %d refused, %d lost%s\n", attempts[first].start, span,
                refused - refused_before, lost - lost_before, i < count ? "" : ", still out at the end");
    }
    for (int i = 0; i < HELD; i++)
        if (held[i].state == CONNECTING || (held[i].state == WAITING && now() - held[i].sent > 1000)) broken++;
    printf("outage=%.0f longest=%.0f refused=%d lost=%d broken=%d two=%.0f none=%.0f late=%.0f attempts=%u\n",
           outage, longest, refused, lost, broken, two_owners, no_owner, late, attempt_count);
}

int main(int argc, char **argv) {
    if (argc < 4 || argc - 3 > NODES) return fprintf(stderr, "usage: observer ADDRESS PORT NODE=NETNS…\n"), 2;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) return fprintf(stderr, "bad address\n"), 2;
    for (int i = 3; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) return fprintf(stderr, "NODE=NETNS expected, not %s\n", argv[i]), 2;
        *equals = 0;
        nodes[node_count++] = (struct node){argv[i], equals + 1, 0, -1};
    }
    setvbuf(stderr, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    // Its own lateness is the error of every figure; it uses little of a processor.
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < HELD; i++) {
        held[i] = (struct held){open_connection(i), CONNECTING, 0};
        if (held[i].descriptor < 0) held[i].state = BROKEN, broken++;
    }

    double attempt_due = now() + 200, exchange_due = attempt_due, sample_due = now(), late = 0;
    int turn = 0;
    while (note_marks()) {
        double t = now();
        if (t - sample_due > late) late = t - sample_due;
        for (; sample_due <= t; sample_due += sample_every)
            if (sample_due + sample_every > t) sample_owners();
        if (attempt_due <= t) {
            begin_attempt();
            attempt_due = attempt_due + attempt_every > t ? attempt_due + attempt_every : t + attempt_every;
        }
        for (; exchange_due <= t; exchange_due += exchange_every / HELD) exchange(turn++ % HELD);
        expire_attempts();
        double wait = (attempt_due < sample_due ? attempt_due : sample_due) - now();
        struct timespec limit = {0, wait > 0 ? (long)(wait * 1e6) : 0};
        struct epoll_event events[64];
        int count = epoll_pwait2(poller, events, 64, &limit, NULL);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 < HELD) held_is_ready(events[i].data.u32);
            else attempt_is_ready(events[i].data.u32 - HELD);
        }
    }
    report(late);
    return 0;
}
