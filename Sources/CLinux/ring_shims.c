#define _GNU_SOURCE
#include "ring_shims.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    // More than are ever asked for by name.
    PROBED = 64,
    // Attempts to hand entries over to a kernel that lacks memory for them.
    PATIENCE = 1000,
};

static int ring_setup(uint32_t entries, struct io_uring_params *params) {
    long fd = syscall(__NR_io_uring_setup, entries, params);
    return fd < 0 ? -errno : (int)fd;
}

static int ring_register(const struct tandem_ring *ring, unsigned opcode, void *argument, unsigned count) {
    return syscall(__NR_io_uring_register, ring->fd, opcode, argument, count) < 0 ? -errno : 0;
}

// MARK: Opening

static int map_rings(struct tandem_ring *ring, const struct io_uring_params *params) {
    size_t sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
    size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_size = sq > cq ? sq : cq;
    ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
                       IORING_OFF_SQ_RING);
    if (ring->rings == MAP_FAILED) return ring->rings = NULL, -errno;
    ring->sqes_size = params->sq_entries * sizeof(struct io_uring_sqe);
    ring->sqes = mmap(NULL, ring->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
                      IORING_OFF_SQES);
    if (ring->sqes == MAP_FAILED) return ring->sqes = NULL, -errno;
    char *base = ring->rings;
    ring->entries = params->sq_entries;
    ring->sq_head = (uint32_t *)(base + params->sq_off.head);
    ring->sq_tail = (uint32_t *)(base + params->sq_off.tail);
    ring->sq_mask = *(uint32_t *)(base + params->sq_off.ring_mask);
    ring->cq_head = (uint32_t *)(base + params->cq_off.head);
    ring->cq_tail = (uint32_t *)(base + params->cq_off.tail);
    ring->cq_mask = *(uint32_t *)(base + params->cq_off.ring_mask);
    ring->cqes = (struct io_uring_cqe *)(base + params->cq_off.cqes);
    uint32_t *array = (uint32_t *)(base + params->sq_off.array);
    for (uint32_t i = 0; i < params->sq_entries; i++) array[i] = i;
    ring->addresses = calloc(params->sq_entries, sizeof *ring->addresses);
    return ring->addresses ? 0 : -ENOMEM;
}

static int check_operations(const struct tandem_ring *ring) {
    size_t size = sizeof(struct io_uring_probe) + PROBED * sizeof(struct io_uring_probe_op);
    struct io_uring_probe *probe = calloc(1, size);
    if (!probe) return -ENOMEM;
    int error = ring_register(ring, IORING_REGISTER_PROBE, probe, PROBED);
    // The youngest of those that are used.
    if (error == 0 && probe->last_op < TANDEM_OP_FIXED_FD_INSTALL) error = -ENOSYS;
    free(probe);
    return error;
}

static int register_files(const struct tandem_ring *ring, uint32_t files, uint32_t allocated) {
    struct io_uring_rsrc_register table = {.nr = files, .flags = IORING_RSRC_REGISTER_SPARSE};
    int error = ring_register(ring, IORING_REGISTER_FILES2, &table, sizeof table);
    if (error < 0) return error;
    struct io_uring_file_index_range range = {.off = 0, .len = allocated};
    return ring_register(ring, IORING_REGISTER_FILE_ALLOC_RANGE, &range, 0);
}

// What can't be done without waiting, such as shutdown, is done by threads of the kernel: one is enough.
static int limit_threads(const struct tandem_ring *ring) {
    uint32_t bounded_and_not[2] = {1, 1};
    return ring_register(ring, IORING_REGISTER_IOWQ_MAX_WORKERS, bounded_and_not, 2);
}

