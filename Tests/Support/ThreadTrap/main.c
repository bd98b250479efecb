// thread-trap freeze|spin PID TID: makes one thread of a running program hang, and no other.
//
//   freeze  it is stopped and uses no processor, like a deadlock
//   spin    it runs `jmp .` over the program's entry point, code that never runs again, like an endless loop
//
// SIGTERM lets it go on where it was. Ends by itself when the thread is gone.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what) {
    fprintf(stderr, "thread-trap: %s: %s\n", what, strerror(errno));
    return 1;
}

// Waits until the thread has stopped; false when it is gone.
static int stopped(pid_t thread) {
    int status;
    while (waitpid(thread, &status, __WALL) < 0)
        if (errno != EINTR) return 0;
    return WIFSTOPPED(status);
}

#ifdef __x86_64__
// Where the kernel began the program: its entry point, wherever it was loaded.
static uint64_t entry_point(pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/auxv", process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t entry = 0;
    Elf64_auxv_t item;
    while (file >= 0 && read(file, &item, sizeof item) == (ssize_t)sizeof item)
        if (item.a_type == AT_ENTRY) entry = item.a_un.a_val;
    if (file >= 0) close(file);
    return entry;
}

static int spin(pid_t process, pid_t thread, struct user_regs_struct *saved) {
    uint64_t entry = entry_point(process);
    if (entry == 0) return -1;
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, thread, (void *)entry, NULL);
    if (errno != 0) return -1;
    long loop = (code & ~0xFFFFL) | 0xFEEB; // jmp .
    if (ptrace(PTRACE_POKETEXT, thread, (void *)entry, (void *)loop) != 0) return -1;
    if (ptrace(PTRACE_GETREGS, thread, NULL, saved) != 0) return -1;
    struct user_regs_struct registers = *saved;
    registers.rip = entry;
    registers.orig_rax = (unsigned long long)-1; // no system call that could be restarted
    if (ptrace(PTRACE_SETREGS, thread, NULL, &registers) != 0) return -1;
    return (int)ptrace(PTRACE_CONT, thread, NULL, NULL);
}
#endif

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: thread-trap freeze|spin PID TID\n");
        return 2;
    }
    int spins = strcmp(arguments[1], "spin") == 0;
    pid_t process = atoi(arguments[2]), thread = atoi(arguments[3]);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0) return fail("seize");
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0) return fail("interrupt");
    if (!stopped(thread)) return fail("wait");
#ifdef __x86_64__
    struct user_regs_struct saved;
    if (spins && spin(process, thread, &saved) != 0) return fail("spin");
#else
    (void)process;
    if (spins) {
        fprintf(stderr, "thread-trap: spinning is known for x86-64 only\n");
        return 3;
    }
#endif

    for (;;) {
        siginfo_t told;
        struct timespec patience = {0, 2000000};
        int signal = sigtimedwait(&signals, &told, &patience);
        if (signal == SIGTERM) break;
        int status;
        pid_t changed = waitpid(thread, &status, __WALL | WNOHANG);
        if (changed < 0 || (changed == thread && !WIFSTOPPED(status))) return 0;
        // A signal of the program's own while it spins: passed on.
        if (changed == thread && spins) ptrace(PTRACE_CONT, thread, NULL, (void *)(long)WSTOPSIG(status));
    }
#ifdef __x86_64__
    if (spins) {
        if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 || !stopped(thread)) return 0;
        if (ptrace(PTRACE_SETREGS, thread, NULL, &saved) != 0) return fail("restore");
    }
#endif
    if (ptrace(PTRACE_DETACH, thread, NULL, NULL) != 0 && errno != ESRCH) return fail("detach");
    return 0;
}
