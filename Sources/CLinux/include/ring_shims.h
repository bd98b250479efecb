// io_uring by its system calls (io_uring(7)): one ring with direct descriptors and a ring of buffers that the kernel
// receives into. For one thread. Functions that fail return -errno.
#pragma once

#include "proxy_shims.h"

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>

// Newer than Debian 12's headers: Linux 6.7 and 6.8.
enum {
    TANDEM_OP_FIXED_FD_INSTALL = 54,
    TANDEM_SOCKET_OP_SETSOCKOPT = 3,
    /// Between two buffers: else all begin in the same few places of the processor's caches.
    TANDEM_CACHE_LINE = 64,
};

struct tandem_ring {
    int fd;
    /// errno of what the kernel does not recover from: nothing is handed over any more.
    int failure;
    uint32_t entries, sq_mask, cq_mask;
    /// Entries prepared so far.
    uint32_t tail;
    uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
    struct io_uring_sqe *sqes;
    /// Takes what is prepared after a failure.
    struct io_uring_sqe nowhere;
    struct io_uring_cqe *cqes;
    /// A socket address for every entry.
    struct sockaddr_storage *addresses;
    struct io_uring_buf_ring *buffers;
    uint16_t buffer_tail, buffer_mask;
    uint32_t buffer_size;
    char *memory;
    void *rings;
    size_t rings_size, sqes_size, buffers_size, memory_size;
};

struct tandem_completion {
    uint64_t data;
    int32_t result;
    uint32_t flags;
};

/// `files`: direct descriptors, of which those below `allocated` are chosen by the kernel. `buffers` is a power of 2.
/// -ENOSYS too where the kernel is older than 6.8. Direct descriptors count against RLIMIT_NOFILE, by themselves: -EMFILE.
int tandem_ring_open(struct tandem_ring *ring, uint32_t entries, uint32_t files, uint32_t allocated,
                     uint32_t buffers, uint32_t buffer_size);
void tandem_ring_close(struct tandem_ring *ring);
/// Hands over what is prepared, waits until there are so many completions or the time is over (negative: does not wait)
/// and lets the kernel do what waits for this thread. What it fails with for good is in `failure` too.
int tandem_ring_enter(struct tandem_ring *ring, uint32_t completions, int64_t nanoseconds);
/// A cleared entry; hands over what is prepared when there is no room. After a failure it leads nowhere.
struct io_uring_sqe *tandem_ring_entry(struct tandem_ring *ring, uint8_t opcode, uint64_t data);
/// An ordinary descriptor of a direct one, at once. Where its completion is not seen at once (-EBUSY), it comes later,
/// with `late`.
int tandem_ring_install(struct tandem_ring *ring, uint64_t late, uint32_t file);

static inline bool tandem_ring_next(struct tandem_ring *ring, struct tandem_completion *completion) {
    uint32_t head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) return false;
    const struct io_uring_cqe *entry = &ring->cqes[head & ring->cq_mask];
    completion->data = entry->user_data;
    completion->result = entry->res;
    completion->flags = entry->flags;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return true;
}

/// Completions that are there.
static inline uint32_t tandem_ring_ready(const struct tandem_ring *ring) {
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - *ring->cq_head;
}

static inline char *tandem_ring_buffer(const struct tandem_ring *ring, uint16_t buffer) {
    return ring->memory + (size_t)buffer * (ring->buffer_size + TANDEM_CACHE_LINE);
}

/// Gives a buffer to the kernel.
static inline void tandem_ring_recycle(struct tandem_ring *ring, uint16_t buffer) {
    struct io_uring_buf *place = &ring->buffers->bufs[ring->buffer_tail & ring->buffer_mask];
    place->addr = (uint64_t)(uintptr_t)tandem_ring_buffer(ring, buffer);
    place->len = ring->buffer_size;
    place->bid = buffer;
    __atomic_store_n(&ring->buffers->tail, ++ring->buffer_tail, __ATOMIC_RELEASE);
}

/// Whether more completions of the same operation follow.
static inline bool tandem_completion_continues(uint32_t flags) { return flags & IORING_CQE_F_MORE; }
static inline uint16_t tandem_completion_buffer(uint32_t flags) { return (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT); }
static inline bool tandem_completion_has_buffer(uint32_t flags) { return flags & IORING_CQE_F_BUFFER; }

// MARK: Operations. Those without `data` tell nothing when they succeed.

/// Into a direct descriptor that the kernel chooses: the completion's result.
void tandem_ring_accept(struct tandem_ring *ring, uint64_t data, int fd, struct sockaddr_storage *from, socklen_t *size);
/// What was written there by accept.
void tandem_ring_peer(const struct sockaddr_storage *system, struct tandem_address *address);
/// socket, TCP_NODELAY, connect, each if the one before has succeeded. One completion: of the last, or of the first that
/// failed, with `failed`.
void tandem_ring_connect(struct tandem_ring *ring, uint64_t data, uint64_t failed, uint32_t file,
                         const struct tandem_address *to, bool keeps_alive);

/// Again and again, or once.
static inline void tandem_ring_receive(struct tandem_ring *ring, uint64_t data, int file, bool again) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_RECV, data);
    entry->fd = file;
    entry->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->ioprio = again ? IORING_RECV_MULTISHOT : 0;
}

/// Its place, for `tandem_ring_send_last`. `waits`: until the socket takes something; else it is complete as soon as it is
/// handed over, perhaps with -EAGAIN. `is_last`: shutdown or close follows, so that the end may travel with the bytes.
static inline uint32_t tandem_ring_send(struct tandem_ring *ring, uint64_t data, int file, const void *bytes,
                                        uint32_t size, bool waits, bool is_last) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_SEND, data);
    entry->fd = file;
    entry->flags = IOSQE_FIXED_FILE;
    entry->addr = (uint64_t)(uintptr_t)bytes;
    entry->len = size;
    entry->msg_flags = MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT) | (is_last ? MSG_MORE : 0);
    return ring->tail - 1;
}

/// These bytes are the last, if they are not handed over yet.
static inline void tandem_ring_send_last(struct tandem_ring *ring, uint32_t place) {
    if ((int32_t)(place - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE)) >= 0)
        ring->sqes[place & ring->sq_mask].msg_flags |= MSG_MORE;
}

/// A thread of the kernel does it, and looks the direct descriptor up only then: it must not be closed before.
static inline void tandem_ring_shutdown(struct tandem_ring *ring, uint64_t data, int file) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_SHUTDOWN, data);
    entry->fd = file;
    entry->flags = IOSQE_FIXED_FILE;
    entry->len = SHUT_WR;
}

static inline void tandem_ring_close_file(struct tandem_ring *ring, int file) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_CLOSE, 0);
    entry->file_index = (uint32_t)file + 1;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

/// Ends the operation with that data, which tells so; the kernel finds it at once among any number.
static inline void tandem_ring_cancel(struct tandem_ring *ring, uint64_t data) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_ASYNC_CANCEL, 0);
    entry->fd = -1;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
    entry->addr = data;
}

/// Once, when one of the poll(2) events happens.
static inline void tandem_ring_poll(struct tandem_ring *ring, uint64_t data, int file, uint32_t events, bool is_direct) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_POLL_ADD, data);
    entry->fd = file;
    if (is_direct) entry->flags = IOSQE_FIXED_FILE;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    events = events << 16 | events >> 16;
#endif
    entry->poll32_events = events;
}