static void *anonymous(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int register_buffers(struct tandem_ring *ring, uint32_t count, uint32_t size) {
    ring->buffers_size = count * sizeof(struct io_uring_buf);
    ring->memory_size = (size_t)count * (size + TANDEM_CACHE_LINE);
    ring->buffers = anonymous(ring->buffers_size);
    ring->memory = anonymous(ring->memory_size);
    if (!ring->buffers || !ring->memory) return -ENOMEM;
    struct io_uring_buf_reg group = {.ring_addr = (uint64_t)(uintptr_t)ring->buffers, .ring_entries = count};
    int error = ring_register(ring, IORING_REGISTER_PBUF_RING, &group, 1);
    if (error < 0) return error;
    ring->buffer_size = size;
    ring->buffer_mask = (uint16_t)(count - 1);
    for (uint32_t i = 0; i < count; i++) tandem_ring_recycle(ring, (uint16_t)i);
    return 0;
}

static void set_option(struct tandem_ring *ring, uint64_t failed, uint32_t file, uint32_t level, uint32_t name) {
    static const int one = 1;
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_URING_CMD, failed);
    entry->fd = (int32_t)file;
    entry->flags = IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    entry->off = TANDEM_SOCKET_OP_SETSOCKOPT;
    // struct { level, optname } in newer headers.
    uint32_t words[2] = {level, name};
    memcpy(&entry->addr, words, sizeof words);
    // optlen, optval.
    entry->file_index = sizeof one;
    entry->addr3 = (uint64_t)(uintptr_t)&one;
}

// That the kernel knows an operation does not tell that it lets this process do it on sockets of the ring's own: what
// every connection needs is done once, on the last direct descriptor.
static int try_operations(struct tandem_ring *ring, uint32_t files) {
    enum { OPENED = 1, SET, INSTALLED, CLOSED };
    uint32_t file = files - 1;
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_SOCKET, OPENED);
    entry->fd = AF_INET;
    entry->off = SOCK_STREAM;
    entry->file_index = file + 1;
    entry->flags = IOSQE_IO_LINK;
    set_option(ring, SET, file, IPPROTO_TCP, TCP_NODELAY);
    entry = tandem_ring_entry(ring, TANDEM_OP_FIXED_FD_INSTALL, INSTALLED);
    entry->fd = (int32_t)file;
    entry->flags = IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK;
    entry = tandem_ring_entry(ring, IORING_OP_CLOSE, CLOSED);
    entry->file_index = file + 1;
    struct tandem_completion completion = {0};
    int error = 0;
    // The last of them tells in any case; SET only if it failed.
    while (completion.data != CLOSED && error == 0) {
        int result = tandem_ring_enter(ring, 1, 1000000000);
        if (result == -ETIME || ring->failure) return result;
        while (tandem_ring_next(ring, &completion)) {
            if (completion.result < 0 && error == 0) error = completion.result;
            if (completion.data == INSTALLED && completion.result >= 0) close(completion.result);
        }
    }
    return error;
}

int tandem_ring_open(struct tandem_ring *ring, uint32_t entries, uint32_t files, uint32_t allocated,
                     uint32_t buffers, uint32_t buffer_size) {
    memset(ring, 0, sizeof *ring);
    struct io_uring_params params = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER
            | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = entries * 4,
    };
    ring->fd = ring_setup(entries, &params);
    if (ring->fd < 0) return ring->fd == -EINVAL ? -ENOSYS : ring->fd;
    int error = params.features & IORING_FEAT_SINGLE_MMAP && params.features & IORING_FEAT_EXT_ARG ? 0 : -ENOSYS;
    if (error == 0) error = map_rings(ring, &params);
    if (error == 0) error = check_operations(ring);
    if (error == 0) error = limit_threads(ring);
    if (error == 0) error = register_files(ring, files, allocated);
    if (error == 0) error = register_buffers(ring, buffers, buffer_size);
    if (error == 0) error = try_operations(ring, files);
    if (error < 0) tandem_ring_close(ring);
    return error;
}

void tandem_ring_close(struct tandem_ring *ring) {
    if (ring->fd >= 0) close(ring->fd);
    if (ring->rings) munmap(ring->rings, ring->rings_size);
    if (ring->sqes) munmap(ring->sqes, ring->sqes_size);
    if (ring->buffers) munmap(ring->buffers, ring->buffers_size);
    if (ring->memory) munmap(ring->memory, ring->memory_size);
    free(ring->addresses);
    memset(ring, 0, sizeof *ring);
    ring->fd = -1;
}

