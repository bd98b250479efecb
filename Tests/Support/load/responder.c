// responder PORT: the server behind the proxies of scripts/gates and scripts/bench-proxy.
//
// A request has 64 bytes. "k…" is answered with 128 bytes; "c…" too, and then the connection is closed;
// "D<bytes>…" is answered with as many bytes and the end; after "U…" everything is taken until the end comes, and
// then one byte and the end are sent back.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { request_size = 64, answer_size = 128, chunk = 256 << 10, descriptors = 1 << 16 };

struct connection {
    char request[request_size];
    int have;
    char mode;
    int64_t owed;
};

static struct connection connections[descriptors];
static char scratch[chunk];
static int poller;

static void finish(int fd) {
    close(fd);
    connections[fd].have = 0;
    connections[fd].mode = 0;
}

// Sends what is owed; the rest goes with the next EPOLLOUT.
static void pay(int fd) {
    struct connection *c = &connections[fd];
    while (c->owed > 0) {
        ssize_t n = send(fd, scratch, c->owed < chunk ? (size_t)c->owed : chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            if (errno != EAGAIN) finish(fd);
            return;
        }
        c->owed -= n;
    }
    if (c->mode == 'D' || c->mode == 'U') finish(fd);
}

static void serve(int fd) {
    struct connection *c = &connections[fd];
    for (;;) {
        if (c->mode == 'U') {
            ssize_t n = recv(fd, scratch, chunk, MSG_DONTWAIT | MSG_TRUNC);
            if (n > 0) continue;
            if (n < 0 && errno == EAGAIN) return;
            c->owed = 1;
            pay(fd);
            return;
        }
        ssize_t n = recv(fd, c->request + c->have, (size_t)(request_size - c->have), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            finish(fd);
            return;
        }
        c->have += (int)n;
        if (c->have < request_size) return;
        c->have = 0;
        switch (c->request[0]) {
        case 'D':
            c->mode = 'D';
            c->owed = atoll(c->request + 1);
            pay(fd);
            return;
        case 'U': c->mode = 'U'; break;
        default:
            if (send(fd, scratch, answer_size, MSG_NOSIGNAL | MSG_DONTWAIT) != answer_size || c->request[0] == 'c') {
                finish(fd);
                return;
            }
            // A request at a time: there is nothing more to read yet.
            return;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: responder PORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    memset(scratch, 'a', sizeof scratch);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16384) < 0)
        return perror("responder"), 1;
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (connections[fd].owed > 0 && events[i].events & EPOLLOUT) pay(fd);
                else serve(fd);
                continue;
            }
            for (int k = 0; k < 64; k++) {
                int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (accepted < 0) break;
                if (accepted >= descriptors) {
                    close(accepted);
                    continue;
                }
                memset(&connections[accepted], 0, sizeof connections[accepted]);
                event = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = accepted};
                epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
            }
        }
    }
}
