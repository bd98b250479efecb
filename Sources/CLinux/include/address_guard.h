// A process that takes addresses away when the one that holds them has gone silent: forked, never executed,
// with CAP_NET_ADMIN and a dozen system calls. Every function returns -errno instead of setting errno.
#pragma once

#include "clinux.h"

enum {
    TANDEM_GUARD_SLOTS = 1024,
    /// Bytes of ready-made netlink requests in one slot.
    TANDEM_GUARD_ROOM = 2048,
};

/// What one slot's deadline says when it is no deadline.
enum { TANDEM_GUARD_DISARMED = 0, TANDEM_GUARD_FIRED = 1 };

/// The memory that both processes share; its owner's pages are all that is ever written.
struct tandem_guard;

/// What the guard tells of one slot that it has acted on.
struct tandem_guard_report {
    uint32_t slot;
    /// Requests that the kernel carried out, and that it refused (addresses that were gone).
    uint32_t removed, refused;
    /// CLOCK_BOOTTIME in nanoseconds: the deadline (0: the owner had ended), and when all was removed.
    uint64_t deadline, done;
};

/// Forks the guard. `*guard` is the shared memory, `*channel` a SOCK_SEQPACKET socket whose other end is the
/// guard's: it brings reports and ends when the guard does. A `priority` above 0 is SCHED_RR's, where it is
/// allowed. The guard's pid, or -errno.
int tandem_guard_start(struct tandem_guard **guard, int *channel, int priority);
/// Gives the shared memory back; the guard keeps its own.
void tandem_guard_unmap(struct tandem_guard *guard);
/// Fills a slot that is disarmed with requests, one behind the other, each of them padded to 4 bytes.
int tandem_guard_fill(struct tandem_guard *guard, uint32_t slot, const void *requests, size_t size);
/// Sets the deadline of a slot. False: the guard has acted on it, and it stays as it is.
bool tandem_guard_arm(struct tandem_guard *guard, int channel, uint32_t slot, uint64_t deadline);
/// Takes the deadline back, whether it has passed or not. False: the guard had acted on it.
bool tandem_guard_disarm(struct tandem_guard *guard, uint32_t slot);
/// One report: 1, or 0 when none is there, or -errno; -EPIPE: the guard has ended.
int tandem_guard_report(int channel, struct tandem_guard_report *report);