// MARK: Running

int tandem_ring_enter(struct tandem_ring *ring, uint32_t completions, int64_t nanoseconds) {
    __atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
    uint32_t count = ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
    struct __kernel_timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    struct io_uring_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)&limit};
    unsigned flags = IORING_ENTER_GETEVENTS | (nanoseconds > 0 ? IORING_ENTER_EXT_ARG : 0);
    long result = syscall(__NR_io_uring_enter, ring->fd, count, nanoseconds > 0 ? completions : 0, flags,
                          nanoseconds > 0 ? &argument : NULL, nanoseconds > 0 ? sizeof argument : 0);
    if (result >= 0) return (int)result;
    switch (errno) {
    // Nothing came in time, a signal, or what the kernel lacks for the moment (io_uring_enter(2)).
    case ETIME: case EINTR: case EAGAIN: case EBUSY: break;
    default: ring->failure = errno;
    }
    return -errno;
}

struct io_uring_sqe *tandem_ring_entry(struct tandem_ring *ring, uint8_t opcode, uint64_t data) {
    for (int attempts = 0; ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->entries; attempts++) {
        int result = tandem_ring_enter(ring, 0, -1);
        if (result < 0 && attempts >= PATIENCE) ring->failure = -result;
        if (ring->failure) break;
    }
    struct io_uring_sqe *entry = ring->failure ? &ring->nowhere : &ring->sqes[ring->tail++ & ring->sq_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->user_data = data;
    return entry;
}

int tandem_ring_install(struct tandem_ring *ring, uint64_t late, uint32_t file) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, TANDEM_OP_FIXED_FD_INSTALL, late);
    entry->fd = (int32_t)file;
    entry->flags = IOSQE_FIXED_FILE;
    // It never waits, so its completion is among those that come now; the others stay for later.
    uint32_t at = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
    tandem_ring_enter(ring, 0, -1);
    uint32_t tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
    for (; at != tail; at++) {
        struct io_uring_cqe *completion = &ring->cqes[at & ring->cq_mask];
        if (completion->user_data != late) continue;
        completion->user_data = 0;
        return completion->res;
    }
    return -EBUSY;
}

// MARK: Operations

void tandem_ring_accept(struct tandem_ring *ring, uint64_t data, int fd, struct sockaddr_storage *from, socklen_t *size) {
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_ACCEPT, data);
    *size = sizeof *from;
    from->ss_family = AF_UNSPEC;
    entry->fd = fd;
    entry->addr = (uint64_t)(uintptr_t)from;
    entry->addr2 = (uint64_t)(uintptr_t)size;
    entry->file_index = IORING_FILE_INDEX_ALLOC;
}

void tandem_ring_peer(const struct sockaddr_storage *system, struct tandem_address *address) {
    tandem_from_system(system, address);
}

void tandem_ring_connect(struct tandem_ring *ring, uint64_t data, uint64_t failed, uint32_t file,
                         const struct tandem_address *to, bool keeps_alive) {
    // A chain must not be cut in two by a full ring.
    if (ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) + 4 > ring->entries) tandem_ring_enter(ring, 0, -1);
    struct io_uring_sqe *entry = tandem_ring_entry(ring, IORING_OP_SOCKET, failed);
    entry->fd = to->family == 4 ? AF_INET : AF_INET6;
    entry->off = SOCK_STREAM;
    entry->file_index = file + 1;
    entry->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    set_option(ring, failed, file, IPPROTO_TCP, TCP_NODELAY);
    if (keeps_alive) set_option(ring, failed, file, SOL_SOCKET, SO_KEEPALIVE);
    struct sockaddr_storage *address = &ring->addresses[ring->tail & ring->sq_mask];
    socklen_t size = tandem_to_system(to, address);
    entry = tandem_ring_entry(ring, IORING_OP_CONNECT, data);
    entry->fd = (int32_t)file;
    entry->flags = IOSQE_FIXED_FILE;
    entry->addr = (uint64_t)(uintptr_t)address;
    entry->off = size;
}
