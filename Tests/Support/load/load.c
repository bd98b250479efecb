// load MODE PORT …: a client of one thread for scripts/gates and scripts/bench-proxy; see responder.c for the requests.
//
//   load short PORT CONNECTIONS AT_ONCE        connect, ask, read until the end
//   load keep  PORT REQUESTS AT_ONCE           ask again and again on open connections
//   load timed PORT MILLISECONDS AT_ONCE       the same for so long
//   load rate  PORT MILLISECONDS AT_ONCE RATE  requests due at a fixed rate; latency counts from when each was due
//   load down  PORT BYTES STREAMS              so many bytes on each
//   load up    PORT BYTES STREAMS
//   load idle  PORT CONNECTIONS                one request on each, then holds them until standard input
//                                              ends, and asks each once more
//
// Prints: units seconds p50_us p99_us failed
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { request_size = 64, answer_size = 128, chunk = 256 << 10, descriptors = 1 << 16 };

struct connection {
    int64_t since;
    int64_t received;
    int64_t to_send;
    bool is_connected, is_busy;
};

static struct connection connections[descriptors];
static char scratch[chunk];
static int poller, port;
static int64_t failed, units;
static uint32_t buckets[1 << 16];
static unsigned next_source;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Latencies in steps of 2 us up to 130 ms.
static void took(int64_t ns) {
    int64_t bucket = ns / 2000;
    buckets[bucket < 0 ? 0 : bucket > 65535 ? 65535 : bucket]++;
}

static int64_t percentile(double part) {
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < 65536; i++) all += buckets[i];
    for (int i = 0; i < 65536; i++)
        if ((seen += buckets[i]) > 0 && (double)seen >= part * (double)all) return i * 2;
    return 0;
}

static int open_one(void) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || fd >= descriptors) return perror("load: socket"), exit(1), -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    // A hundred source addresses, so that ports in TIME_WAIT never run out.
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000002 + next_source++ % 100)};
    bind(fd, (struct sockaddr *)&from, sizeof from);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&connections[fd], 0, sizeof connections[fd]);
    connections[fd].since = now_ns();
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        failed++;
        close(fd);
        return -1;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

static void ask(int fd, char kind, int64_t bytes) {
    char request[request_size] = {kind};
    memset(request + 1, '.', sizeof request - 1);
    if (kind == 'D') request[1 + sprintf(request + 1, "%lld", (long long)bytes)] = '.';
    connections[fd].received = 0;
    connections[fd].is_busy = true;
    if (send(fd, request, sizeof request, MSG_NOSIGNAL) != sizeof request) failed++;
}

static void report(int64_t begun) {
    printf("%lld %.6f %lld %lld %lld\n", (long long)units, (double)(now_ns() - begun) / 1e9,
           (long long)percentile(.5), (long long)percentile(.99), (long long)failed);
}

static void run_short(int64_t wanted, int at_once) {
    int64_t begun = now_ns(), opened = 0, closed = 0;
    while (opened < at_once && opened < wanted) open_one(), opened++;
    while (closed < wanted) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, 5000);
        if (count == 0) {
            failed += wanted - closed;
            break;
        }
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            struct connection *c = &connections[fd];
            if (!c->is_connected && events[i].events & EPOLLOUT && !(events[i].events & EPOLLERR)) {
                c->is_connected = true;
                ask(fd, 'c', 0);
            }
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            ssize_t n;
            while ((n = recv(fd, scratch, chunk, MSG_DONTWAIT)) > 0) c->received += n;
            if (n < 0 && errno == EAGAIN) continue;
            if (n == 0 && c->received == answer_size) units++; else failed++;
            took(now_ns() - c->since);
            close(fd);
            closed++;
            if (opened < wanted) open_one(), opened++;
        }
    }
    report(begun);
}

// Opens all and waits until they are connected.
static void open_all(int fds[], int count) {
    for (int begun = 0; begun < count;) {
        int batch = count - begun < 256 ? count - begun : 256;
        for (int i = 0; i < batch; i++) fds[begun + i] = open_one();
        for (int ready = 0; ready < batch;) {
            struct epoll_event events[256];
            int n = epoll_wait(poller, events, 256, 5000);
            if (n == 0) fprintf(stderr, "load: not connected after 5 s\n"), exit(1);
            for (int i = 0; i < n; i++) {
                struct connection *c = &connections[events[i].data.fd];
                if (!c->is_connected && events[i].events & (EPOLLOUT | EPOLLERR)) c->is_connected = true, ready++;
            }
        }
        begun += batch;
    }
}

static int fds[descriptors];

// Takes what has come; true when it was the whole answer.
static bool took_answer(int fd) {
    struct connection *c = &connections[fd];
    ssize_t n = recv(fd, scratch, chunk, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) fprintf(stderr, "load: the connection was closed\n"), exit(1);
    if (n > 0) c->received += n;
    if (!c->is_busy || c->received < answer_size) return false;
    c->is_busy = false;
    units++;
    took(now_ns() - c->since);
    return true;
}

static void run_keep(int64_t requests, int64_t until_ns, int at_once) {
    open_all(fds, at_once);
    int64_t begun = now_ns(), asked = 0;
    for (int i = 0; i < at_once && asked < requests; i++) {
        connections[fds[i]].since = begun;
        ask(fds[i], 'k', 0), asked++;
    }
    while (units < requests) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, 5000);
        if (count == 0) fprintf(stderr, "load: no answer within 5 s\n"), exit(1);
        int64_t now = now_ns();
        if (until_ns > 0 && now - begun > until_ns) break;
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (!(events[i].events & EPOLLIN) || !took_answer(fd) || asked >= requests) continue;
            connections[fd].since = now;
            ask(fd, 'k', 0), asked++;
        }
    }
    report(begun);
}

// Open loop: request n is due at n / rate whether or not answers have come.
static void run_rate(int64_t until_ns, int at_once, int64_t rate) {
    open_all(fds, at_once);
    int64_t begun = now_ns(), due = 0;
    int free_fds[descriptors], free_count = at_once;
    memcpy(free_fds, fds, sizeof(int) * (size_t)at_once);
    for (;;) {
        int64_t now = now_ns();
        if (now - begun > until_ns) break;
        while (free_count > 0 && begun + due * 1000000000LL / rate <= now) {
            int fd = free_fds[--free_count];
            connections[fd].since = begun + due++ * 1000000000LL / rate;
            ask(fd, 'k', 0);
        }
        int64_t wait = begun + due * 1000000000LL / rate - now;
        struct timespec limit = {0, free_count == 0 || wait > 1000000 ? 1000000 : wait < 0 ? 0 : wait};
        struct epoll_event events[256];
        int count = epoll_pwait2(poller, events, 256, &limit, NULL);
        for (int i = 0; i < count; i++)
            if (events[i].events & EPOLLIN && took_answer(events[i].data.fd)) free_fds[free_count++] = events[i].data.fd;
    }
    report(begun);
}

static void run_bulk(bool down, int64_t bytes, int streams) {
    open_all(fds, streams);
    int64_t begun = now_ns();
    for (int i = 0; i < streams; i++) {
        ask(fds[i], down ? 'D' : 'U', bytes);
        connections[fds[i]].to_send = down ? 0 : bytes;
    }
    int open = streams;
    while (open > 0) {
        for (int i = 0; i < streams; i++) {
            int fd = fds[i];
            struct connection *c = &connections[fd];
            if (fd < 0) continue;
            for (int k = 0; c->to_send > 0 && k < 16; k++) {
                ssize_t n = send(fd, scratch, c->to_send < chunk ? (size_t)c->to_send : chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0) break;
                if ((c->to_send -= n) == 0) shutdown(fd, SHUT_WR);
                units += n;
            }
            for (int k = 0; k < 16; k++) {
                ssize_t n = recv(fd, scratch, chunk, MSG_DONTWAIT | MSG_TRUNC);
                if (n > 0) c->received += n;
                if (n > 0 && down) units += n;
                if (n > 0) continue;
                if (n < 0 && errno == EAGAIN) break;
                if (n < 0 || c->received != (down ? bytes : 1)) failed++;
                close(fd);
                fds[i] = -1;
                open--;
                break;
            }
        }
        struct epoll_event events[256];
        if (open > 0) epoll_wait(poller, events, 256, 1);
    }
    report(begun);
}

// A request on each of them, 256 at a time; one that has no answer after five seconds has failed.
static void ask_all(int count) {
    for (int begun = 0; begun < count; begun += 256) {
        int end = begun + 256 < count ? begun + 256 : count, waiting = end - begun;
        for (int i = begun; i < end; i++) ask(fds[i], 'k', 0);
        for (int tries = 0; waiting > 0 && tries < 10000; tries++) {
            usleep(500);
            for (int i = begun; i < end; i++) waiting -= connections[fds[i]].is_busy && took_answer(fds[i]);
        }
        failed += waiting;
    }
}

static void run_idle(int count) {
    open_all(fds, count);
    int64_t begun = now_ns();
    ask_all(count);
    report(begun);
    fflush(stdout);
    while (read(0, scratch, chunk) > 0) {}
    ask_all(count);
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: load MODE PORT …\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poller = epoll_create1(0);
    port = atoi(argv[2]);
    int64_t first = atoll(argv[3]), second = argc > 4 ? atoll(argv[4]) : 1, third = argc > 5 ? atoll(argv[5]) : 1;
    const char *mode = argv[1];
    if (!strcmp(mode, "short")) run_short(first, (int)second);
    else if (!strcmp(mode, "keep")) run_keep(first, 0, (int)second);
    else if (!strcmp(mode, "timed")) run_keep(INT64_MAX, first * 1000000, (int)second);
    else if (!strcmp(mode, "rate")) run_rate(first * 1000000, (int)second, third);
    else if (!strcmp(mode, "down")) run_bulk(true, first, (int)second);
    else if (!strcmp(mode, "up")) run_bulk(false, first, (int)second);
    else if (!strcmp(mode, "idle")) run_idle((int)first);
    else return fprintf(stderr, "load: no mode '%s'\n", mode), 2;
    return failed > 0;
}
